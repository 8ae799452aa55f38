"""What each address answers, with nothing that blocks the loop: headers, JSON, errors, the event stream."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest

from hune.core.errors import Unavailable
from hune.core.layout import Layout
from hune.nester.app import Nester
from hune.nester.queries import LIVE
from support.fake_hub import key_of
from support.nester_place import Place, nester_place


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with nester_place(tmp_path) as running:
        yield running


@pytest.mark.parametrize("path", ["/", "/wall", "/alerts", "/nodes/pve-01", "/nodes/watch?range=24h"])
async def test_pages_are_guarded_and_never_kept(place: Place, path: str) -> None:
    response, text = await place.get(path)
    assert response.status == 200
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert "unsafe" not in response.headers["Content-Security-Policy"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "same-origin"
    assert response.headers["Cache-Control"] == "no-store"
    assert "<style" not in text
    assert " style=" not in text


async def test_bundled_files_are_kept_for_ever(place: Place) -> None:
    _, text = await place.get("/")
    path = text.split('rel="stylesheet" href="')[1].split('"')[0]
    response, _ = await place.get(path)
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert response.headers["Content-Type"] == "text/css; charset=utf-8"


@pytest.mark.parametrize("path", ["/static/no.js", "/static/manifest.json", "/api/nothing"])
async def test_files_that_are_not_there_are_problems_not_pages(place: Place, path: str) -> None:
    response, text = await place.get(path)
    assert response.status == 404
    assert response.headers["Content-Type"].startswith("application/problem+json"), text


@pytest.mark.parametrize("path", ["/nowhere", "/nodes/pve-99", "/runbooks/NoSuch", "/runbooks/..%2Fsecrets"])
async def test_unknown_page_is_a_page_that_says_so(place: Place, path: str) -> None:
    response, text = await place.get(path, **{"Accept-Language": "fr"})
    assert response.status == 404
    assert "Rien à l’horizon" in text


async def test_page_that_breaks_is_a_page_that_says_so(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr("hune.nester.views.alerts.ended_rows", broken)
    response, text = await place.get("/alerts")
    assert response.status == 500
    assert "This page broke" in text
    assert "fault of ours" not in text
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    response, _ = await place.get("/")
    assert response.status == 200


async def test_unknown_host_is_refused_and_the_public_one_known(place: Place) -> None:
    response, _ = await place.get("/", Host="evil.example.net")
    assert response.status == 421
    response, _ = await place.get("/", Host="watch.example.org")
    assert response.status == 200


async def test_wish_by_address_is_kept_and_leads_back(place: Place) -> None:
    response, _ = await place.get("/nodes/pve-01?range=24h&lang=fr&theme=dark")
    assert response.status == 303
    assert response.headers["Location"] == "/nodes/pve-01?range=24h"
    cookies = response.headers.getall("Set-Cookie")
    assert any(cookie.startswith("lang=fr") and "SameSite=lax" in cookie for cookie in cookies)
    assert any(cookie.startswith("theme=dark") for cookie in cookies)


async def test_way_back_never_leads_to_another_host(place: Place) -> None:
    response, _ = await place.get("//evil.example/?lang=fr")
    assert response.status == 303
    assert response.headers["Location"] == "/evil.example/"


async def test_overview_as_json_holds_states_and_values(place: Place) -> None:
    place.engines.heat("pve-02", 78)
    content = await place.json("/api/overview")
    assert content["state"] == "critical"
    node = next(node for node in content["nodes"] if node["name"] == "pve-02")
    assert (node["state"], node["limit_celsius"], node["alerts"]) == ("critical", 70.0, ["1"])
    assert max(sensor["celsius"]["value"] for sensor in node["sensors"]) == 78
    assert [source["name"] for source in content["sources"]] == ["prometheus", "hub", "conductor"]
    assert {service["name"] for service in content["services"]} >= {"prometheus", "hub", "nester"}


@pytest.mark.parametrize(("span", "step"), [("1h", 15), ("24h", 300), ("30d", 7200)])
async def test_history_as_json_is_aligned(place: Place, span: str, step: int) -> None:
    content = await place.json(f"/api/history/pve-01?range={span}")
    moments = content["moments"]
    assert moments[1] - moments[0] == step
    assert [panel["name"] for panel in content["panels"]] == ["temperature", "cpu", "memory", "links"]
    for panel in content["panels"]:
        assert panel["curves"], panel["name"]
        for curve in panel["curves"]:
            assert len(curve["values"]) == len(moments)
            assert sum(value is not None for value in curve["values"]) > len(moments) / 2
    assert content["panels"][0]["limit"] == 70
    assert [curve["name"] for curve in content["panels"][3]["curves"]] == ["f0 in", "f1 in", "f0 out", "f1 out"]


@pytest.mark.parametrize("path", ["/api/history/pve-99", "/api/history/pve-01?range=5y"])
async def test_no_such_history(place: Place, path: str) -> None:
    response, _ = await place.get(path)
    assert response.status == 404


async def test_search_knows_pages_machines_and_open_alerts(place: Place) -> None:
    place.engines.kill("pve-03")
    found = {entry["text"]: entry for entry in await place.json("/api/search?lang=fr")}
    assert found["Synthèse"]["url"] == "/"
    assert found["pve-03"] == {"text": "pve-03", "hint": "arrêté", "url": "/nodes/pve-03"}
    assert found["pve-03 est arrêté"]["url"] == "/alerts/1"
    assert found["Maintenance"]["url"] == "/maintenance"


async def test_digest_lists_what_a_message_counted(place: Place) -> None:
    alert = place.engines.fire("CpuHot", "pve-01", value=78, unit="°C", threshold=70)
    place.engines.digests["7"] = [{key: value for key, value in alert.items() if key != "deliveries"}]
    _, text = await place.get("/alerts?digest=7")
    assert "Digest 7" in text
    assert "CPU 78\u00a0°C on pve-01" in text
    for missing in ("8", "../alerts", "x"):
        response, text = await place.get(f"/alerts?digest={missing}")
        assert response.status == 200
        assert "There is no such digest" in text


async def test_alert_is_acknowledged_without_holding_up_the_loop(place: Place) -> None:
    place.engines.heat("pve-02", 78)
    response, text = await place.send("/alerts/1", {"do": "acknowledge", "by": "Ana", "key": key_of(1)})
    assert response.status == 303, text
    _, text = await place.get(f"/alerts/1?key={key_of(1)}")
    assert "Acknowledged by Ana" in text


async def test_digest_while_the_hub_is_silent(place: Place) -> None:
    place.engines.hub_answers = False
    _, text = await place.get("/alerts?digest=7")
    assert "The hub does not answer" in text


async def test_digest_with_a_number_that_none_has(place: Place) -> None:
    _, text = await place.get(f"/alerts?digest={'9' * 5000}")
    assert "There is no such digest" in text
    assert "9999" not in text.partition("<main")[2]


@pytest.mark.parametrize("query", ["", "view=overview", "view=nothing:en", "view=node/pve-99:en", "view=overview:xx"])
async def test_stream_of_no_view_is_refused(place: Place, query: str) -> None:
    response, text = await place.get(f"/events?{query}")
    assert response.status == 400
    assert "view" in text


async def test_tab_with_what_is_gone_leaves_the_stream_to_all_others(place: Place) -> None:
    # Twenty alerts in tabs, one with a long filter, and one with a machine that has left the site.
    filtered = "alerts?" + urlencode({"q": "\N{FIRECRACKER}" * 60, "node": "\N{FIRECRACKER}" * 60})
    views = ["node/pve-99:en", f"{filtered}:en", *(f"alert/{number}:en" for number in range(1, 21))]
    async with place.session.get(f"{place.url}/events?{urlencode([('view', each) for each in views])}") as response:
        assert response.status == 200
        assert set((await anext(_events(response)))["views"]) == set(views[1:])


async def test_stream_sends_the_whole_view_and_then_what_changed(place: Place) -> None:
    url = f"{place.url}/events?view=overview:en&view=wall:fr"
    async with place.session.get(url) as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        events = _events(response)
        first = await anext(events)
        assert set(first["views"]) == {"overview:en", "wall:fr"}
        assert "nodes" in first["views"]["overview:en"]["regions"]
        place.engines.nodes["pve-01"].celsius = 65.0
        while not (changed := (await anext(events))["views"]["overview:en"]["regions"].get("nodes")):
            pass
        assert list(changed["html"]) != []
        assert "verdict" not in (await anext(events))["views"]["overview:en"]["regions"]


async def _events(response: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    async for line in response.content:
        if line.startswith(b"data: "):
            yield json.loads(line[6:])


async def test_many_watchers_cost_prometheus_one_question_a_second(place: Place) -> None:
    async def watch() -> None:
        async with place.session.get(f"{place.url}/events?view=overview:en") as response:
            events = _events(response)
            for _ in range(3):
                await anext(events)

    await place.json("/api/overview")
    before, began = len(place.engines.asked), time.monotonic()
    await asyncio.gather(*(watch() for _ in range(10)))
    # However long a busy machine takes: so many looks, a second apart, have room in this time.
    assert place.engines.asked[before:].count(LIVE) <= time.monotonic() - began + 1


async def test_nester_leaves_at_once_while_somebody_watches(place: Place) -> None:
    async with place.session.get(f"{place.url}/events?view=overview:en") as response:
        await anext(_events(response))
        # The fixture ends Nester while this stream is open: it must not wait for the watcher.


async def test_health_and_metrics(place: Place) -> None:
    assert (await place.json("/health"))["healthy"] is True
    _, text = await place.get("/metrics")
    assert "hune_nester_streams 0.0" in text
    await place.json("/api/overview")
    _, text = await place.get("/metrics")
    assert 'hune_nester_questions_total{answered="yes",source="prometheus"} 1.0' in text


async def test_address_that_is_taken_is_said(place: Place, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="in use"):
        await Nester(place.engines.site, Layout(tmp_path)).run(asyncio.Event())
