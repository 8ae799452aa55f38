"""What the answers of Prometheus mean."""

import re

import promql_parser
import pytest

from hune.nester import history
from hune.nester.queries import LIVE, VITALS, read_live, read_vitals
from hune.promapi.prometheus import Sample

NOW = 1000.0


def sample(value: float, **labels: str) -> Sample:
    named = {("__name__" if key == "name" else key): text for key, text in labels.items()}
    return Sample(named, value, NOW)


TICK = sample(0.4, read="tick_age")


@pytest.mark.parametrize(
    "expression",
    [
        LIVE,
        VITALS,
        *(
            history.expression(template, span, node=node, devices=devices)
            for template in (history.HOT, history.BUSY, history.USED, history.RECEIVED, history.SENT)
            for span in (*history.SPARKS, *history.WALLS, history.DAY, *history.RANGES.values())
            for node in ("", "pve-01")
            for devices in ("", history.only(["enp1s0f0", "bond0.100"]))
        ),
    ],
)
def test_every_expression_is_promql(expression: str) -> None:
    promql_parser.parse(expression)


def test_every_selector_of_an_exporter_names_its_job() -> None:
    expressions = [LIVE, VITALS, history.HOT, history.BUSY, history.USED, history.RECEIVED, history.SENT]
    for selector in re.findall(
        r"\b(?:node|probe)_[a-z_0-9]+(?:_(?:total|bytes|seconds|celsius|names))?\{+[^}]*", "".join(expressions)
    ):
        assert "job=" in selector


def test_no_label_of_an_exporter_gets_into_what_is_told_apart_by_a_label() -> None:
    parts = [part for part in re.findall(r'label_replace\((.+?), "read"', VITALS) if 'job="node"' in part]
    assert len(parts) == 8
    for part in parts:
        assert part.count("by (node) (") == part.count('job="node"')


def test_without_an_evaluated_rule_nothing_is_true_now() -> None:
    live = read_live([sample(1, name="hune:node_up", node="pve-01")], now=NOW)
    assert live.measured_at is None
    assert live.nodes == {}


def test_values_are_as_old_as_the_last_scrape_of_their_node() -> None:
    live = read_live(
        [
            TICK,
            sample(3.0, read="scrape_age", node="pve-01"),
            sample(1, name="hune:node_up", node="pve-01"),
            sample(47, name="hune:cpu_celsius", node="pve-01", chip="c", sensor="temp2", label="Core 0"),
        ],
        now=NOW,
    )
    node = live.nodes["pve-01"]
    assert node.up is not None
    assert node.up.at == NOW - 0.4
    label, celsius = node.sensors["c", "temp2"]
    assert (label, celsius.value, celsius.at) == ("Core 0", 47, NOW - 3.0)


def test_values_are_no_younger_than_the_last_evaluation() -> None:
    rows = [
        sample(9.0, read="tick_age"),
        sample(0.5, read="scrape_age", node="pve-01"),
        sample(47, name="hune:cpu_celsius", node="pve-01", chip="c", sensor="temp2"),
    ]
    live = read_live(rows, now=NOW)
    assert live.nodes["pve-01"].sensors["c", "temp2"] == ("temp2", live.nodes["pve-01"].sensors["c", "temp2"][1])
    assert live.nodes["pve-01"].sensors["c", "temp2"][1].at == NOW - 9.0


def test_speeds_are_bits() -> None:
    rows = [TICK, sample(1.25e9, name="hune:link_speed_bytes", node="pve-01", device="enp1s0f0")]
    assert read_live(rows, now=NOW).nodes["pve-01"].speeds_bits["enp1s0f0"].value == 1e10


def test_cut_off_anywhere_is_cut_off() -> None:
    rows = [TICK, sample(1, name="hune:cut_off"), sample(0, name="hune:cut_off", lab="true")]
    assert read_live(rows, now=NOW).cut_off


def test_firing_alerts_know_since_when() -> None:
    labels = {"alertname": "CpuHot", "severity": "critical", "node": "pve-01"}
    rows = [
        TICK,
        sample(1, name="ALERTS", alertstate="firing", **labels),
        sample(900.0, name="ALERTS_FOR_STATE", **labels),
    ]
    (firing,) = read_live(rows, now=NOW).firing
    assert (firing.labels, firing.since) == (labels, 900.0)


def test_vitals_are_told_apart_by_what_they_read() -> None:
    vitals = read_vitals(
        [
            sample(6.0, read="age", node="pve-01"),
            sample(0.12, read="cpu_ratio", node="pve-01"),
            sample(6, read="cpus", node="pve-01"),
            sample(4.0, read="probe_age", probe="nas"),
            sample(1, read="probe_success", probe="nas"),
            sample(0.023, read="probe_seconds", probe="nas"),
        ],
        now=NOW,
    )
    cpu = vitals.readings["pve-01"]["cpu_ratio"]
    assert (cpu.value, cpu.at, cpu.interval_seconds) == (0.12, NOW - 6, 15.0)
    assert vitals.facts["pve-01"] == {"cpus": 6}
    success, seconds = vitals.probes["nas"]
    assert (success.value, success.at, seconds) == (1, NOW - 4, 0.023)


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan"), 1e308])
def test_value_that_nobody_can_have_measured_is_left_out(value: float) -> None:
    live = read_live([TICK, sample(value, name="hune:link_speed_bytes", node="pve-01", device="eno1")], now=NOW)
    assert live.nodes == {}
    assert read_vitals([sample(value, read="booted_at", node="pve-01")], now=NOW).facts == {}
