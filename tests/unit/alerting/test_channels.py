"""Answers of Discord and what follows from them; lines of the console; who is told of what."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from email.utils import formatdate
from itertools import accumulate
from typing import Any

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hune.alerting.addressing import receivers_of
from hune.alerting.notifiers import Notice, ReceiverRefused
from hune.alerting.notifiers.calling import Answer, Endpoint, _pause, retry_after
from hune.alerting.notifiers.console import ConsoleNotifier
from hune.alerting.notifiers.discord import escape
from hune.alerting.notifiers.phrasing import Wording, clean, cut, duration, figure, width
from hune.alerting.state.episode import Ending, Episode, State
from hune.site.models import Site

SECRET = "secret-token"


@pytest.mark.parametrize(
    ("headers", "answer", "seconds"),
    [
        ({"Retry-After": "1.25"}, None, 1.25),
        ({"Retry-After": "0"}, None, 0.0),
        ({"Retry-After": "-5"}, None, 0.0),
        ({"Retry-After": "1e9"}, None, 3600.0),
        ({"Retry-After": "9" * 400}, None, 3600.0),
        ({}, {"retry_after": 10**400}, 3600.0),
        ({}, {"retry_after": [3]}, None),
        ({"Retry-After": "Fri, 31 Feb 2026 99:99:99 GMT"}, None, None),
        ({"Retry-After": "nan"}, {"retry_after": 3}, 3.0),
        ({"Retry-After": "soon"}, {"retry_after": 0.4}, 0.4),
        ({}, {"retry_after": "x"}, None),
        ({}, {}, None),
        ({}, None, None),
    ],
)
def test_retry_after_is_understood(headers: Mapping[str, str], answer: Any, seconds: float | None) -> None:
    assert retry_after(headers, answer) == seconds


def test_retry_after_may_be_a_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hune.alerting.notifiers.calling.time.time", lambda: 1_000_000.0)
    assert retry_after({"Retry-After": formatdate(1_000_030, usegmt=True)}, None) == 30.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "1.5"}, 1.5),
        ({"X-RateLimit-Remaining": "2", "X-RateLimit-Reset-After": "1.5"}, 0.0),
        ({"X-RateLimit-Remaining": "0"}, 0.0),
        ({"X-RateLimit-Remaining": "many"}, 0.0),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "nan"}, 0.0),
        ({}, 0.0),
    ],
)
def test_empty_bucket_is_waited_for(headers: Mapping[str, str], seconds: float) -> None:
    assert _pause(Answer(204, headers, "", None)) == seconds


@pytest.mark.parametrize(
    "url",
    [
        "",
        "no url",
        "ftp://host/x",
        "https://",
        f"discord.com/{SECRET}",
        f"https://x:99999/{SECRET}",
        f"https://[x/{SECRET}",
        f"https://host/{SECRET}\r\nHost: other",
        f"https://host/{SECRET} x",
        f"https://hôte/{SECRET}",
        f"“https://host/{SECRET}”",
    ],
)
async def test_secret_that_is_no_url_is_refused_unseen(url: str) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(ReceiverRefused) as refused:
            Endpoint(session, url, what="the webhook", remedy="make a new one", timeout_seconds=1.0)
    assert SECRET not in str(refused.value)


def episode(*, over: bool = False, **labels: str) -> Episode:
    return Episode(
        id=1,
        fingerprint="f",
        labels={"alertname": "CpuHot", "severity": "critical", "node": "pve-02", **labels},
        annotations={"summary": "pve-02: CPU at 78 °C", "unit": "°C", "threshold": "70"},
        state=State.RESOLVED if over else State.FIRING,
        starts_at=1000.0,
        received_at=1000.0,
        heard_at=1000.0,
        resolved_at=1192.0 if over else None,
        ending=Ending.MEASURED if over else None,
        value=78.0,
        peak=81.0,
    )


async def printed(notice: Notice, environ: Mapping[str, str], *, terminal: bool = False) -> str:
    stream = io.StringIO()
    stream.isatty = lambda: terminal  # type: ignore[method-assign]
    await ConsoleNotifier(Wording("en"), environ, stream).tell(notice)
    return stream.getvalue()


async def test_console_line_says_all_that_matters() -> None:
    line = await printed(Notice(episode(), State.FIRING, True, 43_207.0), {})
    assert line == "12:00:07Z 🔥 CRITICAL CpuHot pve-02: CPU at 78 °C · 78 °C (limit 70 °C)\n"


async def test_console_line_says_nothing_twice() -> None:
    summary = "pve-02: CPU at 78.0 °C, limit 70 °C, beside enp1s0f1"
    hot = episode(device="enp1s0f1", chip="coretemp")
    told = replace(hot, annotations={**hot.annotations, "summary": summary})
    line = await printed(Notice(told, State.FIRING, True, 43_207.0), {})
    assert line.endswith("CpuHot pve-02: CPU at 78.0 °C, limit 70 °C, beside enp1s0f1 · chip coretemp\n")


async def test_console_line_of_a_resolved_alert_says_how_long_it_lasted() -> None:
    line = await printed(Notice(episode(over=True, lab="true"), State.RESOLVED, False, 43_207.0), {})
    assert line == "12:00:07Z ✅ RESOLVED LAB CpuHot pve-02: CPU too hot · after 3 min 12 s · peak 81 °C\n"


@pytest.mark.parametrize(
    ("environ", "terminal", "coloured"),
    [({}, False, False), ({}, True, True), ({"FORCE_COLOR": "1"}, False, True), ({"NO_COLOR": "1"}, True, False)],
)
async def test_console_is_coloured_where_that_is_seen(environ: dict[str, str], terminal: bool, coloured: bool) -> None:
    line = await printed(Notice(episode(), State.FIRING, True, 0.0), environ, terminal=terminal)
    assert ("\x1b[1;35m" in line) is coloured


async def test_label_cannot_forge_lines_or_colours_of_the_console() -> None:
    line = await printed(Notice(episode(node="a\n00:00 ✅ RESOLVED\x1b[2J"), State.FIRING, True, 0.0), {})
    assert line.count("\n") == 1
    assert "\x1b" not in line


def test_units_and_durations_are_written_as_people_do() -> None:
    assert [duration(seconds) for seconds in (-4, 0, 59.6, 61, 3600, 90061)] == [
        "0 s",
        "0 s",
        "1 min",
        "1 min 1 s",
        "1 h",
        "1 d 1 h",
    ]
    assert figure(78.04, "°C") == "78 °C"
    assert figure(0.125, "Gbit/s") == "0.125 Gbit/s"
    assert figure(1.25e9, "B/s") == "10 Gbit/s"
    assert figure(0.0314, "ratio") == "3.14 %"
    assert figure(3.0, "") == "3"


def test_cutting_counts_as_the_strictest_channel_does() -> None:
    assert cut("abc", 3) == "abc"
    assert cut("abcd", 3) == "ab…"
    assert width(cut("😀" * 10, 6)) <= 6
    assert clean("\u200d\u200d") == ""


@given(st.text(st.sampled_from("ab ש\u0301😀\u202e\u2068\u2069\u200d…\\*"), max_size=60), st.integers(4, 40))
@settings(deadline=None, max_examples=200)
def test_what_was_cut_turns_nothing_beside_it_and_covers_no_other_line(text: str, limit: int) -> None:
    for shown in (cut(clean(text), limit), cut(f"{clean(text)} · {clean(text)}", limit), escape(text, limit)):
        assert width(shown) <= limit
        depth = list(accumulate({"\u2068": 1, "\u2069": -1}.get(character, 0) for character in shown))
        assert not depth or (min(depth), depth[-1]) == (0, 0)
        assert not re.search("\u0301{5}|\u202e", shown)
        shown.encode()


def test_channel_that_no_site_uses_weighs_nothing() -> None:
    """What one needs (a mail client, Apprise with half of PyPI) is imported when it is made."""
    others = ("slack", "teams", "mail", "webhook", "apprised", "discord")
    heavy = [*(f"hune.alerting.notifiers.{name}" for name in others), "aiosmtplib", "apprise", "requests"]
    code = f"import sys, hune.alerting.hub.service; print([name for name in {heavy} if name in sys.modules])"
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True).stdout == "[]\n"


SITE = Site.model_validate(
    {
        "receivers": [
            {"name": "team", "discord": {"webhook": "env:A"}},
            {"name": "lab", "lab": True, "discord": {"webhook": "env:B"}},
            {"name": "night", "discord": {"webhook": "env:C"}},
        ],
        "routes": [
            {"match": {"severity": "critical"}, "receivers": ["team", "lab"]},
            {"match": {"severity": "warning"}, "receivers": ["night"]},
        ],
    }
)


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ({"alertname": "TestAlert"}, ["console", "team", "lab"]),
        ({"alertname": "TestAlert", "severity": "warning"}, ["console", "night"]),
        ({"alertname": "TestAlert", "severity": "info"}, ["console"]),
        ({"alertname": "TestAlert", "lab": "true"}, ["console", "lab"]),
    ],
)
def test_alert_that_names_no_receiver_follows_the_routes(labels: dict[str, str], told: list[str]) -> None:
    assert receivers_of(SITE, labels) == told


def test_route_by_what_the_site_says_of_a_node_holds_for_its_alerts() -> None:
    site = Site.model_validate(
        {
            "nodes": [{"name": "pve-02", "address": "10.0.0.2", "labels": {"rack": "A3"}}],
            "receivers": [{"name": "team", "discord": {"webhook": "env:A"}}],
            "routes": [{"match": {"rack": "A3"}, "receivers": ["team"]}],
        }
    )
    assert receivers_of(site, {"alertname": "A", "node": "pve-02"}) == ["console", "team"]
    assert receivers_of(site, {"alertname": "A", "node": "elsewhere", "rack": "A3"}) == ["console"]


def test_without_routes_everybody_is_told() -> None:
    site = SITE.model_copy(update={"routes": []})
    assert receivers_of(site, {"alertname": "A"}) == ["console", "team", "lab", "night"]
