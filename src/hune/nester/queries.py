"""The PromQL that the pages ask, and what its answers mean.

Two expressions tell the present: LIVE every second, VITALS every few seconds. Where series of different origin share
one answer, label `read` says which is which.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from hune.nester.snapshot import FAST_SECONDS, SLOW_SECONDS, Reading, is_plausible
from hune.promapi.prometheus import Sample


def _read(name: str, expression: str) -> str:
    return f'label_replace({expression}, "read", "{name}", "", "")'


LIVE = " or ".join(
    [
        '{__name__=~"hune:(node_up|cpu_celsius|cpu_limit_celsius|link_up|link_speed_bytes|cut_off)"}',
        'ALERTS{alertstate="firing"}',
        "ALERTS_FOR_STATE",
        _read("tick_age", "time() - timestamp(hune:tick)"),
        _read("scrape_age", 'time() - timestamp(up{job="node-fast"})'),
    ]
)

_ROOT = 'max by (node) (node_filesystem_{}_bytes{{job="node",mountpoint="/"}})'
_USED = f"({_ROOT.format('size')} - {_ROOT.format('free')})"

# Of what exporters say only their node is kept: series that differ in `read` alone would be an error of the whole.
VITALS = " or ".join(
    [
        _read("age", 'min by (node) (time() - timestamp(up{job="node"}))'),
        _read(
            "cpu_ratio",
            '1 - sum by (node) (rate(node_cpu_seconds_total{job="node",mode="idle"}[1m]))'
            ' / (sum by (node) (rate(node_cpu_seconds_total{job="node"}[1m])) > 0)',
        ),
        _read("cpus", 'count by (node) (node_cpu_seconds_total{job="node",mode="idle"})'),
        _read("memory_bytes", 'max by (node) (node_memory_MemTotal_bytes{job="node"})'),
        _read(
            "memory_ratio",
            '1 - max by (node) (node_memory_MemAvailable_bytes{job="node"})'
            ' / max by (node) (node_memory_MemTotal_bytes{job="node"})',
        ),
        _read("load", 'max by (node) (node_load1{job="node"})'),
        _read("booted_at", 'max by (node) (node_boot_time_seconds{job="node"})'),
        _read(
            "disk_ratio",
            # As `df` counts: what is kept for root is neither used nor to be had.
            f"{_USED} / ({_USED} + {_ROOT.format('avail')})",
        ),
        _read("probe_age", 'time() - timestamp(up{job="probe"})'),
        _read("probe_success", 'probe_success{job="probe"}'),
        _read("probe_seconds", 'probe_duration_seconds{job="probe"}'),
    ]
)


@dataclass
class NodeLive:
    """What LIVE says about one node."""

    up: Reading | None = None
    sensors: dict[tuple[str, str], tuple[str, Reading]] = field(default_factory=dict)
    limits: dict[str, float] = field(default_factory=dict)
    links: dict[str, Reading] = field(default_factory=dict)
    speeds_bits: dict[str, Reading] = field(default_factory=dict)


@dataclass
class Firing:
    """An alert as Prometheus itself evaluates it: what the pages fall back on while the hub is silent."""

    labels: dict[str, str]
    since: float


@dataclass
class Live:
    """What LIVE says. `measured_at` is None if no rule has been evaluated: then nothing in here is true now."""

    measured_at: float | None = None
    cut_off: bool = False
    nodes: dict[str, NodeLive] = field(default_factory=dict)
    firing: list[Firing] = field(default_factory=list)


@dataclass
class Vitals:
    """What VITALS says: readings by node and name, plain numbers by node and name, probes by name."""

    readings: dict[str, dict[str, Reading]] = field(default_factory=dict)
    facts: dict[str, dict[str, float]] = field(default_factory=dict)
    probes: dict[str, tuple[Reading, float | None]] = field(default_factory=dict)


def read_live(samples: Iterable[Sample], *, now: float) -> Live:
    """Return what an answer to LIVE means.

    Recorded values are as old as the last scrape of their node, or as the last evaluation if that is older.
    """
    rows = [sample for sample in samples if is_plausible(sample.value)]
    live = Live()
    tick_age = min((row.value for row in rows if row["read"] == "tick_age"), default=None)
    if tick_age is None:
        return live
    live.measured_at = now - tick_age
    scrape_ages = {row["node"]: row.value for row in rows if row["read"] == "scrape_age"}
    starts: dict[frozenset[tuple[str, str]], float] = {}
    for row in rows:
        name = row["__name__"]
        if name == "ALERTS_FOR_STATE":
            starts[_identity(row)] = row.value
        elif name == "hune:cut_off":
            live.cut_off = live.cut_off or row.value == 1
        elif name.startswith("hune:"):
            node = live.nodes.setdefault(row["node"], NodeLive())
            age = tick_age if name == "hune:node_up" else max(tick_age, scrape_ages.get(row["node"], tick_age))
            _note(node, name, row, Reading(row.value, now - age, FAST_SECONDS))
    for row in rows:
        if row["__name__"] == "ALERTS":
            live.firing.append(Firing(dict(_identity(row)), starts.get(_identity(row), now)))
    return live


def _identity(row: Sample) -> frozenset[tuple[str, str]]:
    return frozenset((key, value) for key, value in row.labels.items() if key not in ("__name__", "alertstate"))


def _note(node: NodeLive, name: str, row: Sample, reading: Reading) -> None:
    if name == "hune:node_up":
        node.up = reading
    elif name == "hune:cpu_celsius":
        node.sensors[row["chip"], row["sensor"]] = (row["label"] or row["sensor"], reading)
    elif name == "hune:cpu_limit_celsius":
        node.limits[row["chip"]] = row.value
    elif name == "hune:link_up":
        node.links[row["device"]] = reading
    elif name == "hune:link_speed_bytes":
        node.speeds_bits[row["device"]] = Reading(row.value * 8, reading.at, reading.interval_seconds)


_FACTS = ("cpus", "memory_bytes", "booted_at")


def read_vitals(samples: Iterable[Sample], *, now: float) -> Vitals:
    """Return what an answer to VITALS means."""
    rows = [sample for sample in samples if is_plausible(sample.value)]
    vitals = Vitals()
    ages = {row["node"]: row.value for row in rows if row["read"] == "age"}
    probe_ages = {row["probe"]: row.value for row in rows if row["read"] == "probe_age"}
    seconds = {row["probe"]: row.value for row in rows if row["read"] == "probe_seconds"}
    for row in rows:
        kind = row["read"]
        if kind in _FACTS:
            vitals.facts.setdefault(row["node"], {})[kind] = row.value
        elif kind == "probe_success":
            reading = Reading(row.value, now - probe_ages.get(row["probe"], 0.0), SLOW_SECONDS)
            vitals.probes[row["probe"]] = (reading, seconds.get(row["probe"]))
        elif kind not in ("age", "probe_age", "probe_seconds"):
            reading = Reading(row.value, now - ages.get(row["node"], 0.0), SLOW_SECONDS)
            vitals.readings.setdefault(row["node"], {})[kind] = reading
    return vitals
