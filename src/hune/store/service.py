"""The adapter: remote write over HTTP into PostgreSQL, acknowledged once it is committed, and remote read of it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
import numpy as np
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from hune.core.clock import Clock, SystemClock
from hune.core.errors import HuneError, Unavailable
from hune.core.service import start
from hune.http.serve import HttpService, create_app
from hune.promapi.remote import PARTLY
from hune.store.database import Database, describe
from hune.store.housekeeping import Housekeeping
from hune.store.metrics import StoreMetrics
from hune.store.policy import Policy
from hune.store.reading import Reading
from hune.store.registry import Registry
from hune.store.replicas import Election
from hune.store.series import SeriesIndex
from hune.store.wire import write1, write2
from hune.store.wire.batch import EARLIEST_MS, Batch
from hune.store.wire.unpack import MOST_BYTES, Malformed, TooLarge, unpack
from hune.store.writer import DAY_MS, MOST_WAITING, Writer

log = logging.getLogger(__name__)

NAME = "timescale"
DEFAULT_PORT = 9201
RETRY_AFTER_SECONDS = 5

MOST_BODIES_BYTES = 32 << 20
"""Of all requests that are being read, packed."""
MOST_INDEX_BYTES = 64 << 20
"""Of the series that are known; beyond it they are learned anew."""
OLDEST_DAYS = 3650
_THREAD_BYTES = 128 << 10
_WATCH_SECONDS = 1.0

_PREFIX = "X-Prometheus-Remote-Write"
_VERSIONS = {"prometheus.WriteRequest": write1.decode, "io.prometheus.write.v2.Request": write2.decode}


@dataclass(frozen=True)
class Settings:
    """How the adapter serves."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    retention_days: int | None = None
    host_names: tuple[str, ...] = ()
    """Names by which requests may call it, beside its address."""
    policies: tuple[Policy, ...] = ()


class _NotTaken(Exception):
    """A request of a kind that isn't served: another may be."""


class Timescale:
    """The adapter as a `Service`."""

    def __init__(self, url: str, settings: Settings, *, clock: Clock | None = None) -> None:
        self.name = NAME
        self._settings = settings
        self._clock = clock or SystemClock()
        self._metrics = StoreMetrics()
        self._database = Database(url, self._clock)
        self._registry = Registry(self._database)
        self._writer = Writer(self._database, self._metrics)
        self._election = Election(self._database)
        self._reading = Reading(self._database, self._metrics)
        self._housekeeping = Housekeeping(self._database, self._metrics, settings.retention_days, settings.policies)
        self._index = SeriesIndex()
        self._decoding = asyncio.Lock()
        self._bodies_bytes = 0
        gauge = self._metrics.gauge
        gauge("hune_store_samples_waiting", "Samples that wait to be written", lambda: self._writer.waiting)
        gauge("hune_store_samples_waiting_limit", "How many may", lambda: MOST_WAITING)
        gauge("hune_store_series", "Series that this process knows", lambda: len(self._index))
        gauge("hune_store_series_bytes", "What it keeps of them", lambda: self._index.size_bytes)
        gauge("hune_store_database_up", "1 if the database answered last", lambda: self._database.failure is None)

    async def run(self, ready: asyncio.Event) -> None:
        """Serve until cancelled. Raises Unavailable if the address is taken."""
        settings = self._settings
        server = HttpService(NAME, self.app(), host=settings.host, port=settings.port)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._writer.run(), name=f"{NAME}: writers")
                group.create_task(self._watch(), name=f"{NAME}: watch the database")
                group.create_task(self._housekeeping.run(), name=f"{NAME}: housekeeping")
                await start(group, server)
                ready.set()
        finally:
            await self._registry.close()
            await self._election.close()
            await self._reading.close()

    def app(self) -> Any:
        """Return the ASGI application."""
        return create_app(
            routes=[
                Route(f"{prefix}/{name}", answer, methods=["POST"])
                for prefix in ("", "/api/v1")
                for name, answer in (("write", self._write), ("read", self._reading.answer))
            ],
            registry=self._metrics.registry,
            health=self._health,
            host_names=self._settings.host_names,
        )

    async def _health(self) -> Mapping[str, Any]:
        """Tell whether samples can be stored now."""
        failure = self._database.failure or self._writer.failure
        return {"healthy": failure is None, **({"detail": failure} if failure else {})}

    async def _watch(self) -> None:
        """While the database is out of reach, see whether it is back: senders may wait for long."""
        while True:
            if self._database.failure is not None:
                with contextlib.suppress(Unavailable, asyncpg.PostgresError):  # told where it happened
                    await self._registry.ask()
            await self._clock.sleep(_WATCH_SECONDS)

    async def _write(self, request: Request) -> Response:
        response = await self._answer(request)
        self._metrics.requests.labels(str(response.status_code)).inc()
        return response

    async def _answer(self, request: Request) -> Response:
        try:
            batch, index = await self._received(request)
            self._metrics.received.inc(len(batch))
            refused = self._refuse(batch)
            taken = len(batch)
            await self._elect(batch, index)
            if index.unresolved:
                await self._registry.resolve(index)
            await self._writer.write(batch, index)
            await self._registry.note(batch.metadata)
        except _NotTaken as error:
            return PlainTextResponse(f"{error}\n", 415)
        except TooLarge as error:
            return self._malformed(error, 413)
        except Malformed as error:
            return self._malformed(error, 400)
        except HuneError as error:
            # Whatever it is, it is no fault of the request: an answer of 4xx would make the sender drop it.
            return _later(str(error))
        except asyncpg.PostgresError as error:
            return _later(f"database: {describe(error)}")
        except ClientDisconnect:
            return PlainTextResponse("", 400)
        headers = _written(taken)
        if refused:
            # The rest is stored: what is refused would be refused again.
            return PlainTextResponse(f"{PARTLY}{', '.join(refused)}\n", 400, headers)
        return Response(status_code=204, headers=headers)

    def _malformed(self, error: Malformed, status: int) -> Response:
        self._metrics.refused.labels("request").inc()
        return PlainTextResponse(f"{error}\n", status, _written(0))

    async def _received(self, request: Request) -> tuple[Batch, SeriesIndex]:
        """Return what a request holds. Its body is gone by then: samples may wait, and bodies have room for few."""
        decode, encoding = _asked(request)
        async with self._body(request) as body:
            return await self._decode(body, encoding, decode)

    @contextlib.asynccontextmanager
    async def _body(self, request: Request) -> AsyncIterator[bytes]:
        """Lend the body; what all requests hold at once is bounded. Raises TooLarge or Unavailable."""
        parts, size = [], 0
        try:
            async for part in request.stream():
                if size + len(part) > MOST_BYTES:
                    raise TooLarge(f"body: more than {MOST_BYTES} bytes")
                if self._bodies_bytes + len(part) > MOST_BODIES_BYTES:
                    raise Unavailable("more requests at once than fit")
                size += len(part)
                self._bodies_bytes += len(part)
                parts.append(part)
            yield b"".join(parts)
        finally:
            self._bodies_bytes -= size

    async def _decode(self, body: bytes, encoding: str, decode: Any) -> tuple[Batch, SeriesIndex]:
        # One at a time: unpacked they are large, and the index is not made for two.
        async with self._decoding:
            if self._index.size_bytes > MOST_INDEX_BYTES:
                log.info("more series than are remembered; they are learned anew")
                self._index = SeriesIndex()
            index = self._index

            def work() -> Batch:
                batch: Batch = decode(unpack(body, encoding), index)
                return batch

            small = len(body) < _THREAD_BYTES
            return (work() if small else await asyncio.to_thread(work)), index

    async def _elect(self, batch: Batch, index: SeriesIndex) -> None:
        """Take out of a batch what replicas say that aren't believed: another says it. Raises Unavailable."""
        said_by = index.replica[batch.slots]
        if not said_by.any():
            return
        replicas = {number: index.replicas[number] for number in np.unique(said_by).tolist()}
        believed = await self._election.believed(one for one in replicas.values() if one is not None)
        good = np.isin(said_by, [number for number, one in replicas.items() if one is None or one in believed])
        self._metrics.of_replicas.inc(int(np.count_nonzero(~good)))
        batch.keep(good)

    def _refuse(self, batch: Batch) -> list[str]:
        """Take out of a batch what is not stored; return what that is."""
        refused = {}
        now_ms = int(self._clock.now() * 1000)
        days = self._settings.retention_days or OLDEST_DAYS
        # A day that is about to be dropped isn't made again.
        oldest = max(EARLIEST_MS, now_ms - days * DAY_MS)
        good = (batch.times >= oldest) & (batch.times <= now_ms + DAY_MS)
        if not good.all():
            refused["samples too old or from the future"] = int(np.count_nonzero(~good))
            batch.keep(good)
        if batch.histograms:
            refused["native histograms"] = batch.histograms
        if batch.exemplars:
            refused["exemplars"] = batch.exemplars
        for what, count in refused.items():
            self._metrics.refused.labels(what).inc(count)
        return [f"{count} {what}" for what, count in refused.items()]


def _later(reason: str) -> Response:
    return PlainTextResponse(f"{reason}\n", 503, {"Retry-After": str(RETRY_AFTER_SECONDS)})


def _written(samples: int) -> dict[str, str]:
    """Return the headers that tell what is stored of a request."""
    return {
        f"{_PREFIX}-Samples-Written": str(samples),
        f"{_PREFIX}-Histograms-Written": "0",
        f"{_PREFIX}-Exemplars-Written": "0",
    }


def _asked(request: Request) -> tuple[Any, str]:
    """Return how to decode a request, and its encoding. Raises _NotTaken."""
    # Never without: a web page may send anything that has no type, to any port of the machine it is looked at on.
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    if kind.strip().lower() != "application/x-protobuf":
        raise _NotTaken("taken is application/x-protobuf")
    name, _, value = parameters.strip().partition("=")
    message = value.strip().strip('"') if name.strip().lower() == "proto" else "prometheus.WriteRequest"
    if message not in _VERSIONS:
        raise _NotTaken(f"taken are {' and '.join(_VERSIONS)}")
    encoding = request.headers.get("content-encoding", "snappy").lower()
    if encoding not in ("snappy", "zstd"):
        raise _NotTaken("taken are snappy and zstd")
    return _VERSIONS[message], encoding
