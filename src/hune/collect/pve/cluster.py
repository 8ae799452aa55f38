"""Who is in a cluster: its nodes from `/cluster/status`, its guests from `/cluster/resources`."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from hune.collect.pve.answers import records
from hune.collect.pve.source import Source

STATUS = "/cluster/status"
RESOURCES = "/cluster/resources"
FRESH_SECONDS = 5.0
"""How old the two lists may be: every collector of a scrape reads the same ones."""

_NODE_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?", re.ASCII)


@dataclass(frozen=True)
class Node:
    """A node of the cluster; `online` is what corosync says."""

    name: str
    online: bool


@dataclass(frozen=True)
class Cluster:
    """A cluster, or a lone node: then `name` is empty and `quorate` says nothing."""

    name: str
    quorate: bool
    config_version: int
    nodes: tuple[Node, ...]

    @property
    def online(self) -> list[str]:
        """Return the names of the nodes that may be asked."""
        return [node.name for node in self.nodes if node.online]


@dataclass(frozen=True, slots=True)
class Guest:
    """A virtual machine or container; `id` is upstream's (`qemu/100`)."""

    id: str
    kind: str
    vmid: int
    node: str
    name: str
    status: str
    last_status: str
    """The status when it last was known: of a guest on a node that died, what it was before; empty if never known."""
    appeared: float
    """When it was first seen (seconds since the epoch); 0 if it was there from the beginning."""
    template: bool
    tags: frozenset[str]
    lock: str
    pool: str
    ha_state: str
    mark: Hashable
    """Changes when the guest's configuration certainly did."""

    @property
    def running(self) -> bool:
        return self.status == "running"


@dataclass(frozen=True)
class _Read:
    at: float
    guests: tuple[Guest, ...]


_read: WeakKeyDictionary[Source, _Read] = WeakKeyDictionary()


async def read_cluster(source: Source) -> Cluster:
    """Return the cluster's nodes. Raises PveError."""
    return parse_cluster(await source.get(STATUS, max_age_seconds=FRESH_SECONDS))


async def read_guests(source: Source) -> tuple[Guest, ...]:
    """Return all guests that the account may see; ten thousand are parsed once for all collectors. Raises PveError."""
    if (guests := _lately_read(source)) is not None:
        return guests
    answer = await source.get(RESOURCES, max_age_seconds=FRESH_SECONDS)
    if (guests := _lately_read(source)) is None:
        read, clock = _read.get(source), source.clock
        before = {guest.id: guest for guest in read.guests} if read else None
        guests = parse_guests(answer, before, clock.now())
        _read[source] = _Read(clock.monotonic(), guests)
    return guests


def _lately_read(source: Source) -> tuple[Guest, ...] | None:
    read = _read.get(source)
    return read.guests if read is not None and source.clock.monotonic() - read.at <= FRESH_SECONDS else None


def parse_cluster(answer: Any) -> Cluster:
    """Read `/cluster/status`. Raises BadAnswer."""
    name, quorate, version, nodes = "", False, 0, []
    for entry in records(answer, STATUS):
        kind = entry.text("type")
        if kind == "cluster":
            name, quorate = entry.text("name"), entry.flag("quorate", False)
            version = entry.whole("version", 0)
        # A name becomes a part of paths that are asked for.
        elif kind == "node" and _NODE_NAME.fullmatch(node := entry.text("name")):
            nodes.append(Node(node, entry.flag("online", False)))
    return Cluster(name, quorate, version, tuple(nodes))


def parse_guests(answer: Any, before: Mapping[str, Guest] | None, now: float) -> tuple[Guest, ...]:
    """Read the guests of `/cluster/resources`; `before` are those that were there before, by id. Raises BadAnswer."""
    guests = []
    for entry in records(answer, RESOURCES):
        kind = entry.text("type")
        if kind not in ("qemu", "lxc"):
            continue
        vmid, node = entry.whole("vmid"), entry.text("node")
        if vmid < 1 or not _NODE_NAME.fullmatch(node):
            continue
        id_, tags = f"{kind}/{vmid}", entry.text("tags", "")
        template, lock = entry.flag("template", False), entry.text("lock", "")
        name, status = entry.text("name", ""), entry.text("status", "unknown")
        known = before.get(id_) if before else None
        shape = tuple(entry.number(key, 0) for key in ("maxcpu", "maxmem", "maxdisk"))
        guests.append(
            Guest(
                id=id_,
                kind=kind,
                vmid=vmid,
                node=node,
                name=name,
                status=status,
                last_status=(known.last_status if known else "") if status == "unknown" else status,
                appeared=known.appeared if known else (now if before is not None else 0.0),
                template=template,
                tags=frozenset(tag for tag in re.split(r"[;, ]+", tags.lower()) if tag),
                lock=lock,
                pool=entry.text("pool", ""),
                ha_state=entry.text("hastate", ""),
                mark=(node, name, tags, template, shape),
            )
        )
    return tuple(guests)
