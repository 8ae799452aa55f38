"""Who a visitor of the pages is, and what is shown of the past."""

from __future__ import annotations

import contextlib
import html
import logging
import re
import threading

import aiohttp
import pytest

from hune.alerting.words import WORDS
from support.fake_hub import OPERATOR, key_of
from support.nester_place import ACKNOWLEDGE, AS_OPERATOR, Place, cookies, problem

# -- who is there ----------------------------------------------------------------------------------------------------


async def test_operators_link_is_kept_in_a_cookie_and_leaves_the_address(place: Place) -> None:
    response, _ = await place.get(f"/sign-in?key={OPERATOR}")
    assert (response.status, response.headers["Location"]) == (303, "/sign-in?done=1")
    cookie = cookies(response)["hune-operator"]
    assert (cookie.value, cookie["samesite"], bool(cookie["httponly"]), cookie["path"]) == (
        OPERATOR,
        "strict",
        True,
        "/",
    )
    assert not cookie["secure"]
    assert 0 < int(cookie["max-age"]) <= 86_400
    _, page = await place.get("/sign-in", **AS_OPERATOR)
    assert "as the operator" in page
    response, _ = await place.get(f"/sign-in?key={OPERATOR}", Host="watch.example.org")
    assert cookies(response)["hune-operator"]["secure"]


async def test_browser_that_shows_the_cookie_only_to_the_next_page_is_led_there(place: Place) -> None:
    _, page = await place.get("/sign-in?done=1")
    assert '<meta http-equiv="refresh" content="0; url=/sign-in">' in page
    _, page = await place.get("/sign-in")
    assert "refresh" not in page
    assert "hune alert link" in page


async def test_wrong_key_is_refused_politely(place: Place) -> None:
    response, text = await place.get("/sign-in?key=nonsense")
    assert (response.status, "Set-Cookie" in response.headers) == (403, False)
    assert "not valid" in problem(text)
    place.engines.hub_answers = False
    response, text = await place.get(f"/sign-in?key={OPERATOR}")
    assert response.status == 503


async def test_key_of_an_alert_signs_nobody_in(place: Place) -> None:
    response, _ = await place.get(f"/sign-in?key={key_of(2)}")
    assert (response.status, response.headers["Location"]) == (303, f"/alerts/2?key={key_of(2)}")
    assert "Set-Cookie" not in response.headers


async def test_typed_address_of_signing_out_leads_to_its_button(place: Place) -> None:
    response, _ = await place.get("/sign-out", **AS_OPERATOR)
    assert (response.status, response.headers["Location"]) == (303, "/sign-in")
    assert "Set-Cookie" not in response.headers


async def test_signing_out_forgets_the_key(place: Place) -> None:
    response, _ = await place.send("/sign-out", {}, Origin=place.url, **AS_OPERATOR)
    assert response.status == 303
    assert int(cookies(response)["hune-operator"]["max-age"]) == 0


@pytest.mark.parametrize("path", ["/alerts", "/alerts/1", "/maintenance"])
async def test_without_a_key_there_are_no_dead_buttons_but_the_way_to_one(place: Place, path: str) -> None:
    _, page = await place.get(path)
    assert 'name="do"' not in page
    assert 'method="post"' not in page
    if path != "/alerts":
        assert "hune alert link" in page
    _, page = await place.get(path, **AS_OPERATOR)
    assert 'name="do"' in page


async def test_another_language_keeps_the_key_of_the_link(place: Place) -> None:
    _, page = await place.get(f"/alerts/1?key={key_of(1)}")
    assert f'href="?key={key_of(1)}&amp;lang=fr"' in page


async def test_what_an_alert_is_about_is_said_in_the_language_of_the_reader(place: Place) -> None:
    place.engines.alerts[0]["annotations"]["description"] = WORDS["en"]["CpuHot"].description.format(
        chip="k10", clear=67
    )
    _, page = await place.get("/alerts/1", **{"Accept-Language": "fr"})
    assert WORDS["fr"]["CpuHot"].description.format(chip="k10", clear=67) in html.unescape(page)


# -- the past --------------------------------------------------------------------------------------------------------


async def test_history_is_narrowed_paged_and_exported(place: Place) -> None:
    for _ in range(60):
        place.engines.fire("ProbeFailed", "pve-03", state="resolved", ago=900, resolved_ago=600)
    _, page = await place.get("/alerts/history?rule=ProbeFailed")
    assert page.count("<tr>") == 1 + 50
    older = re.findall(r'rel="next" href="([^"]+)"', page)[0].replace("&amp;", "&")
    _, page = await place.get(older)
    assert page.count("<tr>") == 1 + 10
    assert 'rel="next"' not in page
    _, page = await place.get("/alerts/history?node=pve-02")
    assert page.count("<tr>") == 1 + 1
    _, page = await place.get("/alerts/history?to=1999-01-01&from=nonsense")
    assert "Nothing fits" in page
    response, text = await place.get("/alerts/history.csv?rule=CpuHot")
    assert text.splitlines() == ["alert,alertname", "1,CpuHot"]
    assert "attachment" in response.headers["Content-Disposition"]
    assert response.headers["Content-Type"].startswith("text/csv")
    response, _ = await place.get("/alerts/history.exe")
    assert response.status == 404


async def test_history_while_the_hub_is_silent(place: Place) -> None:
    place.engines.hub_answers = False
    response, text = await place.get("/alerts/history")
    assert response.status == 503
    assert "not known here" in text
    response, text = await place.get("/alerts/history.json")
    assert response.status == 503


async def test_export_that_the_hub_breaks_off_is_seen_to_be_incomplete(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    place.engines.breaks_off = threading.Event()
    async with place.session.get(f"{place.url}/alerts/history.csv") as response:
        assert (await response.content.readline()).startswith(b"alert,")
        place.engines.breaks_off.set()
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()
    ours = [record for record in caplog.records if record.name.startswith(("uvicorn", "hune.http"))]
    [line] = [record.getMessage() for record in ours]
    assert line.startswith("/alerts/history.csv: cut short, and whoever asked can tell: http://127.0.0.1:")


async def test_exports_that_nobody_reads_take_nothing_from_the_pages(place: Place) -> None:
    place.engines.breaks_off = threading.Event()
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(4):
            begun = await stack.enter_async_context(place.session.get(f"{place.url}/alerts/history.csv"))
            assert begun.status == 200
        response, text = await place.get("/alerts/history.json")
        assert (response.status, response.headers["Retry-After"]) == (503, "10")
        assert "too many are exported at once" in text
        response, _ = await place.get("/alerts/history")
        assert response.status == 200
        place.engines.breaks_off.set()


async def test_no_link_can_say_that_something_was_done(place: Place) -> None:
    _, page = await place.get("/alerts/1?done=acknowledge&hune-done=acknowledge")
    assert "Acknowledged" not in page
    _, page = await place.get("/alerts/1", Cookie="hune-done=<b>nonsense")
    assert "nonsense" not in page


async def test_what_somebody_did_is_not_answered_to_another_with_the_same_form(place: Place) -> None:
    fields = {**ACKNOWLEDGE, "once": "a-form"}
    response, _ = await place.send("/alerts/1", {**fields, "key": key_of(1)})
    assert response.status == 303
    response, _ = await place.send("/alerts/1", {**fields, "key": key_of(2)})
    assert response.status == 403
    assert "Location" not in response.headers


async def test_number_of_an_alert_is_one_however_it_is_written(place: Place) -> None:
    _, page = await place.get(f"/alerts/0001?key={key_of(1)}")
    assert f'action="/alerts/1?key={key_of(1)}"' in page
    assert 'value="acknowledge"' in page


@pytest.mark.parametrize(
    "path",
    ["/alerts/99", "/alerts/99999999999999999999", "/alerts/-1", "/alerts/x", "/alerts/٣", f"/alerts/{'9' * 5000}"],
)
async def test_alert_that_the_hub_does_not_know_is_not_there(place: Place, path: str) -> None:
    response, _ = await place.get(path)
    assert response.status == 404
