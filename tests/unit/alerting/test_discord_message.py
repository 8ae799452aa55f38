"""Discord's messages: within every limit whatever the labels, and pleasant to read."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hune.alerting.catalogue import ALERTS
from hune.alerting.notifiers import Digest, Link
from hune.alerting.notifiers.discord import DiscordComposer
from hune.alerting.notifiers.next_steps import NEXT_STEPS
from hune.alerting.state.episode import Care, Ending
from support.discord_server import check
from support.notices import NOW, PAGE, notice, writer

COMPOSER = DiscordComposer(writer())


def facts(payload: dict[str, Any]) -> dict[str, str]:
    return {field["name"]: field["value"] for field in payload["embeds"][0]["fields"]}


def test_firing_alert_says_all_that_matters() -> None:
    payload = COMPOSER.alert(notice())
    assert check(payload) == []
    assert payload["content"] == "🔥 **CRITICAL** pve-02: CPU at 78 °C, limit 70 °C"
    [embed] = payload["embeds"]
    assert embed["title"] == "🔥 CRITICAL · CPU too hot · pve-02"
    told = facts(payload)
    assert told["Node"] == "pve-02"
    assert told["Value"] == "**78 °C** (limit 70 °C)"
    assert told["Since"] == "<t:1999808:R>"
    assert told["Next step"] == NEXT_STEPS["en"]["CpuHot"]
    assert "[Runbook](https://hune.example/runbooks/CpuHot)" in told["Links"]
    assert f"[Open in Hune]({PAGE}/nodes/pve-02)" in told["Links"]
    assert "LAB" not in json.dumps(payload)


def test_resolved_alert_says_how_long_and_how_bad_it_was() -> None:
    told = notice(over=True, is_news=False, message="7")
    edited, reply = COMPOSER.alert(told), COMPOSER.reply(told)
    assert check(edited) == check(reply) == []
    assert reply["content"] == "✅ **RESOLVED** pve-02: CPU too hot (after 3 min 12 s, peak 81.3 °C)"
    assert reply["embeds"] == []
    assert edited["embeds"][0]["title"].startswith("✅ RESOLVED")
    assert facts(edited)["Lasted"] == "3 min 12 s"
    assert facts(edited)["Peak"] == "81.3 °C"
    assert "Next step" not in facts(edited)


def test_alert_that_came_and_went_says_both() -> None:
    payload = COMPOSER.alert(notice(over=True))
    assert payload["content"].startswith("☑️ **CAME AND WENT** pve-02: CPU too hot (after 3 min 12 s")


def test_alert_of_what_is_no_longer_watched_is_not_called_resolved() -> None:
    payload = COMPOSER.reply(notice(over=True, is_news=False, ending=Ending.UNWATCHED))
    assert "NO LONGER WATCHED" in payload["content"]
    assert "RESOLVED" not in payload["content"]


def test_lab_is_marked_everywhere() -> None:
    lab: dict[str, Any] = {"labels": {"lab": "true"}}
    for payload in (COMPOSER.alert(notice(**lab)), COMPOSER.reply(notice(over=True, is_news=False, **lab))):
        assert "**LAB**" in payload["content"]
    [embed] = COMPOSER.alert(notice(**lab))["embeds"]
    assert "LAB" in embed["title"]
    assert "simulated" in embed["footer"]["text"]


def test_french_site_is_told_in_french() -> None:
    payload = DiscordComposer(writer("fr")).alert(notice())
    assert payload["embeds"][0]["title"] == "🔥 CRITIQUE · Processeur trop chaud · pve-02"
    assert facts(payload)["Valeur"] == "**78 °C** (limite 70 °C)"


def test_peak_below_the_limit_is_not_told() -> None:
    """Of a link that is too slow, the highest value is no worst."""
    slow: dict[str, Any] = {"labels": {"alertname": "LinkSlow"}, "annotations": {"threshold": "100"}}
    assert "Peak" not in facts(COMPOSER.alert(notice(over=True, is_news=False, **slow)))


def test_every_alert_of_the_catalogue_has_a_next_step() -> None:
    for steps in NEXT_STEPS.values():
        assert set(steps) == set(ALERTS) - {"Watchdog"}


def test_digest_names_the_worst_first_and_counts_the_rest() -> None:
    warnings = [
        notice(id=n, labels={"severity": "warning", "node": f"w{n}"}, annotations={"summary": ""}) for n in range(40)
    ]
    passed = [notice(id=100 + n, over=True, labels={"node": f"p{n}"}) for n in range(5)]
    resolved = [notice(id=200 + n, over=True, is_news=False, labels={"node": f"r{n}"}) for n in range(3)]
    critical = notice(id=300)
    payload = COMPOSER.digest(Digest([*warnings, *passed, *resolved, critical], f"{PAGE}/alerts?digest=9", NOW))
    assert check(payload) == []
    assert payload["content"] == "🔥 **41 firing · 3 resolved · 5 came and went**"
    lines = payload["embeds"][0]["description"].splitlines()
    assert lines[0].startswith("🔥 pve-02: CPU at 78 °C")
    named = [line for line in lines if line.startswith(("🔥", "⚠️", "✅", "☑️"))]
    assert f"**+{49 - len(named)} more**" in lines[-1]
    assert f"[list all 49]({PAGE}/alerts?digest=9)" in lines[-1]


def test_digest_after_an_outage_says_so() -> None:
    payload = COMPOSER.digest(Digest([notice(), notice(id=2)], f"{PAGE}/alerts?digest=9", NOW, away_since=NOW - 600))
    assert "<t:1999400:t>" in payload["embeds"][0]["description"]
    assert "more" not in payload["embeds"][0]["description"]


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("@everyone look", "@\u200beveryone look"),
        ("<@123> <#4> <@&5>", "\\<@\u200b123\\> \\<#4\\> \\<@&5\\>"),
        ("**bold** _it_ ~~no~~ ||spoiler||", "\\*\\*bold\\*\\* \\_it\\_ \\~\\~no\\~\\~ \\|\\|spoiler\\|\\|"),
        ("`code` [link](http://evil.example)", "\\`code\\` \\[link\\](http\\://evil.example)"),
        ("# heading", "\\# heading"),
        ("line\nbreak\r\n\ttab\x00\x1b[31m", "line break tab \\[31m"),
        ("\u202eright to left\u202c", "right to left"),
        (":skull:", "\\:skull:"),
        ("😀" * 3, "😀😀😀"),
    ],
)
def test_hostile_text_is_shown_as_it_is(hostile: str, shown: str) -> None:
    payload = COMPOSER.alert(notice(labels={"node": hostile}, annotations={"summary": "x"}))
    assert check(payload) == []
    assert facts(payload)["Node"] == shown


def test_right_to_left_text_stays_in_its_place() -> None:
    payload = COMPOSER.alert(notice(labels={"node": "שרת"}))
    assert facts(payload)["Node"] == "\u2068שרת\u2069"


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "ftp://x", "", "http://", "http://x y", "https://" + "a" * 9000]
)
def test_link_that_is_none_is_left_out(url: str) -> None:
    payload = COMPOSER.alert(notice(annotations={"runbook_url": url}))
    assert "Runbook" not in facts(payload)["Links"]
    assert check(payload) == []


def test_link_cannot_break_out_of_its_markup() -> None:
    payload = COMPOSER.alert(notice(annotations={"runbook_url": "https://x.example/a) **boo** (b"}))
    assert "Runbook" not in facts(payload)["Links"]
    payload = COMPOSER.alert(notice(annotations={"runbook_url": "https://x.example/a)(b"}))
    assert "(https://x.example/a%29%28b)" in facts(payload)["Links"]


_nasty = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["\\", "`", "*", "@everyone", "😀", "\u202e", "ﷺ", "\U0010ffff", "[a](", "\ud83d", "<@1>", " ", "\u200d"]
    ).flatmap(lambda part: st.integers(1, 9000).map(lambda count: part * count)),
)
_mapping = st.dictionaries(
    st.sampled_from(["node", "chip", "device", "severity", "alertname", "lab", "a", "b", "c", "d", "e", "f", "g"]),
    _nasty,
)
_words = st.dictionaries(
    st.sampled_from(["summary", "description", "runbook_url", "value", "unit", "threshold", "next_step"]), _nasty
)


def test_longest_message_is_short_enough() -> None:
    """All that foreign words can fill, filled with what takes twice as much room once it means nothing."""
    stars = "*" * 4096
    url = "https://x.example/" + "_" * 400
    labels = {"node": stars, "alertname": stars, **{f"label{n}": stars for n in range(6)}}
    words = ("summary", "description", "next_step", "value", "unit", "threshold")
    annotations = {**dict.fromkeys(words, stars), "threshold": "70", "runbook_url": url}
    told = replace(
        notice(labels=labels, annotations=annotations),
        care=Care(NOW, stars, NOW, stars),
        links=[Link(stars, url)] * 4,
    )
    for composer in (COMPOSER, DiscordComposer(writer("fr"))):
        digest = Digest([told] * 30, url, NOW, away_since=NOW - 99)
        for payload in (composer.alert(told), composer.digest(digest)):
            assert check(payload) == []


def test_bare_text_is_not_escaped_twice() -> None:
    told = notice(annotations={"summary": "pve-02: 5 * 5_x"})
    payload = COMPOSER.plain(COMPOSER.headline(told))
    assert payload["content"] == "🔥 CRITICAL pve-02: 5 \\* 5\\_x"


@given(
    labels=_mapping,
    annotations=_words,
    over=st.booleans(),
    is_news=st.booleans(),
    language=st.sampled_from(["en", "fr"]),
)
@settings(deadline=None, max_examples=150)
def test_any_labels_make_a_message_that_discord_takes(
    labels: dict[str, str], annotations: dict[str, str], over: bool, is_news: bool, language: str
) -> None:
    composer = DiscordComposer(writer(language))
    told = notice(over=over, is_news=is_news, labels=labels, annotations=annotations)
    digest = Digest([told] * 30, f"{PAGE}/alerts?digest=1", NOW, away_since=NOW - 99)
    for payload in (composer.alert(told), composer.reply(told), composer.digest(digest)):
        assert check(payload) == []
        json.dumps(payload, ensure_ascii=False).encode()
