"""Why an alert fires or doesn't: what is meant, what is asked, which limit applies, and the words of the answer."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

import promql_parser
import pytest

from hune.alerting.catalogue import ALERTS
from hune.alerting.holds import Hold, HoldKind
from hune.alerting.state import book
from hune.alerting.state.episode import Care, Dead, Delivery, Episode, Incoming, State
from hune.alerting.state.schema import SCRIPTS
from hune.alerting.why import measuring, records, subjects
from hune.alerting.why.asking import by_name
from hune.alerting.why.explaining import explain
from hune.alerting.why.facts import Facts, Limit, Measured, RuleState, Told
from hune.alerting.why.subjects import Question
from hune.alerting.why.words import WORDS
from hune.alerting.words import WORDS as ALERT_WORDS
from hune.core.errors import InputError
from hune.site.models import Site

NOW = 1_795_284_000.0
SITE = Site.model_validate(
    {
        "name": "home",
        "this_host": False,
        "groups": {"hot": {"thresholds": {"cpu_celsius": 90, "memory_available_ratio": 0.02}}},
        "thresholds": {"filesystem_critical_ratio": 0.9, "cpu_celsius": 75},
        "nodes": [
            {
                "name": "pve-01",
                "address": "192.0.2.11",
                "group": "hot",
                "links": [{"device": "enp1s0f0", "speed": "10G"}, {"device": "enp1s0f1"}],
                "thresholds": {"chips": {"pci_1": {"limit": 60, "clear": 55}}, "link_flaps": 7},
            },
            {"name": "pve-02", "address": "192.0.2.12"},
        ],
        "proxmox": [
            {
                "name": "prod",
                "nodes": ["pve-01"],
                "token": {"id": "a@pve!b", "secret": "env:X"},
                "thresholds": {"storage_critical_ratio": 0.8},
            }
        ],
        "probes": [{"name": "web", "type": "http", "target": "https://192.0.2.80/"}],
        "expects": [{"name": "backup", "every": "60s", "key": "env:KEY"}],
        "receivers": [{"name": "team", "webhook": {"url": "env:HOOK"}}],
    }
)
MEASURES = measuring.measures(SITE)
EXAMPLES = {"node": "pve-01", "chip": "pci_1", "device": "enp1s0f0", "probe": "web", "cluster": "prod", "id": "qemu/1"}


def asked_of(name: str) -> list[str]:
    """Return every question about an alert."""
    labels = {label: EXAMPLES.get(label, 'odd "$1" \\ value') for label in ALERTS[name].identity}
    measure, _ = MEASURES.get(name, ("", ""))
    of_thing = [measuring.value(name, measure)] if measure else []
    of_thing += [measuring.remembered(name), measuring.wrong(name), *measuring.reasons(name).values()]
    others = [measuring.age(name, labels), *measuring.reads(name, labels).values()]
    return [measuring.of(one, labels) for one in of_thing if one] + [one for one in others if one]


def test_rules_of_one_name_are_one() -> None:
    """The daily test has a rule for each receiver."""
    fires = {"state": "firing", "labels": {"receiver": "mail"}}
    rules: list[Mapping[str, Any]] = [
        {"name": "DailyTest", "alerts": [fires], "lastError": ""},
        {"name": "DailyTest", "alerts": None, "lastError": "no"},
        {"name": "NodeDown"},
    ]
    found = by_name(rules)
    assert (found["DailyTest"]["alerts"], found["DailyTest"]["lastError"]) == ([fires], "no")
    assert found["NodeDown"]["alerts"] == []


@pytest.mark.parametrize("name", [*ALERTS])
def test_every_alert_can_be_asked_about(name: str) -> None:
    for question in asked_of(name):
        promql_parser.parse(question)
        # What rules recorded in the same evaluation is nothing that can be read from outside.
        assert "[500ms]" not in question


def test_every_alert_with_a_unit_is_explained_by_value_and_limit() -> None:
    for name, alert in ALERTS.items():
        labels = {label: EXAMPLES.get(label, "x") for label in alert.identity}
        limit = measuring.limit(SITE, name, labels)
        if limit is not None:
            assert MEASURES[name][0], name
            assert limit.unit == alert.unit or not alert.unit, name
        elif alert.unit:
            assert measuring.wrong(name), name


@pytest.mark.parametrize(
    ("name", "labels", "limit"),
    [
        ("CpuHot", {"node": "pve-01", "chip": "pci_1"}, Limit(60.0, ">", "°C", "chip", "pci_1", 55.0)),
        ("CpuHot", {"node": "pve-01", "chip": "other"}, Limit(90.0, ">", "°C", "group", "hot", 87.0)),
        ("CpuHot", {"node": "pve-02"}, Limit(75.0, ">", "°C", "site", "", 72.0)),
        ("FilesystemFull", {"node": "pve-02"}, Limit(90.0, ">", "%", "site")),
        ("FilesystemFilling", {"node": "pve-02"}, Limit(85.0, ">", "%", "default")),
        ("MemoryShort", {"node": "pve-01"}, Limit(2.0, "<", "%", "group", "hot")),
        ("LinkFlapping", {"node": "pve-01", "device": "enp1s0f0"}, Limit(7.0, ">=", "", "node", "pve-01")),
        ("LinkSlow", {"node": "pve-01", "device": "enp1s0f0"}, Limit(10.0, "<", "Gbit/s", "link")),
        ("LinkSlow", {"node": "pve-01", "device": "enp1s0f1"}, None),
        ("StorageFull", {"cluster": "prod"}, Limit(80.0, ">", "%", "cluster", "prod")),
        ("StorageFilling", {"cluster": "prod"}, Limit(85.0, ">", "%", "default")),
        ("ReceiverFailing", {"receiver": "team"}, Limit(300.0, ">", "s", "fixed")),
        ("ProbeCertificateExpiring", {"probe": "web"}, Limit(14.0, "<", "d", "thing")),
        ("HeartbeatMissed", {"heartbeat": "backup"}, Limit(120.0, ">", "s", "thing")),
        ("CpuHot", {"node": "gone"}, None),
        ("NodeDown", {"node": "pve-01"}, None),
    ],
)
def test_a_limit_says_where_it_comes_from(name: str, labels: Mapping[str, str], limit: Limit | None) -> None:
    assert measuring.limit(SITE, name, labels) == limit


# -- what is meant ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("asked", "meant"), [("CpuHot", "CpuHot"), ("cpuhot", "CpuHot")])
def test_a_rule_is_known_however_it_is_written(asked: str, meant: str) -> None:
    assert subjects.rule_of(asked, ALERTS) == meant


@pytest.mark.parametrize(("asked", "remedy"), [("CpuHott", "did you mean CpuHot?"), ("xyz", "there are: ")])
def test_an_unknown_rule_is_answered_with_the_nearest_or_with_all(asked: str, remedy: str) -> None:
    with pytest.raises(InputError) as caught:
        subjects.rule_of(asked, ALERTS)
    assert caught.value.remedy.startswith(remedy)


def test_an_unknown_node_is_answered_with_the_nearest_and_those_there_are() -> None:
    with pytest.raises(InputError) as caught:
        subjects.assumed(SITE, "CpuHot", ("node", "chip"), Question("CpuHot", "pve-1"), [])
    assert str(caught.value) == "node: pve-1 is not known; did you mean pve-01? there are: pve-01, pve-02"


def test_an_unknown_guest_is_answered_with_those_that_are_measured() -> None:
    known = [{"cluster": "prod", "id": "qemu/100"}]
    with pytest.raises(InputError) as caught:
        subjects.assumed(SITE, "GuestDown", ("cluster", "id"), Question("GuestDown", "999"), known)
    assert str(caught.value) == "resource: 999 is not known; there are: prod, qemu/100"


@pytest.mark.parametrize(
    ("name", "asked", "said"),
    [
        ("ServiceDown", "promtheus", "service: promtheus is not known; did you mean prometheus?"),
        ("ReceiverFailing", "x", "receiver: x is not known; there are: console, team"),
        ("HeartbeatMissed", "bakup", "heartbeat: bakup is not known; did you mean backup?"),
        ("ProbeFailed", "weeb", "probe: weeb is not known; did you mean web?"),
    ],
)
def test_whatever_alerts_are_about_is_suggested(name: str, asked: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        subjects.assumed(SITE, name, ALERTS[name].identity, Question(name, asked), [])
    assert str(caught.value).startswith(said)


def test_a_guest_is_found_by_its_bare_number() -> None:
    known = [{"cluster": "prod", "id": f"qemu/{number}"} for number in (100, 1000)]
    assert subjects.matching(known, "100", {}) == [known[0]]


def test_a_port_that_is_not_watched_is_still_a_question() -> None:
    labels = subjects.assumed(SITE, "LinkDown", ("node", "device"), Question("LinkDown", "pve-01", {"device": "x"}), [])
    assert not subjects.is_watched(SITE, "LinkDown", ("node", "device"), labels)
    assert subjects.watched_there(SITE, labels) == ("enp1s0f0", "enp1s0f1")


def test_a_label_that_no_alert_of_the_rule_has_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        subjects.check_labels("LinkDown", ("node", "device"), {"devise": "x"})
    assert str(caught.value) == "devise: not a label of this rule; did you mean device?"


def test_the_latest_episode_of_exactly_this_thing_is_found() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.executescript("".join(SCRIPTS))
    for node in ("pve-01", "pve-02"):
        alert = Incoming(True, {"alertname": "CpuHot", "node": node, "chip": "pci_1"}, {}, NOW)
        book.open_episode(connection, alert, now=NOW)
    found = records.latest(connection, "CpuHot", ("node", "chip"), {"node": "pve-01", "chip": "pci_1"})
    assert found is not None
    assert found.episode.labels["node"] == "pve-01"
    assert records.latest(connection, "CpuHot", ("node", "chip"), {"node": "pve-01"}) is None
    assert records.find(connection, 99) is None
    connection.close()


# -- the answer -------------------------------------------------------------------------------------------------

LIMIT = Limit(70.0, ">", "°C", "group", "hot", 67.0)


def facts(**given: Any) -> Facts:
    return Facts(
        **{
            "now": NOW,
            "name": "CpuHot",
            "title": "CPU too hot",
            "what": "",
            "labels": {"alertname": "CpuHot", "node": "pve-01", "chip": "pci_1", "site": "home"},
            "is_watched": True,
            "limit": LIMIT,
            "measured": Measured(value=52.0, age=0.6),
            "rule": RuleState("inactive", evaluated_at=NOW - 1),
            "receivers": (Told("console", ""), Told("team", "severity=critical")),
            **given,
        }
    )


def episode(**given: Any) -> Episode:
    labels = {"alertname": "CpuHot", "node": "pve-01", "chip": "pci_1"}
    return Episode(
        **{
            "id": 7,
            "fingerprint": "f",
            "labels": labels,
            "annotations": {},
            "state": State.FIRING,
            "starts_at": NOW - 60,
            "received_at": NOW - 60,
            "heard_at": NOW,
            **given,
        }
    )


def answers(known: Facts, topic: str, language: str = "en") -> list[str]:
    found = [one for one in explain(known, language) if one.topic == topic]
    return [f"{one.answer} | {one.detail}" if one.detail else one.answer for one in found]


def test_below_the_limit_it_says_so() -> None:
    assert answers(facts(), "verdict") == ["It doesn't fire: 52 °C, and the limit is 70 °C | CPU too hot"]
    assert answers(facts(), "value") == ["52 °C | measured 1 s ago"]
    assert answers(facts(), "limit") == ["above 70 °C; over below 67 °C | set for the group hot"]
    assert answers(facts(), "routed") == ["console, team | team: severity=critical"]


def test_what_is_remembered_is_not_called_measured() -> None:
    known = facts(measured=Measured(remembered=95.0, age=120.0))
    assert answers(known, "verdict") == ["It doesn't fire because nothing is measured | CPU too hot"]
    assert answers(known, "value") == ["nothing now; 95 °C is remembered | the last measurement was 2 min ago"]


def test_what_was_not_read_is_neither_well_nor_wrong() -> None:
    known = facts(measured=Measured(unread=("systemd",), age=40.0), limit=None)
    assert answers(known, "verdict") == ["It doesn't fire because it could not be read | CPU too hot"]
    assert answers(known, "value") == ["nothing | not read: systemd; the last measurement was 40 s ago"]


def test_what_waits_says_until_when() -> None:
    known = facts(rule=RuleState("pending", active_at=NOW - 10, hold_seconds=60.0), measured=Measured(value=80.0))
    assert answers(known, "verdict") == ["It holds, and fires if it still does in 50 s | CPU too hot"]
    assert answers(known, "rule") == ["it has held since 2026-11-21 17:59:50 UTC, and fires at 2026-11-21 18:00:50 UTC"]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "the hub hasn't heard of it (yet)"),
        ({"explained_by": ({"alertname": "NodeDown", "node": "pve-01"},)}, "NodeDown pve-01 explains it"),
        ({"holds": (Hold(HoldKind.SILENCE, "1", NOW + 60, "ada", "rack"),)}, "it is silenced"),
        ({"holds": (Hold(HoldKind.MAINTENANCE, "1", NOW + 60, "", "rack"),)}, "it is held back"),
        ({"receivers": (Told("console", ""),)}, "no route leads to anybody but the console"),
        (
            {"deliveries": (Delivery("team", State.FIRING, problem="refused"),)},
            "team didn't accept it",
        ),
    ],
)
def test_what_fires_unheard_says_why(given: Mapping[str, Any], why: str) -> None:
    known = facts(rule=RuleState("firing", active_at=NOW - 60), measured=Measured(value=80.0), **given)
    assert answers(known, "verdict") == [
        f"It has been firing since 2026-11-21 17:59:00 UTC, and nobody was told: {why} | CPU too hot"
    ]


def test_each_receiver_is_answered_for() -> None:
    known = facts(
        rule=RuleState("firing", active_at=NOW - 60),
        episode=episode(),
        deliveries=(
            Delivery("team", State.FIRING, State.FIRING, at=NOW, digest=3),
            Delivery("mail", State.FIRING, dead=Dead.LETTER, problem="too long"),
            Delivery("night", State.FIRING, due_at=NOW + 60),
            Delivery("boss", State.FIRING, step=2),
        ),
        care=Care(NOW, "eve", NOW + 3600, "on my way"),
    )
    assert answers(known, "verdict")[0].startswith("It has been firing since 2026-11-21 17:59:00 UTC; told: team")
    assert answers(known, "delivery") == [
        "yes, told at 2026-11-21 18:00:00 UTC | counted in digest 3",
        "no: it refused the message | too long",
        "not before 2026-11-21 18:01:00 UTC: outside its hours",
        "not yet: it waits to be told | by step 2 of the escalation",
    ]
    assert answers(known, "care") == ["eve, until 2026-11-21 19:00:00 UTC | on my way"]


def test_what_is_held_back_is_said_of_each_receiver() -> None:
    hold = Hold(HoldKind.MAINTENANCE, "1", NOW + 60, "bob", "cabling")
    known = facts(episode=episode(holds=(hold,)), holds=(hold,), deliveries=(Delivery("team", State.FIRING),))
    assert answers(known, "delivery") == ["no: it is held back"]
    assert answers(known, "maintenance") == ["yes, by bob until 2026-11-21 18:01:00 UTC | cabling"]


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        ({"is_watched": False}, "It can't fire: this isn't part of the site"),
        ({"rule": RuleState("absent")}, "It can't fire: Prometheus has no such rule"),
        ({"rule": RuleState("own"), "limit": None, "labels": {}}, "It doesn't fire"),
        ({"rule": RuleState("inactive", error="boom")}, "It can't fire: evaluating the rule fails"),
        ({"rule": None, "measured": Measured(problem="x: refused")}, "Not known now: Prometheus can't be asked"),
        ({"measured": Measured(reasons=("stopped",))}, "It doesn't fire: somebody stopped the guest on purpose"),
        (
            {"measured": Measured(value=71.0, reasons=("as_filesystem",))},
            "It doesn't fire: its file system is told instead",
        ),
        ({"measured": Measured(value=69.0, reasons=("as_filesystem",))}, "It doesn't fire: 69 °C"),
        ({"limit": None, "measured": Measured(is_wrong=True)}, "It is wrong, but doesn't fire"),
        ({"is_found": False, "limit": None}, "It doesn't fire: there is nothing here that this rule could judge"),
        ({"measured": Measured(value=71.0)}, "71 °C is beyond the limit, but the rule doesn't fire (yet)"),
        ({"episode": episode(state=State.UNKNOWN)}, "It fired, and nobody knows whether it still does"),
    ],
)
def test_silence_has_a_reason(given: Mapping[str, Any], verdict: str) -> None:
    assert answers(facts(**given), "verdict")[0].startswith(verdict)


def test_foreign_words_are_shown_plainly_and_short() -> None:
    hold = Hold(HoldKind.SILENCE, "1", NOW + 60, "ada\x1b[31m", "\u202e" + "x" * 9000)
    [said] = [one for one in explain(facts(holds=(hold,)), "en") if one.topic == "silence"]
    assert "\x1b" not in said.answer
    assert len(said.detail) <= 500


def test_both_languages_say_everything() -> None:
    assert set(WORDS["en"]) == set(WORDS["fr"])
    for key, text in WORDS["en"].items():
        assert text.count("{}") == WORDS["fr"][key].count("{}"), key
    assert answers(facts(), "verdict", "fr") == ["Inactive : 52 °C, et la limite est 70 °C | Processeur trop chaud"]
    said = facts(name="NodeDown", limit=None, what=ALERT_WORDS["en"]["NodeDown"].description, rule=None)
    assert answers(said, "limit", "fr") == [ALERT_WORDS["fr"]["NodeDown"].description]
