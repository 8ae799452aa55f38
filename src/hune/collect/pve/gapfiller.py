"""Looks for gaps in a cluster's history once a minute, and has Proxmox fill them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

import aiohttp

from hune.collect.pve.backfill import (
    HISTORY_SECONDS,
    SERIES,
    Gap,
    Labels,
    agreeing,
    clock_offset,
    gaps,
    identities,
    samples,
    usual_interval,
)
from hune.collect.pve.source import Api
from hune.core.clock import Clock
from hune.core.errors import Unavailable, why
from hune.promapi.prometheus import PrometheusClient
from hune.promapi.remote import WRITE_HEADERS, write_request
from hune.pve.errors import BadAnswer, NotThere, PveError

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 60.0
_BATCH = 2000
_NAMES = "|".join(sorted({name for names in SERIES.values() for name in names}))


class GapFiller:
    """Keeps the history of one cluster whole: of the series of job `pve` with its name as label `cluster`."""

    def __init__(
        self,
        api: Api,
        session: aiohttp.ClientSession,
        clock: Clock,
        *,
        cluster: str,
        prometheus_url: str,
        store_url: str,
    ) -> None:
        self._api = api
        self._session = session
        self._clock = clock
        self._cluster = cluster
        self._prometheus = PrometheusClient(session, prometheus_url)
        self._store = PrometheusClient(session, store_url)
        self._store_url = store_url.rstrip("/")
        self._tried: set[float] = set()
        self._last_error = ""

    async def run(self) -> None:
        """Look until cancelled; return if this Proxmox keeps no history."""
        while True:
            try:
                await self.look()
                self._last_error = ""
            except NotThere:
                log.info("%s: keeps no history of its own (Proxmox VE before 8.2.5): gaps stay open", self._cluster)
                return
            except (PveError, Unavailable) as error:
                if str(error) != self._last_error:
                    log.warning("%s: gaps are not filled now, trying again: %s", self._cluster, error)
                self._last_error = str(error)
            await self._clock.sleep(INTERVAL_SECONDS)

    async def look(self) -> int:
        """Fill the gaps there are; return the number of samples written.

        Raises PveError or Unavailable with everything left as it was, or some of it written: writing again changes
        nothing.
        """
        found = await self._gaps()
        if not found:
            return 0
        known = identities(await self._series(found))
        nodes = await self._nodes()
        written = sum(await asyncio.gather(*(self._fill(node, found, known) for node in nodes)))
        # What Proxmox doesn't have either is not asked for every minute.
        oldest = self._clock.now() - HISTORY_SECONDS
        self._tried = {end for end in self._tried if end > oldest} | {gap.end for gap in found}
        for gap in found:
            log.info("%s: a gap of %.0f s was filled from Proxmox's own memory", self._cluster, gap.end - gap.start)
        return written

    async def _gaps(self) -> list[Gap]:
        since = self._clock.now() - HISTORY_SECONDS
        window = round(HISTORY_SECONDS)
        scraped = f'pve_up{{job="pve",cluster="{self._cluster}",id=~"node/.+"}}'
        moments: set[float] = set()
        # What Prometheus has and the store not yet is replayed by the conductor.
        for client in (self._prometheus, self._store):
            data = await client.call("POST", "/api/v1/query", form={"query": f"{scraped}[{window}s]"})
            moments.update(float(moment) for row in data["result"] for moment, _ in row["values"])
        before = await self._store.query(f"count(last_over_time({scraped}[1d] offset {window}s))")
        scrapes = sorted(moment for moment in moments if moment > since)
        found = gaps(scrapes, interval_seconds=usual_interval(scrapes), since=since, known_before=bool(before))
        # Known by its end: the start of one that reaches back past what is remembered moves on.
        return [gap for gap in found if gap.end not in self._tried]

    async def _series(self, found: Sequence[Gap]) -> list[dict[str, str]]:
        form = {
            "match[]": f'{{job="pve",cluster="{self._cluster}",__name__=~"{_NAMES}"}}',
            "start": repr(min(gap.start for gap in found) - 3600),
            "end": repr(self._clock.now()),
        }
        series: list[dict[str, str]] = await self._store.call("POST", "/api/v1/series", form=form, timeout_seconds=60.0)
        return series

    async def _nodes(self) -> list[str]:
        status = await self._api.get("/cluster/status")
        try:
            return [str(row["name"]) for row in status if row.get("type") == "node" and row.get("online")]
        except (AttributeError, KeyError, TypeError) as error:
            raise BadAnswer("no list of nodes", path="/cluster/status") from error

    async def _fill(self, node: str, found: Sequence[Gap], known: Mapping[tuple[str, str], Labels]) -> int:
        asked_at = self._clock.now()
        path = f"/nodes/{node}/time"
        try:
            told = float((await self._api.get(path, node=node))["time"])
        except (KeyError, TypeError, ValueError) as error:
            raise BadAnswer("tells no time", path=path) from error
        ahead = clock_offset(told, asked_at, self._clock.now())
        start = min(gap.start for gap in found) + ahead
        params = {"history": "1", "local-only": "1", "start-time": str(int(start))}
        exported = await self._api.get("/cluster/metrics/export", params, node=node)
        ahead = agreeing(ahead, exported, await self._there(node, found))
        filled = list(samples(exported, found, known, ahead_seconds=ahead))
        for at in range(0, len(filled), _BATCH):
            await self._write(write_request(filled[at : at + _BATCH]))
        return sum(len(points) for _, points in filled)

    async def _there(self, node: str, found: Sequence[Gap]) -> set[float]:
        """Return the moments within gaps of which something of a node is there: another look filled them."""
        series = f'{{job="pve",cluster="{self._cluster}",id="node/{node}",__name__=~"{_NAMES}"}}'
        data = await self._store.call(
            "POST", "/api/v1/query", form={"query": f"{series}[{round(HISTORY_SECONDS)}s]"}, timeout_seconds=60.0
        )
        moments = {float(moment) for row in data["result"] for moment, _ in row["values"]}
        return {moment for moment in moments if any(gap.start < moment < gap.end for gap in found)}

    async def _write(self, body: bytes) -> None:
        url = f"{self._store_url}/api/v1/write"
        try:
            timeout = aiohttp.ClientTimeout(total=60.0)
            async with self._session.post(url, data=body, headers=WRITE_HEADERS, timeout=timeout) as response:
                if response.status // 100 != 2:
                    raise Unavailable(f"store: remote write answers {response.status}")
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unavailable(f"store: {why(error)}") from error
