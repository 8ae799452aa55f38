"""States: what is wrong, and what is worst."""

from dataclasses import replace

import pytest

from hune.nester.judge import judge_node, judge_port, judge_probe, overall, tally, worst_first
from hune.nester.snapshot import Node, Probe, Source
from support.snapshots import NOW, SLOW, alert, node, port, reading, snapshot


def state(machine: Node, **changes: object) -> str:
    return judge_node(machine, snapshot(machine, **changes)).state  # type: ignore[arg-type]


def test_well_node_is_up() -> None:
    assert state(node()) == "up"


def test_node_above_its_limit_is_critical_even_if_no_alert_could_fire() -> None:
    assert state(node(celsius=71)) == "critical"
    assert state(node(celsius=71, limit_celsius=80)) == "up"


def test_old_heat_is_stale_and_not_critical_by_itself() -> None:
    verdict = judge_node(node(celsius=95, age=30), snapshot())
    assert (verdict.state, verdict.stale) == ("stale", True)


def test_node_that_answers_nothing_is_down_and_its_values_are_old() -> None:
    verdict = judge_node(node(up=reading(0.0)), snapshot())
    assert (verdict.state, verdict.stale) == ("down", True)


def test_node_that_nobody_heard_of_is_unknown() -> None:
    assert state(node(celsius=None, up=None)) == "unknown"


def test_alert_that_nothing_confirms_makes_its_node_unknown() -> None:
    assert state(node(), alerts=(alert(state="unknown"),)) == "unknown"


def test_resolved_alert_changes_nothing() -> None:
    assert state(node(), alerts=(alert(state="resolved", resolved_at=NOW - 5),)) == "up"


def test_alert_of_another_node_changes_nothing() -> None:
    assert state(node(), alerts=(alert(where="pve-02"),)) == "up"


def test_critical_goes_before_unknown_and_warning() -> None:
    alerts = (alert(state="unknown"), alert("LinkSlow", severity="warning"), alert("LinkDown"))
    assert state(node(), alerts=alerts) == "critical"


@pytest.mark.parametrize(
    ("machine_port", "expected"),
    [
        (port(), "lit"),
        (port(bits=1e9), "slow"),
        (port(up=False), "dark"),
        (port(up=None), "unknown"),
        (port(bits=1e9, expected=0), "lit"),
    ],
)
def test_ports(machine_port: object, expected: str) -> None:
    assert judge_port(machine_port) == expected  # type: ignore[arg-type]


def test_port_that_is_down_makes_its_node_critical_and_slow_a_warning() -> None:
    assert state(node(ports=(port(up=False),))) == "critical"
    assert state(node(ports=(port(bits=1e9),))) == "warning"


def test_nothing_fresh_makes_every_node_stale() -> None:
    assert state(node(), measured_at=NOW - 12) == "stale"


@pytest.mark.parametrize(
    ("success", "age", "expected"), [(1.0, 5, "up"), (0.0, 5, "down"), (1.0, 31, "stale"), (None, 0, "unknown")]
)
def test_probes(success: float | None, age: float, expected: str) -> None:
    value = None if success is None else reading(success, age=age, interval=SLOW)
    assert judge_probe(Probe("nas", "tcp", "nas:445", value), NOW) == expected


def test_worst_first_and_else_as_the_site_lists_them() -> None:
    nodes = (node("a"), node("b", celsius=99), node("c", up=reading(0.0)), node("d"), node("e", up=None))
    assert [machine.name for machine, _ in worst_first(snapshot(*nodes))] == ["c", "b", "e", "a", "d"]


def test_degrees_do_not_move_tiles() -> None:
    cool = snapshot(node("a", celsius=40), node("b", celsius=60))
    warm = snapshot(node("a", celsius=60), node("b", celsius=40))
    assert [n.name for n, _ in worst_first(cool)] == [n.name for n, _ in worst_first(warm)] == ["a", "b"]


def test_open_alerts_are_critical_first_then_longest_first() -> None:
    alerts = (
        alert("LinkSlow", severity="warning", starts_at=NOW - 900),
        alert("LinkDown", starts_at=NOW - 10),
        alert("CpuHot", starts_at=NOW - 60),
        alert("NodeDown", state="resolved"),
    )
    assert [each.name for each in snapshot(alerts=alerts).open_alerts] == ["CpuHot", "LinkDown", "LinkSlow"]


def test_site_is_as_bad_as_its_worst() -> None:
    assert overall(snapshot(node("a"), node("b"))) == "up"
    assert overall(snapshot(alerts=(alert("X", where="", severity="warning"),))) == "warning"
    assert overall(snapshot(node("a"), node("b", up=reading(0.0)))) == "down"
    assert overall(snapshot(measured_at=None)) == "unknown"
    assert overall(snapshot(measured_at=None, alerts=(alert(),))) == "critical"


def test_unconfirmed_alerts_are_counted_apart() -> None:
    counts = tally(snapshot(alerts=(alert(), alert("NodeDown", state="unknown"))))
    assert (counts.critical, counts.warning, counts.unknown) == (1, 0, 1)


def test_sources_are_found_by_name() -> None:
    silent = replace(snapshot(), sources=(Source("prometheus", NOW - 9, "refused"), Source("hub")))
    assert not silent.source("prometheus").answers
    assert silent.source("hub").answers
