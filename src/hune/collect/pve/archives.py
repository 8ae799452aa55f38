"""Backups on storages: each guest's newest, from listings that are slow and asked for seldom.

Proxmox leaves out, without a word, the backups that an account may not read: it takes Datastore.AllocateSpace on the
storage and VM.Backup on the guest (or Datastore.Allocate). An empty listing of such an account is unknown, not empty.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hune.collect.pve.answers import record, records
from hune.collect.pve.asking import ask
from hune.collect.pve.cluster import FRESH_SECONDS, RESOURCES, read_cluster
from hune.collect.pve.collector import Collection
from hune.collect.pve.protection import Backup
from hune.collect.pve.rota import Pace, Rota
from hune.core.errors import Unavailable
from hune.pve.errors import Failed, PveError

CONTENT = "/nodes/{node}/storage/{storage}/content"
PERMISSIONS = "/access/permissions"
_TTL_SECONDS = 3600.0
_NODES_TRIED = 3
_STORAGE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,99}", re.ASCII)
_PACE = Pace(
    ttl_seconds=_TTL_SECONDS,
    keep_seconds=6 * _TTL_SECONDS,
    batch=64,
    at_once=4,
    patience_seconds=5.0,
    again_seconds=120.0,
)


@dataclass(frozen=True)
class Place:
    """A storage that holds backups; `node` is empty if every node sees the same ones."""

    storage: str
    node: str

    def __str__(self) -> str:
        return CONTENT.format(node=self.node or "{node}", storage=self.storage)


@dataclass(frozen=True)
class Archives:
    """The backups of one guest: how many, the newest, and the newest whose verification didn't fail (0: none)."""

    count: int = 0
    newest: float = 0.0
    size_bytes: float | None = None
    verified: bool | None = None
    good: float = 0.0
    good_verified: bool | None = None

    def merged(self, other: Archives) -> Archives:
        """Return both together."""
        newest = self if self.newest >= other.newest else other
        good = self if self.good >= other.good else other
        return Archives(
            count=self.count + other.count,
            newest=newest.newest,
            size_bytes=newest.size_bytes,
            verified=newest.verified,
            good=good.good,
            good_verified=good.good_verified,
        )


@dataclass
class Listing:
    """The backups in one place by guest's number; `complete` if none can be missing for want of a privilege."""

    guests: dict[int, Archives] = field(default_factory=dict)
    complete: bool = True


class OutOfReach(Failed):
    """No node that is online has the storage now: that is for the storage's own state to tell, no failure of ours."""


@dataclass(frozen=True)
class Known:
    """All listings that are known, and the places that could not be listed (None: not yet)."""

    listings: Mapping[Place, Listing]
    missing: Mapping[Place, PveError | None]

    def storages(self) -> frozenset[str]:
        """Return the storages all of whose backups are known."""
        incomplete = {place.storage for place, listing in self.listings.items() if not listing.complete}
        return (
            frozenset(place.storage for place in self.listings) - incomplete - {place.storage for place in self.missing}
        )

    def archives(self, vmid: int) -> dict[str, Archives]:
        """Return a guest's backups by storage; those of storages of one name on several nodes together."""
        found: dict[str, Archives] = {}
        for place, listing in self.listings.items():
            if archives := listing.guests.get(vmid):
                known = found.get(place.storage)
                found[place.storage] = known.merged(archives) if known else archives
        return dict(sorted(found.items()))

    def backups(self, vmid: int) -> tuple[tuple[Backup, ...], tuple[str, ...]]:
        """Return a guest's newest good backup on each storage, and the storages on which it has only bad ones."""
        found = self.archives(vmid)
        good = tuple(
            Backup(storage, archives.good, archives.good_verified, newer_failed=archives.newest > archives.good)
            for storage, archives in found.items()
            if archives.good
        )
        return good, tuple(storage for storage, archives in found.items() if not archives.good)


def parse_places(answer: Any, online: set[str]) -> dict[Place, list[str]]:
    """Read the storages for backups of `/cluster/resources`, with the nodes that can list each now, by name."""
    places: dict[Place, list[str]] = {}
    for entry in records(answer, RESOURCES):
        if entry.text("type") != "storage" or "backup" not in entry.text("content", "").split(","):
            continue
        node, storage = entry.text("node"), entry.text("storage")
        # A name becomes a part of paths that are asked for.
        if not _STORAGE_NAME.fullmatch(storage):
            continue
        place = Place(storage, "" if entry.flag("shared", False) else node)
        able = places.setdefault(place, [])
        if node in online and entry.text("status", "") == "available":
            able.append(node)
    # The same node is asked each time.
    return {place: sorted(nodes) for place, nodes in places.items()}


def parse_listing(answer: Any, where: str) -> Listing:
    """Read an answer of `/nodes/{node}/storage/{storage}/content?content=backup`. Raises BadAnswer."""
    listing = Listing()
    for entry in records(answer, where):
        if entry.text("content", "backup") != "backup" or "vmid" not in entry or "ctime" not in entry:
            continue
        size = entry.amount("size") if "size" in entry else None
        # A backup that is still being written to a Proxmox Backup Server has the size 0 or 1.
        if size is not None and size <= 1:
            continue
        time, verified = entry.amount("ctime"), None
        if "verification" in entry:
            verified = entry.record("verification").text("state") == "ok"
        is_good = verified is not False
        one = Archives(1, time, size, verified, time if is_good else 0.0, verified if is_good else None)
        vmid = entry.whole("vmid")
        known = listing.guests.get(vmid)
        listing.guests[vmid] = known.merged(one) if known else one
    return listing


def parse_permissions(answer: Any, path: str) -> frozenset[str]:
    """Read an answer of `/access/permissions?path=`: the privileges on that path. Raises BadAnswer."""
    return frozenset(record(answer, PERMISSIONS).record(path))


class ArchiveReader:
    """Reads the listings, for each source by a rota of its own."""

    def __init__(self) -> None:
        self._rota: Rota[Place, Listing] = Rota(_PACE)

    async def read(self, run: Collection) -> Known:
        """Return the listings that are known; those due are asked for. Raises PveError."""
        online = set((await read_cluster(run.source)).online)
        places = parse_places(await run.source.get(RESOURCES, max_age_seconds=FRESH_SECONDS), online)

        async def fetch(place: Place) -> Listing:
            failed: PveError = OutOfReach(f"storage {place.storage}: no node that is online has it", path=str(place))
            for node in places[place][:_NODES_TRIED]:
                path = CONTENT.format(node=node, storage=place.storage)
                try:
                    answer = await run.source.get(path, {"content": "backup"}, max_age_seconds=_TTL_SECONDS / 2)
                except PveError as error:
                    if not isinstance(error, Unavailable):
                        raise
                    failed = error
                    continue
                # A large site has a hundred thousand backups: seconds, in which everything else would wait.
                listing = await asyncio.to_thread(parse_listing, answer, path)
                try:
                    listing.complete = await self._sees_all(run, place.storage)
                except PveError:
                    # Whoever sees some may see all; an empty list says nothing.
                    listing.complete = bool(listing.guests)
                return listing
            raise failed

        known = await self._rota.round(run.source, {place: bool(nodes) for place, nodes in places.items()}, fetch)
        missing = {place: known.errors.get(place) for place in places if place not in known.facts}
        return Known(known.facts, missing)

    async def _sees_all(self, run: Collection, storage: str) -> bool:
        where = f"/storage/{storage}"
        own = parse_permissions(await self._permissions(run, where), where)
        if "Datastore.Allocate" in own:
            return True
        return "Datastore.AllocateSpace" in own and "VM.Backup" in parse_permissions(
            await self._permissions(run, "/vms"), "/vms"
        )

    async def _permissions(self, run: Collection, path: str) -> Any:
        return await ask(run.source, PERMISSIONS, {"path": path}, max_age_seconds=_TTL_SECONDS)
