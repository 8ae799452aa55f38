"""What people do on the pages reaches the hub with the key that they brought, and nothing else does."""

from __future__ import annotations

import pytest

from support.fake_hub import key_of
from support.nester_place import ACKNOWLEDGE, AS_OPERATOR, PUBLIC, Place, cookies, problem

# -- doing it --------------------------------------------------------------------------------------------------------


async def test_key_of_a_message_acknowledges_its_alert_and_the_page_shows_it(place: Place) -> None:
    _, page = await place.get(f"/alerts/1?key={key_of(1)}")
    assert f'<input type="hidden" name="key" value="{key_of(1)}">' in page
    assert 'value="acknowledge"' in page
    response, _ = await place.send("/alerts/1", {**ACKNOWLEDGE, "key": key_of(1)})
    assert response.status == 303
    assert response.headers["Location"] == f"/alerts/1?key={key_of(1)}"
    done = cookies(response)["hune-done"]
    assert (done.value, done["samesite"], bool(done["httponly"])) == ("acknowledge", "strict", True)
    assert place.engines.done == [("POST", "/alerts/1/acknowledge", {"by": "Ana", "note": "on my way"})]
    assert cookies(response)["hune-name"].value == "Ana"
    response, page = await place.get(response.headers["Location"], Cookie="hune-name=Ana; hune-done=acknowledge")
    assert int(cookies(response)["hune-done"]["max-age"]) == 0
    for expected in ('role="status"', "Acknowledged by Ana", "on my way", 'value="release"', 'value="Ana"'):
        assert expected in page


@pytest.mark.parametrize(
    ("wish", "path", "least", "most"),
    [
        ("snooze:1h", "/alerts/1/snooze", 3600, 3600),
        ("snooze:4h", "/alerts/1/snooze", 14_400, 14_400),
        ("snooze:tomorrow", "/alerts/1/snooze", 8 * 3600 - 7200, 34 * 3600),
        ("silence:7d", "/silences", 604_800, 604_800),
    ],
)
async def test_terms_are_handed_on_in_seconds(place: Place, wish: str, path: str, least: int, most: int) -> None:
    fields = {"do": wish, "by": "Ana", "reason": "new fans", "key": key_of(1)}
    response, text = await place.send("/alerts/1", fields)
    assert response.status == 303, text
    method, done, document = place.engines.done[0]
    assert (method, done) == ("POST", path)
    assert least <= document["seconds"] <= most


async def test_silence_of_an_alert_is_for_just_that_one(place: Place) -> None:
    await place.send("/alerts/1", {"do": "silence:1h", "by": "Ana", "reason": "new fans", "key": key_of(1)})
    assert place.engines.done == [
        ("POST", "/silences", {"alert": 1, "seconds": 3600, "by": "Ana", "reason": "new fans"})
    ]


async def test_handing_back(place: Place) -> None:
    place.engines.care(place.engines.alerts[0], "Bo")
    response, _ = await place.send("/alerts/1", {"do": "release", "by": "Ana", "key": key_of(1)})
    assert response.status == 303
    assert place.engines.alerts[0]["care"] is None


async def test_operator_acknowledges_several_at_once(place: Place) -> None:
    fields = [("do", "acknowledge"), ("by", "Ana"), ("id", "1"), ("id", "2"), ("id", "2")]
    response, text = await place.send("/alerts?q=pve", fields, Origin=place.url, **AS_OPERATOR)
    assert response.status == 303, text
    assert response.headers["Location"] == "/alerts?q=pve"
    assert [path for _, path, _ in place.engines.done] == ["/alerts/1/acknowledge", "/alerts/2/acknowledge"]


async def test_of_several_those_that_can_be_are_acknowledged_and_the_rest_is_said(place: Place) -> None:
    place.engines.alerts[0]["state"] = "resolved"
    fields = [("do", "acknowledge"), ("by", "Ana"), ("id", "1"), ("id", "2")]
    response, text = await place.send("/alerts", fields, Origin=place.url, **AS_OPERATOR)
    assert response.status == 409
    assert problem(text).startswith("1 of 2 were acknowledged; the others were not: It is over")


async def test_two_clicks_on_one_form_do_it_once(place: Place) -> None:
    fields = {"do": "silence:1h", "by": "Ana", "reason": "fans", "key": key_of(1), "once": "a-form"}
    first, _ = await place.send("/alerts/1", fields)
    second, _ = await place.send("/alerts/1", fields)
    assert (first.status, second.status) == (303, 303)
    assert len(place.engines.silences) == 1
    await place.send("/alerts/1", {**fields, "once": "another-form"})
    assert len(place.engines.silences) == 2


async def test_form_filled_in_anew_is_another_wish(place: Place) -> None:
    fields = {"do": "declare", "by": "Ana", "reason": "fans", "length": "1h", "once": "a-form"}
    for node in ("pve-01", "pve-02"):
        response, _ = await place.send("/maintenance", {**fields, "nodes": node}, Origin=place.url, **AS_OPERATOR)
        assert response.status == 303
    assert [document["scope"]["nodes"] for _, _, document in place.engines.done] == [["pve-01"], ["pve-02"]]


async def test_page_after_a_failure_keeps_the_key_in_its_address(place: Place) -> None:
    address = f"/alerts/1?key={key_of(1)}"
    _, page = await place.get(address)
    assert page.count(f'action="{address}"') == 2
    response, page = await place.send(address, {**ACKNOWLEDGE, "by": "", "key": key_of(1)})
    assert response.status == 400
    assert page.count(f'action="{address}"') == 2
    assert f'href="?key={key_of(1)}&amp;lang=fr"' in page


async def test_maintenance_is_declared_and_ended_by_the_operator(place: Place) -> None:
    fields = [("do", "declare"), ("by", "Ana"), ("reason", "new fans"), ("length", "4h"), ("nodes", "pve-01"),
              ("nodes", "pve-02"), ("probes", "nas")]  # fmt: skip
    response, text = await place.send("/maintenance", fields, Origin=place.url, **AS_OPERATOR)
    assert (response.status, response.headers.get("Location")) == (303, "/maintenance"), text
    document = place.engines.done[0][2]
    assert document["scope"] == {"nodes": ["pve-01", "pve-02"], "probes": ["nas"]}
    assert document["begins"] is None
    _, page = await place.get("/maintenance", **AS_OPERATOR)
    for expected in ("pve-01, pve-02", "probe nas", "new fans", "Ana", 'value="end:1"'):
        assert expected in page
    response, _ = await place.send("/maintenance", {"do": "end:1", "by": "Bo"}, Origin=place.url, **AS_OPERATOR)
    assert response.status == 303
    assert place.engines.windows == []


async def test_silence_by_labels(place: Place) -> None:
    matchers = 'alertname = LinkDown\r\nnode=~"pve-.*"\r\n\r\nseverity!=info\r\ncluster!~lab'
    fields = {"do": "silence", "by": "Ana", "reason": "cabling", "length": "1d", "matchers": matchers}
    response, text = await place.send("/maintenance", fields, Origin=place.url, **AS_OPERATOR)
    assert response.status == 303, text
    found = [(each["name"], each["value"], each["is_regex"], each["is_equal"])
             for each in place.engines.done[0][2]["matchers"]]  # fmt: skip
    assert found == [("alertname", "LinkDown", False, True), ("node", "pve-.*", True, True),
                     ("severity", "info", False, False), ("cluster", "lab", True, False)]  # fmt: skip
    silence = place.engines.silences[0]["id"]
    response, _ = await place.send(
        "/maintenance", {"do": f"expire:{silence}", "by": "Ana"}, Origin=place.url, **AS_OPERATOR
    )
    assert response.status == 303
    assert place.engines.silences == []


# -- not doing it ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9"},
        {"Origin": "http://127.0.0.1.evil.example"},
        {"Origin": "https://watch.example.org.evil.example"},
        {"Origin": ""},
        {"Origin": "http://["},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "cross-site", "Origin": PUBLIC},
        {"Referer": "http://127.0.0.1/"},
    ],
)
@pytest.mark.parametrize("path", ["/alerts/1", "/alerts", "/maintenance", "/sign-out"])
async def test_form_of_another_site_does_nothing(place: Place, headers: dict[str, str], path: str) -> None:
    fields = {**ACKNOWLEDGE, "id": "1", "key": key_of(1)}
    response, text = await place.send(path, fields, **headers, **AS_OPERATOR)
    assert (response.status, "Set-Cookie" in response.headers) == (403, False), text
    assert place.engines.done == []


@pytest.mark.parametrize(
    "headers",
    [{"Origin": PUBLIC}, {"Sec-Fetch-Site": "same-origin"}, {"Origin": PUBLIC, "Sec-Fetch-Site": "same-origin"}],
)
async def test_own_pages_are_known_behind_a_proxy_too(place: Place, headers: dict[str, str]) -> None:
    response, text = await place.send("/alerts/1", {**ACKNOWLEDGE, "key": key_of(1)}, **headers)
    assert response.status == 303, text


@pytest.mark.parametrize(
    ("key", "status", "said"),
    [
        ("", 401, "The key is not valid"),
        ("nonsense", 401, "The key is not valid"),
        ("a\r\nX-Evil: 1", 401, "The key is not valid"),
        ("k" * 5000, 401, "The key is not valid"),
        (key_of(2), 403, "it is for another alert"),
    ],
)
async def test_without_the_right_key_nothing_is_done_and_one_line_says_why(
    place: Place, key: str, status: int, said: str
) -> None:
    response, text = await place.send("/alerts/1", {**ACKNOWLEDGE, "key": key})
    assert response.status == status
    assert said in problem(text)
    assert place.engines.done == []


async def test_key_of_an_alert_silences_nothing_else(place: Place) -> None:
    fields = {"do": "silence", "by": "Ana", "reason": "x", "length": "1d", "matchers": "node=~.*", "key": key_of(1)}
    response, _ = await place.send("/maintenance", fields)
    assert response.status == 403
    response, _ = await place.send("/alerts", [*ACKNOWLEDGE.items(), ("id", "2"), ("key", key_of(1))])
    assert response.status == 409
    assert place.engines.done == []


@pytest.mark.parametrize(
    "path", ["/alerts/1?do=acknowledge&by=Ana", "/alerts?do=acknowledge&id=1&by=Ana", "/maintenance?do=declare&whole=1"]
)
async def test_looking_changes_nothing(place: Place, path: str) -> None:
    response, _ = await place.get(f"{path}&key={key_of(1)}", **AS_OPERATOR)
    assert response.status == 200
    assert place.engines.done == []


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"by": " "}, 400, "Say who you are"),
        ({"do": "silence:1h"}, 400, "Give a reason"),
        ({"do": "silence:1y", "reason": "x"}, 400, "nothing this page can do"),
        ({"do": "snooze:-5"}, 400, "nothing this page can do"),
        ({"do": "explode"}, 400, "nothing this page can do"),
        ({"do": ""}, 400, "nothing this page can do"),
    ],
)
async def test_form_that_makes_no_sense_is_shown_again(
    place: Place, changes: dict[str, str], status: int, said: str
) -> None:
    response, text = await place.send("/alerts/1", {**ACKNOWLEDGE, "key": key_of(1), **changes})
    assert response.status == status
    assert said in problem(text)
    assert 'value="on my way"' in text
    assert place.engines.done == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"do": "declare"}, "Choose what it is for"),
        ({"do": "declare", "whole": "1", "begins": "soon"}, "not a moment"),
        ({"do": "declare", "whole": "1", "begins": "2020-01-01T00:00"}, "would be over already"),
        ({"do": "declare", "whole": "1", "length": "9y"}, "nothing this page can do"),
        ({"do": "declare", "whole": "1", "reason": ""}, "Give a reason"),
        ({"do": "silence"}, "one label=value a line"),
        ({"do": "silence", "matchers": "alertname=CpuHot\r\n<b>nonsense"}, "&lt;b&gt;nonsense"),
        ({"do": "end:7"}, "no such thing"),
        ({"do": "end:"}, "nothing this page can do"),
    ],
)
async def test_maintenance_that_makes_no_sense_is_said_in_one_line(
    place: Place, changes: dict[str, str], said: str
) -> None:
    fields = {"by": "Ana", "reason": "fans", "length": "1h", **changes}
    response, text = await place.send("/maintenance", fields, Origin=place.url, **AS_OPERATOR)
    assert response.status in (400, 404)
    assert said in problem(text)
    assert place.engines.done == []


async def test_what_is_over_cannot_be_looked_after(place: Place) -> None:
    place.engines.alerts[0] |= {"state": "resolved", "resolved_at": place.engines.alerts[0]["starts_at"] + 5}
    _, page = await place.get(f"/alerts/1?key={key_of(1)}")
    assert 'name="do"' not in page
    response, text = await place.send("/alerts/1", {**ACKNOWLEDGE, "key": key_of(1)})
    assert response.status == 409
    assert "It is over" in problem(text)


async def test_silent_hub_is_said_and_known_alerts_stay(place: Place) -> None:
    await place.get("/alerts/1")
    place.engines.hub_answers = False
    response, text = await place.send("/alerts/1", {**ACKNOWLEDGE, "key": key_of(1)})
    assert response.status == 503
    assert "The hub does not answer" in problem(text)
    # It can be sent again as it was written.
    assert 'value="on my way"' in text
    assert 'value="acknowledge"' in text
    _, text = await place.get(f"/alerts/1?key={key_of(1)}")
    assert 'name="do"' not in text
    assert "The hub does not answer" in text
    response, text = await place.get("/alerts/2")
    assert response.status == 503
    assert "Not known just now" in text
    # It comes back by itself, with scripts and without.
    assert 'http-equiv="refresh"' in text


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x", "text/plain"])
async def test_only_forms_are_read(place: Place, kind: str) -> None:
    async with place.session.post(
        f"{place.url}/alerts/1", data=b"do=acknowledge&by=Ana", headers={"Origin": place.url, "Content-Type": kind}
    ) as response:
        assert response.status == 400


async def test_form_too_long_is_refused_in_the_language_of_the_page(place: Place) -> None:
    headers = {"Origin": place.url, "Cookie": "lang=fr"}
    response, text = await place.send("/alerts/1", {**ACKNOWLEDGE, "note": "x" * 100_000}, **headers)
    assert (response.status, "abrégez" in problem(text)) == (400, True)
    response, text = await place.send("/alerts", [("id", "1")] * 600, **headers)
    assert (response.status, "abrégez" in problem(text)) == (400, True)
    assert place.engines.done == []
