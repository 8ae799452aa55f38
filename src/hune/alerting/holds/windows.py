"""Maintenance: windows of the site file and those that people declare, and which alerts each holds."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hune.alerting.holds import Hold, HoldKind, Labels, calendar
from hune.alerting.holds.calendar import Period, Schedule
from hune.site.models import Site


@dataclass(frozen=True, slots=True)
class Scope:
    """What somebody works on; nothing named is the whole site."""

    nodes: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    clusters: tuple[str, ...] = ()
    probes: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        return not (self.nodes or self.groups or self.clusters or self.probes)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, given: Mapping[str, Sequence[str]]) -> Scope:
        """Return the scope that JSON says."""
        return cls(**{key: tuple(given.get(key) or ()) for key in cls.__slots__})


@dataclass(frozen=True, slots=True)
class Maintenance:
    """A window: when, of what, by whom."""

    id: str
    schedule: Schedule
    scope: Scope
    by: str
    reason: str
    every: str | None = None
    """When it comes again, as the site file writes it, empty for once; None: it was declared."""


class Places:
    """What belongs to what in a site."""

    def __init__(self, site: Site) -> None:
        self._group = {node.name: node.group for node in site.nodes}
        self._members = {cluster.name: frozenset(cluster.nodes) for cluster in site.proxmox}
        self._in_a_cluster = frozenset().union(*self._members.values())

    def covers(self, scope: Scope, labels: Labels) -> bool:
        """Whether an alert with these labels is about something in the scope."""
        if scope.is_whole:
            return True
        node, cluster, probe = labels.get("node", ""), labels.get("cluster", ""), labels.get("probe", "")
        if cluster and node in self._in_a_cluster and node not in self._members.get(cluster, ()):
            # Of another cluster's: Proxmox names nodes as it likes.
            node = ""
        group = self._group.get(node)
        return (
            (bool(node) and node in scope.nodes)
            or (group is not None and group in scope.groups)
            or (bool(cluster) and cluster in scope.clusters)
            or any(node in self._members.get(name, ()) for name in scope.clusters)
            or (bool(probe) and probe in scope.probes)
        )


def of_site(site: Site) -> list[Maintenance]:
    """Return the windows of the site file."""
    return [
        Maintenance(
            id=f"site-{number}",
            schedule=calendar.of_window(window, site.timezone),
            scope=Scope(*(tuple(names) for names in (window.nodes, window.groups, window.clusters, window.probes))),
            by="",
            reason=window.reason,
            every=f"{window.every} for {window.lasts}" if window.every else "",
        )
        for number, window in enumerate(site.maintenance, 1)
    ]


def in_force(windows: Iterable[Maintenance], *, now: float) -> Iterator[tuple[Maintenance, Period]]:
    """Yield the windows that hold at a moment, each with its period."""
    for window in windows:
        if (period := calendar.current(window.schedule, now)) is not None:
            yield window, period


def holds_of(found: Iterable[tuple[Maintenance, Period]], places: Places, labels: Labels) -> tuple[Hold, ...]:
    """Return which of the windows that are in force hold an alert."""
    return tuple(
        Hold(HoldKind.MAINTENANCE, window.id, period.ends, window.by, window.reason)
        for window, period in found
        if places.covers(window.scope, labels)
    )


# -- what people declare ---------------------------------------------------------------------------------------------


def declared(connection: sqlite3.Connection, *, now: float) -> list[Maintenance]:
    """Return the declared windows that are not over."""
    rows = connection.execute("SELECT * FROM maintenance WHERE ends > ? ORDER BY begins, id", (now,))
    return [
        Maintenance(
            id=str(row["id"]),
            schedule=Schedule(once=Period(row["begins"], row["ends"])),
            scope=Scope.from_dict(json.loads(row["scope"])),
            by=row["by"],
            reason=row["reason"],
        )
        for row in rows
    ]


def declare(connection: sqlite3.Connection, scope: Scope, period: Period, *, by: str, reason: str) -> int:
    """Note a window and return its number."""
    row = connection.execute(
        "INSERT INTO maintenance (scope, begins, ends, by, reason) VALUES (?, ?, ?, ?, ?) RETURNING id",
        (json.dumps(scope.to_dict()), period.begins, period.ends, by, reason),
    ).fetchone()
    return int(row[0])


def end(connection: sqlite3.Connection, number: int, *, now: float) -> bool:
    """End a window now, or before it begins; return whether there was one that wasn't over."""
    return (
        connection.execute("UPDATE maintenance SET ends = ? WHERE id = ? AND ends > ?", (now, number, now)).rowcount > 0
    )


def forget(connection: sqlite3.Connection, *, before: float) -> None:
    """Drop the declared windows that ended before a moment."""
    connection.execute("DELETE FROM maintenance WHERE ends < ?", (before,))
