"""The exporter: `/pve` is exactly what prometheus-pve-exporter yields, `/hune` is what that one doesn't see."""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from hune.collect.pve import compat
from hune.collect.pve.collector import Collector
from hune.collect.pve.collectors import collectors as own_collectors
from hune.collect.pve.discovery import KINDS, LEFT_OUT, NotDiscovered, discover
from hune.collect.pve.families import Exposition, Family
from hune.collect.pve.faults import summarise
from hune.collect.pve.gapfiller import GapFiller
from hune.collect.pve.metrics import ExporterMetrics
from hune.collect.pve.modules import describe
from hune.collect.pve.scrape import Outcome, Scrape, Scraper, deadline_seconds
from hune.collect.pve.settings import Settings as CollectorSettings
from hune.collect.pve.source import Source
from hune.collect.pve.targets import NotAllowed, Target, Targets
from hune.core.clock import Clock, SystemClock
from hune.core.errors import HuneError, InputError
from hune.core.service import start
from hune.http.call import open_session
from hune.http.serve import ANY_HOST, HttpService, Tls, create_app
from hune.pve.access import Access
from hune.pve.client import PveClient

log = logging.getLogger(__name__)

NAME = "pve-exporter"
DEFAULT_PORT = 9221

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_MOST_CLIENTS = 64
_LARGE_CHUNK_BYTES = 256 << 10
_FALSE = ("false", "0", "")

SUCCESS = Family(
    "pve_collector_success", "gauge", "1 if a collector had everything it wanted, else 0.", ("collector",), "all of it"
)
PROBLEMS = Family(
    "hune_pve_collector_problems",
    "gauge",
    "What a collector lacks: how many answers, of which kind, for want of which privilege.",
    ("collector", "kind", "privilege", "acl_path"),
    "all of it",
)
DURATION = Family("pve_collector_duration_seconds", "gauge", "Time that a collector took.", ("collector",), "all of it")

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Proxmox VE exporter</title></head><body>
<h1>Proxmox VE exporter</h1>
<ul>
<li><code>/pve?target=192.0.2.10</code>: the series of prometheus-pve-exporter
    (<code>module</code>, <code>cluster=0</code>, <code>node=0</code> as there)</li>
<li><code>/hune?target=192.0.2.10</code>: what that one doesn't see</li>
<li><code>/sd/nodes?target=192.0.2.10</code>, <code>/sd/guests?target=192.0.2.10</code>: targets for Prometheus,
    if that is permitted</li>
<li><a href="/metrics"><code>/metrics</code></a>: of this exporter itself, and what asking costs Proxmox</li>
<li><a href="/health"><code>/health</code></a></li>
</ul></body></html>
"""


@dataclass(frozen=True)
class History:
    """Where the series of `clusters` are kept, whose gaps Proxmox's own memory is to close."""

    clusters: tuple[str, ...]
    prometheus_url: str
    store_url: str


@dataclass(frozen=True)
class Settings:
    """How the exporter serves."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    collectors: frozenset[str] = frozenset(compat.NAMES)
    """Those of `/pve`."""
    trim: compat.Trim = compat.NO_TRIM
    api_metrics: bool = False
    target_metrics: bool = False
    tls: Tls | None = None
    host_names: tuple[str, ...] = (ANY_HOST,)
    """Names by which requests may call it."""
    history: History | None = None


@dataclass(frozen=True)
class _Stand:
    """All that belongs to one cluster or host: its client, its answers, its collections."""

    client: PveClient
    source: Source
    scraper: Scraper

    async def close(self) -> None:
        await self.scraper.close()
        await self.source.close()
        await self.client.close()


@dataclass(frozen=True)
class _Asked:
    """What a request asks for."""

    module: str
    target: str | None
    cluster: bool
    node: bool

    @classmethod
    def of(cls, request: Request) -> _Asked:
        """Read the parameters as upstream does: the first of several counts, only 0, false and nothing are false."""
        first: dict[str, str] = {}
        for key, value in request.query_params.multi_items():
            first.setdefault(key, value)
        return cls(
            module=first.get("module", "default"),
            target=first.get("target"),
            cluster=first.get("cluster", "1").lower() not in _FALSE,
            node=first.get("node", "1").lower() not in _FALSE,
        )

    def of_scope(self, collectors: Iterable[Collector]) -> list[Collector]:
        wanted = {"cluster": self.cluster, "node": self.node}
        return [collector for collector in collectors if wanted[collector.scope]]


class PveExporter:
    """The exporter as a `Service`; a client for each cluster or host that is asked for, made when it is first."""

    def __init__(self, targets: Targets, settings: Settings, *, clock: Clock | None = None) -> None:
        self.name = NAME
        self._targets = targets
        self._settings = settings
        self._clock = clock or SystemClock()
        self._stands: OrderedDict[Access, _Stand] = OrderedDict()
        self._leaving: set[asyncio.Task[None]] = set()
        self._compat = compat.collectors(settings.collectors, settings.trim)
        self._own: dict[CollectorSettings, tuple[Collector, ...]] = {}
        self._metrics = ExporterMetrics(
            targets.modules,
            lambda: [stand.client for stand in self._stands.values()],
            api_metrics=settings.api_metrics,
            target_metrics=settings.target_metrics,
        )

    async def run(self, ready: asyncio.Event) -> None:
        """Serve until cancelled. Raises Unavailable if the address is taken."""
        settings = self._settings
        server = HttpService(NAME, self.app(), host=settings.host, port=settings.port, tls=settings.tls)
        try:
            async with open_session() as session, asyncio.TaskGroup() as group:
                await start(group, server)
                for filler in self._fillers(session):
                    group.create_task(filler.run(), name="fill gaps")
                ready.set()
        finally:
            await self.close()

    def _fillers(self, session: aiohttp.ClientSession) -> Iterator[GapFiller]:
        history = self._settings.history
        for cluster in history.clusters if history else ():
            assert history is not None
            try:
                stand = self._stand_of(self._targets.find("default", cluster).access)
            except HuneError as error:
                log.warning("%s: gaps in its history stay open: %s", cluster, error)
                continue
            yield GapFiller(
                stand.client,
                session,
                self._clock,
                cluster=cluster,
                prometheus_url=history.prometheus_url,
                store_url=history.store_url,
            )

    async def close(self) -> None:
        """Close every client."""
        while self._stands:
            await self._stands.popitem()[1].close()
        await asyncio.gather(*self._leaving, return_exceptions=True)

    def app(self) -> Any:
        """Return the ASGI application."""
        return create_app(
            routes=[
                Route("/pve", self._pve),
                Route("/hune", self._hune),
                Route("/sd/{kind}", self._discover),
                Route("/", self._index),
            ],
            registry=self._metrics.registry,
            health=self._health,
            host_names=self._settings.host_names,
        )

    async def _health(self) -> Mapping[str, Any]:
        """Tell that it serves: a Proxmox that doesn't answer is no fault of the exporter's."""
        return {"healthy": True, "clusters": sorted({access.name for access in self._stands})}

    async def _index(self, _request: Request) -> Response:
        return HTMLResponse(_PAGE)

    async def _pve(self, request: Request) -> Response:
        return await self._answer(request, lambda _: self._compat, tell_all=False)

    async def _hune(self, request: Request) -> Response:
        return await self._answer(request, self._own_of, tell_all=True)

    def _own_of(self, settings: CollectorSettings) -> Sequence[Collector]:
        """Return the collectors of `/hune` as a cluster wants them; they remember what they know."""
        if settings not in self._own:
            self._own[settings] = own_collectors(settings)
        return self._own[settings]

    async def _discover(self, request: Request) -> Response:
        kind, asked = request.path_params["kind"], _Asked.of(request)
        if kind not in KINDS:
            return PlainTextResponse(f"there are: {', '.join(f'/sd/{known}' for known in KINDS)}\n", status_code=404)
        try:
            target = self._targets.find(asked.module, asked.target)
            name = target.access.name
            found = await discover(kind, self._stand_of(target.access).source, target.settings.discover, cluster=name)
        except HuneError as error:
            return _refusal(error)
        self._metrics.discovered.labels(name, kind).set(len(found.targets))
        for reason in LEFT_OUT:
            self._metrics.left_out.labels(name, kind, reason).set(found.left_out[reason])
        return JSONResponse(found.targets)

    async def _answer(
        self, request: Request, choose: Callable[[CollectorSettings], Sequence[Collector]], *, tell_all: bool
    ) -> Response:
        """Collect and answer; `tell_all` adds how each collector fared, else only what failed is told."""
        asked = _Asked.of(request)
        try:
            target = self._targets.find(asked.module, asked.target)
        except HuneError as error:
            if asked.module in self._targets.modules:
                self._metrics.errors.labels(asked.module).inc()
            return _refusal(error)
        collectors = asked.of_scope(choose(target.settings))
        started = self._clock.monotonic()
        scrape = await self._stand_of(target.access).scraper.scrape(
            collectors,
            node=target.node,
            seconds=deadline_seconds(request.headers.get("X-Prometheus-Scrape-Timeout-Seconds")),
        )
        self._observe(asked, target, scrape, self._clock.monotonic() - started)
        if scrape.is_empty:
            reasons = dict.fromkeys(describe(problem) for outcome in scrape.failed for problem in outcome.problems)
            return PlainTextResponse("".join(f"{reason}\n" for reason in reasons), status_code=503)
        told = _how(scrape.outcomes if tell_all else scrape.failed, tell_all=tell_all)
        return _respond(request, [*scrape.expositions, told])

    def _observe(self, asked: _Asked, target: Target, scrape: Scrape, seconds: float) -> None:
        if scrape.is_empty:
            self._metrics.errors.labels(asked.module).inc()
        else:
            self._metrics.duration.labels(asked.module).observe(seconds)
        for outcome in scrape.failed:
            self._metrics.collector_failures.labels(target.access.name, outcome.collector.name).inc()
        self._metrics.observe_target(
            asked.target or "localhost", cluster=asked.cluster, node=asked.node, seconds=seconds, failed=scrape.is_empty
        )

    def _stand_of(self, access: Access) -> _Stand:
        stand = self._stands.get(access)
        if stand is None:
            client = PveClient(access, self._clock)
            source = Source(self._metrics.watch(client, access.endpoints[0]), self._clock)
            stand = self._stands[access] = _Stand(client, source, Scraper(source, name=access.name))
            if len(self._stands) > _MOST_CLIENTS:
                _, oldest = self._stands.popitem(last=False)
                leaving = asyncio.create_task(oldest.close(), name=f"{NAME}: close {oldest.client.access.name}")
                self._leaving.add(leaving)
                leaving.add_done_callback(self._leaving.discard)
        self._stands.move_to_end(access)
        return stand


def _refusal(error: HuneError) -> Response:
    """Return an error as its reader understands it: Prometheus keeps the targets it has unless it gets a 200."""
    refused = isinstance(error, NotAllowed | NotDiscovered)
    status = 403 if refused else 400 if isinstance(error, InputError) else 503
    return PlainTextResponse(f"{describe(error)}\n", status_code=status)


def _how(outcomes: Sequence[Outcome], *, tell_all: bool) -> Exposition:
    told = Exposition()
    for outcome in outcomes:
        told.add(SUCCESS, outcome.succeeded, outcome.collector.name)
    for outcome in outcomes if tell_all else ():
        told.add(DURATION, round(outcome.seconds, 6), outcome.collector.name)
        for fault, count in summarise(outcome.problems).items():
            told.add(PROBLEMS, count, outcome.collector.name, *fault)
    return told


def _respond(request: Request, expositions: Sequence[Exposition]) -> Response:
    chunks = (chunk for exposition in expositions for chunk in exposition.chunks())
    if "gzip" not in request.headers.get("Accept-Encoding", ""):
        return StreamingResponse(_plain(chunks), media_type=CONTENT_TYPE)
    headers = {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return StreamingResponse(_packed(chunks), media_type=CONTENT_TYPE, headers=headers)


async def _plain(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def _packed(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    # Level 1: text that repeats itself so much becomes a thirtieth even so.
    packer = zlib.compressobj(1, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    for chunk in chunks:
        large = len(chunk) > _LARGE_CHUNK_BYTES
        packed = await asyncio.to_thread(packer.compress, chunk) if large else packer.compress(chunk)
        if packed:
            yield packed
    yield packer.flush()
