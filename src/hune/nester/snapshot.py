"""What the pages show, as one moment saw it.

Times are seconds since the epoch, ratios 0 to 1, speeds bits per second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from hune.nester.proxmox.model import Cluster

FAST_SECONDS = 1.0
SLOW_SECONDS = 15.0

AlertState = Literal["firing", "unknown", "resolved"]
Severity = Literal["critical", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)

MOST_ALERTS = 500
"""No more are asked for: with so many open, there may be others."""

# Bytes of memory and bits a second stay well below; a hostile exporter may say anything.
_LARGEST = 1e15


def is_plausible(value: float) -> bool:
    """Whether a number can have been measured: it is one, and neither endless nor beyond all that is shown here."""
    return abs(value) <= _LARGEST


@dataclass(frozen=True, slots=True)
class Reading:
    """A measured value, when it was measured, and how often it should be."""

    value: float
    at: float
    interval_seconds: float = FAST_SECONDS

    def is_stale(self, now: float) -> bool:
        """Whether a measurement has been missed: older than twice the interval."""
        return now - self.at > 2 * self.interval_seconds


@dataclass(frozen=True, slots=True)
class Sensor:
    """One CPU sensor: the package or a core."""

    chip: str
    label: str
    celsius: Reading


@dataclass(frozen=True, slots=True)
class Port:
    """A watched network port."""

    device: str
    name: str
    expected_bits: float | None
    up: Reading | None
    speed_bits: Reading | None


@dataclass(frozen=True, slots=True)
class Node:
    """A machine of the site; what is None was never measured."""

    name: str
    address: str
    kind: str
    lab: bool
    limit_celsius: float
    up: Reading | None = None
    sensors: tuple[Sensor, ...] = ()
    cpu_ratio: Reading | None = None
    memory_ratio: Reading | None = None
    memory_bytes: float | None = None
    disk_ratio: Reading | None = None
    load: Reading | None = None
    cpus: int | None = None
    booted_at: float | None = None
    ports: tuple[Port, ...] = ()

    @property
    def hottest(self) -> Sensor | None:
        """The sensor that shows most; a core before the package that repeats it."""
        if not self.sensors:
            return None
        return max(self.sensors, key=lambda sensor: (sensor.celsius.value, is_core(sensor)))


def is_core(sensor: Sensor) -> bool:
    """Whether a sensor is one core's."""
    return sensor.label.startswith("Core")


@dataclass(frozen=True, slots=True)
class Delivery:
    """How far the message of an alert got at one receiver; `step` counts those of an escalation."""

    receiver: str
    state: str
    at: float | None
    detail: str = ""
    due_at: float | None = None
    step: int = 0


@dataclass(frozen=True, slots=True)
class Care:
    """Who looks after an alert, since when, and until when; an acknowledgement has no end."""

    by: str
    at: float
    until: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Hold:
    """Why nobody is told of an alert: a `silence` or a `maintenance`, and until when."""

    kind: str
    id: str
    until: float | None
    by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Alert:
    """One episode: from firing to resolved."""

    id: str
    name: str
    severity: Severity
    state: AlertState
    labels: tuple[tuple[str, str], ...]
    annotations: tuple[tuple[str, str], ...]
    starts_at: float
    resolved_at: float | None = None
    value: float | None = None
    peak: float | None = None
    deliveries: tuple[Delivery, ...] = ()
    care: Care | None = None
    holds: tuple[Hold, ...] = ()

    def label(self, name: str) -> str:
        """Return a label, or an empty text."""
        return dict(self.labels).get(name, "")

    def annotation(self, name: str) -> str:
        """Return an annotation, or an empty text."""
        return dict(self.annotations).get(name, "")

    @property
    def is_open(self) -> bool:
        return self.state != "resolved"

    @property
    def is_attended(self) -> bool:
        """Whether somebody knows and nobody needs to be called: it is looked after, or held."""
        return self.care is not None or bool(self.holds)


def _urgency(alert: Alert) -> tuple[bool, bool, int, float, str]:
    return (
        bool(alert.holds),
        alert.care is not None,
        SEVERITIES.index(alert.severity),
        alert.starts_at,
        alert.id,
    )


@dataclass(frozen=True, slots=True)
class Probe:
    """Something that is tried from here."""

    name: str
    type: str
    target: str
    success: Reading | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class ServiceHealth:
    """What the conductor says about an engine or a service."""

    name: str
    healthy: bool
    detail: str
    address: str
    since: float


@dataclass(frozen=True, slots=True)
class Source:
    """Somebody the pages ask; `silent_since` is None while it answers."""

    name: Literal["prometheus", "hub", "conductor", "victoriametrics"]
    silent_since: float | None = None
    detail: str = ""

    @property
    def answers(self) -> bool:
        return self.silent_since is None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One moment of the site. `measured_at` is when Prometheus last said something fresh, None if it never did."""

    number: int
    taken_at: float
    site: str
    measured_at: float | None
    nodes: tuple[Node, ...]
    alerts: tuple[Alert, ...]
    probes: tuple[Probe, ...]
    services: tuple[ServiceHealth, ...]
    sources: tuple[Source, ...]
    cut_off: bool = False
    clusters: tuple[Cluster, ...] = ()

    @property
    def open_alerts(self) -> tuple[Alert, ...]:
        """What fires or is unknown: what needs somebody, looked after, held; critical first, then longest first."""
        found = [alert for alert in self.alerts if alert.is_open]
        return tuple(sorted(found, key=_urgency))

    def source(self, name: str) -> Source:
        """Return what is known about one source."""
        return next(source for source in self.sources if source.name == name)

    @property
    def is_stale(self) -> bool:
        """Whether the live values as a whole are old."""
        return self.measured_at is None or self.taken_at - self.measured_at > 2 * FAST_SECONDS
