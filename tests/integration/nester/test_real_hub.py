"""The pages over the real hub: what people do reaches it, and its double in other tests answers in the same shapes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hune.alerting.doors import keys
from hune.core.layout import Layout
from hune.core.service import start
from hune.nester.app import Nester
from hune.site.models import Site
from support.alerts import make_alert
from support.fake_engines import FakeEngines
from support.fake_hub import OPERATOR
from support.homelab import homelab
from support.hub_process import HubProcess, running_hub
from support.nester_place import Place, nester_place, open_session
from support.ports import free_port
from support.prometheus_server import PrometheusServer, prometheus_server

TIMING = {"reconcile": 0.3, "watch": 0.2, "doubt": 0.6, "recheck": 0.1}


@dataclass
class Stand:
    """A hub with one alert that fires, and the pages over it."""

    hub: HubProcess
    place: Place
    engines: PrometheusServer

    async def key(self, number: int | None) -> str:
        """Return the key of an alert's message, or the operator's."""
        made = await asyncio.to_thread(keys.read, keys.path(self.hub.layout))
        now = time.time()
        return made.for_operator(now=now) if number is None else made.for_alert(number, "console", now=now)

    async def alert(self, number: int = 1) -> dict[str, Any]:
        found: dict[str, Any] = await self.hub.get(f"/alerts/{number}")
        return found


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    hub_port, port = free_port(), free_port()
    async with prometheus_server(free_port()) as engines:
        url = {"url": f"http://127.0.0.1:{engines.port}"}
        given: dict[str, Any] = {"engines": {"prometheus": url, "alertmanager": url, "victoriametrics": url}}
        site: Site = homelab(engines_port=1, hub_port=hub_port, nester_port=port, **given)
        alerts = [make_alert(starts_at=time.time() - 60), make_alert(node="pve-01", starts_at=time.time() - 50)]
        engines.firing = engines.active = alerts
        async with (
            running_hub(tmp_path / "hub", site, environ={}, timing=TIMING) as hub,
            asyncio.TaskGroup() as group,
            open_session() as session,
        ):
            await hub.notify(*alerts, receiver="console")
            task = await start(group, Nester(site, Layout(tmp_path / "nester")))
            yield Stand(hub, Place(FakeEngines(site), session, f"http://127.0.0.1:{port}"), engines)
            task.cancel()


async def test_alert_is_acknowledged_handed_back_and_silenced_by_the_key_of_its_message(stand: Stand) -> None:
    place, key = stand.place, await stand.key(1)
    _, page = await place.get(f"/alerts/1?key={key}")
    assert 'value="acknowledge"' in page
    response, text = await place.send("/alerts/1", {"do": "acknowledge", "by": "Ana <b>", "note": "on it", "key": key})
    assert response.status == 303, text
    _, page = await place.get(response.headers["Location"])
    assert "Acknowledged by Ana &lt;b&gt;" in page
    care = (await stand.alert())["care"]
    assert (care["by"], care["note"], care["until"]) == ("Ana <b>", "on it", None)
    response, text = await place.send("/alerts/1", {"do": "release", "by": "Ana", "key": key})
    assert response.status == 303, text
    assert (await stand.alert())["care"] is None
    response, text = await place.send("/alerts/1", {"do": "silence:8h", "by": "Ana", "reason": "new fans", "key": key})
    assert response.status == 303, text
    assert [(hold["kind"], hold["reason"]) for hold in (await stand.alert())["holds"]] == [("silence", "new fans")]
    assert (await stand.alert(2))["holds"] == []
    _, page = await place.get("/alerts")
    assert "silenced" in page
    response, _ = await place.send("/alerts/2", {"do": "acknowledge", "by": "Ana", "key": key})
    assert response.status == 403
    response, _ = await place.send("/alerts/2", {"do": "acknowledge", "by": "Ana"})
    assert response.status == 401
    assert (await stand.alert(2))["care"] is None


async def test_operator_declares_maintenance_and_ends_what_holds(stand: Stand) -> None:
    place = stand.place
    response, _ = await place.get(f"/sign-in?key={await stand.key(None)}")
    assert response.status == 303
    signed = {"Origin": place.url, "Cookie": response.headers["Set-Cookie"].partition(";")[0]}
    fields = [("do", "declare"), ("by", "Ana"), ("reason", "new fans"), ("length", "2h"), ("nodes", "pve-02")]
    response, text = await place.send("/maintenance", fields, **signed)
    assert response.status == 303, text
    fields = [("do", "silence"), ("by", "Bo"), ("reason", "dust"), ("length", "1d"), ("matchers", "node=~pve-.1")]
    response, text = await place.send("/maintenance", fields, **signed)
    assert response.status == 303, text
    assert [hold["kind"] for number in (1, 2) for hold in (await stand.alert(number))["holds"]] == [
        "maintenance",
        "silence",
    ]
    _, page = await place.get("/maintenance", **signed)
    for expected in ("new fans", "node=~pve-.1", 'value="end:1"', 'value="expire:silence-1"'):
        assert expected in page
    for deed in ("end:1", "expire:silence-1"):
        response, text = await place.send("/maintenance", {"do": deed, "by": "Ana"}, **signed)
        assert response.status == 303, text
    assert (await stand.alert(1))["holds"] == (await stand.alert(2))["holds"] == []
    fields = [("do", "silence"), ("by", "Bo"), ("reason", "dust"), ("length", "1d"), ("matchers", "node=~(")]
    response, _ = await place.send("/maintenance", fields, **signed)
    assert response.status in (303, 400)
    response, text = await place.send(
        "/alerts", [("do", "acknowledge"), ("by", "Ana"), ("id", "1"), ("id", "2")], **signed
    )
    assert response.status == 303, text
    assert [(await stand.alert(number))["care"]["by"] for number in (1, 2)] == ["Ana", "Ana"]


async def test_history_is_that_of_the_hub(stand: Stand) -> None:
    _, page = await stand.place.get("/alerts/history?rule=CpuHot&node=pve-01")
    assert page.count("<tr>") == 1 + 1
    first = await stand.hub.get("/history?limit=1")
    older = await stand.hub.get(f"/history?limit=1&before={first['alerts'][0]['id']}")
    assert [row["id"] for answer in (first, older) for row in answer["alerts"]] == [2, 1]
    _, text = await stand.place.get("/alerts/history.csv?rule=CpuHot")
    assert text.startswith("alert,alertname,")
    _, text = await stand.place.get("/alerts/history.json")
    assert len(text.splitlines()) == 2


async def test_double_of_the_hub_answers_in_its_shapes(stand: Stand, tmp_path_factory: pytest.TempPathFactory) -> None:
    async def acted(place: Place, operator: str) -> None:
        signed = {"Origin": place.url, "Cookie": f"hune-operator={operator}"}
        for deed in ("acknowledge", "silence:1h"):
            fields = {"do": deed, "by": "Ana", "note": "x", "reason": "fans"}
            response, text = await place.send("/alerts/1", fields, **signed)
            assert response.status == 303, text
        fields = {"do": "declare", "by": "Ana", "reason": "fans", "length": "1h", "nodes": "pve-01"}
        response, text = await place.send("/maintenance", fields, **signed)
        assert response.status == 303, text

    async def shapes(place: Place, base: str, operator: str) -> dict[str, set[str]]:
        async def get(path: str) -> Any:
            headers = {"X-Hune-Page": "1", "Authorization": f"Bearer {operator}"}
            async with place.session.get(base + path, headers=headers) as response:
                assert response.status == 200, path
                return await response.json()

        alert, listed = await get("/alerts/1"), await get("/alerts?since=0")
        return {
            "list": set(listed["alerts"][0]) - {"deliveries"},
            "alert": set(alert),
            "care": set(alert["care"]),
            "event": set(alert["events"][0]),
            "silence": set((await get("/silences"))["silences"][0]),
            "silences": set(await get("/silences")),
            "matcher": set((await get("/silences"))["silences"][0]["matchers"][0]),
            "window": set((await get("/maintenance"))["maintenance"][0]),
            "key": set(await get("/key")),
        }

    await acted(stand.place, await stand.key(None))
    real = await shapes(stand.place, stand.hub.url, await stand.key(None))
    async with nester_place(tmp_path_factory.mktemp("double")) as double:
        alert = double.engines.fire("CpuHot", "pve-02", value=78, unit="°C", threshold=70)
        await acted(double, OPERATOR)
        double.engines.hold(alert)
        promised = await shapes(double, double.engines.site.url("hub"), OPERATOR)
    assert {kind: names - real[kind] for kind, names in promised.items() if names - real[kind]} == {}
    hold = (await stand.alert())["holds"][0]
    assert set(alert["holds"][0]) == set(hold)
