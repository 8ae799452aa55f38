"""Asks Prometheus about the Proxmox clusters: a summary every few seconds, all of one while somebody looks at it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from hune.core.clock import Clock
from hune.core.errors import HuneError
from hune.nester.proxmox import queries
from hune.nester.proxmox.model import Cluster, Detail, Facts, Load
from hune.nester.proxmox.reading import read_detail, read_facts, read_health, read_load, read_seen, read_status
from hune.promapi.prometheus import PrometheusClient, Sample
from hune.site.models import Site

log = logging.getLogger(__name__)

KEPT_SECONDS = 10.0
"""How long what is known of one cluster is shown before it is asked for anew."""
SEARCH_KEPT_SECONDS = 15.0
_BEFORE_EVERY_SECONDS = 60.0
_FORGOTTEN_SECONDS = 600.0
_PATIENCE_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class GuestName:
    """A guest as the search finds it."""

    id: str
    name: str
    node: str
    cluster: str


@dataclass
class _Kept:
    value: Any = None
    asked_at: float = float("-inf")
    asking: asyncio.Task[None] | None = None


class Clusters:
    """What is known of the clusters. While Prometheus is silent, what it last said stays, with its age."""

    def __init__(self, site: Site, prometheus: PrometheusClient, clock: Clock, group: asyncio.TaskGroup) -> None:
        self._prometheus = prometheus
        self._clock = clock
        self._group = group
        self._seen: dict[tuple[str, str], float] = {}
        self._before_asked = float("-inf")
        self._asked = {cluster.name for cluster in site.asked_clusters}
        self._known = {
            cluster.name: Cluster(cluster.name, site.is_lab(cluster), cluster.name in self._asked)
            for cluster in site.proxmox
        }
        self._kept: dict[tuple[str, ...], _Kept] = {}
        self._number = 0

    @property
    def summaries(self) -> tuple[Cluster, ...]:
        """The clusters as they were last summed up."""
        return tuple(self._known.values())

    async def look(self) -> None:
        """Sum all clusters up anew. Raises HuneError if Prometheus doesn't answer."""
        if not self._asked:
            return
        seen, load = await asyncio.gather(self._query(queries.SEEN), self._query(queries.LOAD))
        fresh = read_seen(seen)
        self._seen |= fresh
        await self._look_back(fresh)
        loads = read_load(load)
        await asyncio.gather(*(self._sum_up(name, loads.get(name)) for name in self._asked))

    async def _look_back(self, fresh: dict[tuple[str, str], float]) -> None:
        """Find out when those that don't answer last did; nothing is known of it after a restart of the pages."""
        wanted = {(name, what) for name in self._asked for what in ("status", "details")}
        now = self._clock.monotonic()
        if wanted <= self._seen.keys() or wanted <= fresh.keys() or now - self._before_asked < _BEFORE_EVERY_SECONDS:
            return
        self._before_asked = now
        self._seen = read_seen(await self._query(queries.SEEN_BEFORE)) | self._seen

    async def _sum_up(self, name: str, load: Load | None) -> None:
        found: dict[str, Any] = {"load": load}
        status_at, detail_at = self._seen.get((name, "status")), self._seen.get((name, "details"))
        if status_at is not None:
            found |= read_status(await self._query(queries.status_of(name), at=status_at)) | {"status_at": status_at}
        if detail_at is not None:
            found |= read_health(await self._query(queries.health_of(name), at=detail_at)) | {"detail_at": detail_at}
        first = self._known[name]
        self._known[name] = Cluster(first.name, first.lab, first.asked, **found)

    async def detail(self, name: str) -> Detail | None:
        """Return everything of a cluster, None if nothing is known of it."""

        async def ask() -> Detail | None:
            status, details = await asyncio.gather(
                self._query_seen(queries.all_status_of(name), name, "status"),
                self._query_seen(queries.all_details_of(name), name, "details"),
            )
            self._number += 1
            # In a thread: ten thousand guests are a lot of rows.
            return await asyncio.to_thread(read_detail, self._number, status, details) if status or details else None

        found: Detail | None = await self._keep(("detail", name), KEPT_SECONDS, ask)
        return found

    async def guest_facts(self, cluster: str, guest: str) -> Facts:
        """Return what only a guest's own page shows."""

        async def ask() -> Facts:
            return read_facts(await self._query_seen(queries.all_of_guest(cluster, guest), cluster, "details"))

        return await self._keep(("guest", cluster, guest), KEPT_SECONDS, ask) or Facts()

    async def guest_names(self) -> tuple[GuestName, ...]:
        """Return all guests of all clusters."""

        async def ask() -> tuple[GuestName, ...]:
            names = sorted(self._asked)
            answers = await asyncio.gather(
                *(self._query_seen(queries.guests_of(name), name, "status") for name in names)
            )
            return tuple(
                GuestName(row["id"], row["name"], row["node"], name)
                for name, rows in zip(names, answers, strict=True)
                for row in rows
            )

        return await self._keep(("names",), SEARCH_KEPT_SECONDS, ask) or ()

    async def _query_seen(self, expression: str, name: str, what: str) -> list[Sample]:
        at = self._seen.get((name, what))
        return [] if at is None else await self._query(expression, at=at)

    async def _query(self, expression: str, *, at: float | None = None) -> list[Sample]:
        # A moment after the scrape: all its samples bear one time, and stale markers come with the next.
        moment = None if at is None else min(at + 1.0, max(at, self._clock.now()))
        return await self._prometheus.query(expression, at=moment, timeout_seconds=_PATIENCE_SECONDS)

    async def _keep(self, key: tuple[str, ...], seconds: float, ask: Callable[[], Awaitable[Any]]) -> Any:
        """Return what is kept under a key; the first answer is waited for, later ones arrive behind it."""
        kept = self._kept.setdefault(key, _Kept())
        now = self._clock.monotonic()
        if kept.asking is None and now - kept.asked_at >= seconds:
            kept.asked_at = now
            self._forget(now)
            kept.asking = self._group.create_task(self._ask(kept, ask), name="clusters")
        if kept.asking is not None and kept.value is None:
            await asyncio.wait({kept.asking}, timeout=_PATIENCE_SECONDS)
        return kept.value

    async def _ask(self, kept: _Kept, ask: Callable[[], Awaitable[Any]]) -> None:
        try:
            value = await ask()
        except HuneError as error:
            # The live look tells of it, and the ages of what is shown.
            log.debug("prometheus does not answer: %s", error)
        else:
            kept.value = value if value is not None else kept.value
        finally:
            kept.asking = None

    def _forget(self, now: float) -> None:
        old = [
            key for key, each in self._kept.items() if each.asking is None and now - each.asked_at > _FORGOTTEN_SECONDS
        ]
        for key in old:
            del self._kept[key]
