"""What is looked after, and what is held, calls for nobody and stays true."""

from __future__ import annotations

from typing import Any

import pytest

from hune.nester.judge import judge_alert, judge_node, overall, tally, worst_first
from hune.nester.language import Code
from hune.nester.snapshot import Alert, Care, Hold
from hune.nester.views.alerts import alerts
from hune.nester.views.overview import overview
from hune.nester.views.wall import wall
from support.snapshots import NOW, alert, node, port, reading, snapshot

CARE = Care("Ana", NOW - 60, None, "fans are ordered")
SNOOZE = Care("Ana", NOW - 60, NOW + 3600)
HOLD = Hold("maintenance", "3", NOW + 1800, "Bo", "new fans")
HOT = node("pve-02", celsius=78.0)


def hot(**changes: Any) -> Alert:
    return alert("CpuHot", "pve-02", id="7", **changes)


def text(html: object) -> str:
    return str(html).replace("\u00a0", " ").replace("\u202f", " ")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "critical"),
        ({"care": CARE}, "acknowledged"),
        ({"care": SNOOZE}, "acknowledged"),
        ({"holds": (HOLD,)}, "held"),
        ({"care": CARE, "holds": (HOLD,)}, "held"),
        ({"state": "unknown", "care": CARE}, "acknowledged"),
    ],
)
def test_state_of_an_alert_and_of_all_that_depends_on_it(changes: dict[str, Any], expected: str) -> None:
    shown = snapshot(node(), HOT, alerts=(hot(**changes),))
    assert judge_alert(shown.open_alerts[0]) == expected
    assert judge_node(HOT, shown).state == expected
    assert overall(shown) == expected


def test_second_alert_that_nobody_looks_after_counts() -> None:
    shown = snapshot(HOT, alerts=(hot(care=CARE), alert("LinkSlow", "pve-02", id="8", severity="warning")))
    assert judge_node(HOT, shown).state == "warning"
    assert (tally(shown).critical, tally(shown).warning, tally(shown).acknowledged) == (0, 1, 1)


def test_machine_that_is_down_under_maintenance_is_held_and_down() -> None:
    machine = node("pve-02", up=reading(0.0))
    verdict = judge_node(machine, snapshot(machine, alerts=(alert("NodeDown", "pve-02", holds=(HOLD,)),)))
    assert (verdict.state, verdict.down) == ("held", True)
    verdict = judge_node(machine, snapshot(machine, alerts=(alert("NodeDown", "pve-02"),)))
    assert (verdict.state, verdict.down) == ("down", True)


def test_port_that_somebody_looks_after_leaves_others_alone() -> None:
    dark = port("enp1s0f0", up=False)
    cared = alert("LinkDown", "pve-01", labels={"device": "enp1s0f0"}, care=CARE)
    machine = node(ports=(dark, port("enp1s0f1")))
    assert judge_node(machine, snapshot(machine, alerts=(cared,))).state == "acknowledged"
    machine = node(ports=(dark, port("enp1s0f1", up=False)))
    assert judge_node(machine, snapshot(machine, alerts=(cared,))).state == "critical"


def test_what_calls_for_somebody_comes_first_then_care_then_holds() -> None:
    shown = snapshot(
        alerts=(
            hot(holds=(HOLD,), starts_at=NOW - 900),
            alert("LinkDown", id="8", care=CARE, starts_at=NOW - 800),
            alert("LinkSlow", id="9", severity="warning", starts_at=NOW - 5),
        )
    )
    assert [each.id for each in shown.open_alerts] == ["9", "8", "7"]


def test_tiles_that_call_for_somebody_come_first() -> None:
    shown = snapshot(HOT, node("pve-03", celsius=75.0), alerts=(hot(care=CARE), alert("CpuHot", "pve-03")))
    assert [machine.name for machine, _ in worst_first(shown)] == ["pve-03", "pve-02"]


@pytest.mark.parametrize(("code", "headline"), [("en", "1 alert, looked after"), ("fr", "1 alerte, prise en charge")])
def test_hot_machine_that_somebody_looks_after_is_calm_and_hot(show: Any, code: Code, headline: str) -> None:
    look = show(overview, snapshot(node(), HOT, alerts=(hot(care=CARE),)), code)
    assert headline in text(look.region("verdict"))
    assert "tile-acknowledged" in look.region("nodes")
    assert 'class="figure hatch over"' in look.region("nodes")
    assert (look.critical, look.title) == ({}, "homelab")
    assert "Ana" in look.region("alerts")
    assert "fans are ordered" in look.region("alerts")
    assert 'href="/alerts/7"' in look.region("alerts")


def test_wall_turns_its_pages_while_all_that_is_wrong_is_looked_after(show: Any) -> None:
    machines = [HOT, *(node(f"pve-1{n}") for n in range(7))]
    later = {"taken_at": NOW + 20, "measured_at": NOW + 20}
    for alerts_now, pages in (((hot(),), 1), ((hot(care=CARE),), 2)):
        fresh = [snapshot(*machines, alerts=alerts_now, **each) for each in ({}, later)]
        shown = {str(show(wall, each).region("wall-pages")) for each in fresh}
        assert len(shown) == pages


def test_wall_says_who_looks_after_it(show: Any) -> None:
    look = show(wall, snapshot(HOT, alerts=(hot(care=SNOOZE),)))
    assert "wall-tile-acknowledged over" in look.region("wall-nodes")
    assert "snoozed until" in text(look.region("wall-alerts"))
    assert "by Ana" in text(look.region("wall-alerts"))


def test_what_is_held_stands_in_a_group_of_its_own(show: Any) -> None:
    shown = snapshot(HOT, alerts=(hot(holds=(HOLD,)), alert("LinkDown", id="8")))
    look = show(alerts, shown)
    assert "1 open alert" in look.region("verdict")
    assert "1 held" in look.region("held-title")
    assert "new fans" in look.region("held")
    assert "new fans" not in look.region("alerts")


def test_only_what_nobody_looks_after_can_be_selected_and_only_by_who_may_act(show: Any) -> None:
    shown = snapshot(HOT, alerts=(hot(care=CARE), alert("LinkDown", id="8")))
    assert "checkbox" not in show(alerts, shown).region("alerts")
    html = str(show(alerts, shown, subject="?act=1").region("alerts"))
    assert (html.count("checkbox"), 'value="8"' in html) == (1, True)


@pytest.mark.parametrize(
    ("query", "found"),
    [("", 3), ("severity=critical", 2), ("node=pve-02", 1), ("q=slow", 1), ("q=pve-01+link", 2), ("q=zzz", 0),
     ("severity=nonsense", 3), ("severity=warning&q=down", 0), ("q=" + "x" * 500, 0)],
)  # fmt: skip
def test_address_narrows_the_list(show: Any, query: str, found: int) -> None:
    everything = (hot(), alert("LinkDown", id="8"), alert("LinkSlow", id="9", severity="warning"))
    look = show(alerts, snapshot(HOT, alerts=everything), subject=f"?{query}" if query else "")
    assert len(look.regions["alerts"]) == found
    assert "of 3 shown" in look.region("verdict") or query in ("", "severity=nonsense")


def test_list_is_searched_in_the_words_that_it_shows(show: Any) -> None:
    everything = snapshot(HOT, alerts=(hot(), alert("LinkDown", id="8")))
    assert len(show(alerts, everything, "fr", subject="?q=%C3%A0+sur").regions["alerts"]) == 1
