"""What the pages show of a Proxmox cluster, as one moment saw it. What is None is not known: neither fine nor wrong.

Times are seconds since the epoch, ratios 0 to 1, sizes bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

STATUS_SECONDS = 15.0
DETAIL_SECONDS = 30.0
ASKED_EVERY_SECONDS = 5.0

GuestStatus = Literal["running", "stopped", "unknown"]
Verdict = Literal["protected", "unprotected", "pending", "excluded", "idle", "unknown"]


@dataclass(frozen=True, slots=True)
class Ceph:
    """Ceph in two figures; `health` is 0 for HEALTH_OK, 1 for HEALTH_WARN, 2 for HEALTH_ERR."""

    health: int
    used_ratio: float | None


@dataclass(frozen=True, slots=True)
class Load:
    """What asking costs Proxmox: calls a minute, seconds spent inside it per second, and the budget for calls."""

    calls_per_minute: float
    busy: float
    budget: float | None


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster of the site, summed up."""

    name: str
    lab: bool = False
    asked: bool = True
    """Whether the site gives Hune an account to ask it with."""
    status_at: float | None = None
    """When the status of nodes and guests was last read."""
    detail_at: float | None = None
    """When Hune's own collectors last had an answer."""
    quorate: bool | None = None
    votes: int | None = None
    votes_needed: int | None = None
    nodes: int | None = None
    nodes_up: int | None = None
    offline: tuple[str, ...] = ()
    master: str | None = None
    fencing: tuple[str, ...] = ()
    services: int | None = None
    ceph: Ceph | None = None
    running: int | None = None
    stopped: int | None = None
    unseen: int = 0
    """Guests on nodes that are offline: nobody knows how they are."""
    verdicts: Mapping[str, int] = field(default_factory=dict)
    oldest_backup_at: float | None = None
    lacking: tuple[str, ...] = ()
    """Collectors that could not read everything."""
    collectors: int = 0
    load: Load | None = None

    def status_is_old(self, now: float) -> bool:
        """Whether the status of nodes and guests is older than twice its interval."""
        return _is_old(self.status_at, STATUS_SECONDS, now)

    def detail_is_old(self, now: float) -> bool:
        """Whether what the collectors said is older than twice its interval."""
        return _is_old(self.detail_at, DETAIL_SECONDS, now)

    def lacks(self, *collectors: str) -> bool:
        """Whether one of these collectors could not read everything."""
        return any(name in self.lacking for name in collectors)


def _is_old(at: float | None, interval_seconds: float, now: float) -> bool:
    # An answer may be as much older as the pages wait before they ask again.
    return at is not None and now - at > 2 * interval_seconds + ASKED_EVERY_SECONDS


@dataclass(frozen=True, slots=True)
class Guest:
    """A virtual machine or container."""

    id: str
    name: str = ""
    node: str = ""
    tags: tuple[str, ...] = ()
    template: bool = False
    status: GuestStatus = "unknown"
    cpu_ratio: float | None = None
    cpus: float | None = None
    memory_bytes: float | None = None
    memory_size_bytes: float | None = None
    disk_bytes: float | None = None
    disk_size_bytes: float | None = None
    uptime_seconds: float | None = None
    ha: str = ""
    lock: str = ""
    busy: tuple[str, ...] = ()
    verdict: Verdict | None = None
    reasons: tuple[tuple[str, str], ...] = ()
    """Codes of `hune_guest_protection_reason`, and what each is about."""
    backup_at: float | None = None

    @property
    def kind(self) -> str:
        return self.id.partition("/")[0]

    @property
    def vmid(self) -> int:
        number = self.id.rpartition("/")[2]
        return int(number) if number.isascii() and number.isdigit() else 0

    @property
    def memory_ratio(self) -> float | None:
        if self.memory_bytes is None or not self.memory_size_bytes or self.status != "running":
            return None
        return self.memory_bytes / self.memory_size_bytes


Labels = Mapping[str, str]


@dataclass(frozen=True)
class Facts:
    """Series by name, each with its labels and value: the rest of a cluster, as its tables read it."""

    series: Mapping[str, tuple[tuple[Labels, float], ...]] = field(default_factory=dict)

    def rows(self, name: str) -> tuple[tuple[Labels, float], ...]:
        """Return all series of a name."""
        return self.series.get(name, ())

    def by(self, name: str, *labels: str) -> dict[tuple[str, ...], float]:
        """Return the values of a name, by some of its labels."""
        return {tuple(row.get(label, "") for label in labels): value for row, value in self.rows(name)}

    def infos(self, name: str, *labels: str) -> dict[tuple[str, ...], Labels]:
        """Return the labels of a name's series that are 1, by some of them."""
        return {tuple(row.get(label, "") for label in labels): row for row, value in self.rows(name) if value == 1}

    @property
    def lacking(self) -> frozenset[str]:
        """The collectors that could not read everything."""
        return frozenset(row.get("collector", "") for row, value in self.rows("pve_collector_success") if value == 0)


@dataclass(frozen=True)
class Detail:
    """Everything the page of a cluster shows beside its summary. `number` tells one look from the next."""

    number: int
    guests: tuple[Guest, ...]
    facts: Facts
    nodes_up: Mapping[str, bool]
    nodes: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """What upstream's series say of each node, by their names."""
    memo: dict[tuple[object, ...], object] = field(default_factory=dict, compare=False, repr=False)
    """What was made of it for those who watch: it is looked at every second and changes every ten."""
