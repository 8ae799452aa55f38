"""Remote read over HTTP: what was stored, in one message or as a stream, in bounded memory and time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterator
from contextlib import AsyncExitStack, aclosing
from typing import TypeVar

import asyncpg
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from hune.core.errors import HuneError
from hune.store import reader
from hune.store.database import Connection, Database, Link, describe
from hune.store.matching import TooMany
from hune.store.metrics import StoreMetrics
from hune.store.wire import query
from hune.store.wire.answer import SAMPLES_TYPE, STREAMED_TYPE, Answer, Frames, Message
from hune.store.wire.unpack import Malformed, TooLarge

log = logging.getLogger(__name__)

READERS = 4
"""Queries that are answered at once; others wait."""
READ_SECONDS = 120.0
"""From the request to the end of the answer. Prometheus gives a query two minutes."""
MOST_SAMPLES = 20_000_000
"""Of an answer that isn't streamed. It takes 18 bytes of each, beyond 16 MiB in a temporary file."""
_RETRY_AFTER_SECONDS = 5
_T = TypeVar("_T")


class Reading:
    """Answers `POST /read`."""

    def __init__(self, database: Database, metrics: StoreMetrics) -> None:
        self._database = database
        self._metrics = metrics
        self._links: asyncio.LifoQueue[Link] = asyncio.LifoQueue()
        for _ in range(READERS):
            self._links.put_nowait(Link(database, settings=reader.SETTINGS))

    async def close(self) -> None:
        while not self._links.empty():
            await self._links.get_nowait().close()

    async def answer(self, request: Request) -> Response:
        began = self._database.clock.monotonic()
        response = await self._answer(request)
        self._metrics.reads.labels(str(response.status_code)).inc()
        self._metrics.read_seconds.observe(self._database.clock.monotonic() - began)
        return response

    async def _answer(self, request: Request) -> Response:
        # Without a type, any web page could have the database work.
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/x-protobuf":
            return PlainTextResponse("taken is application/x-protobuf\n", 415)
        if request.headers.get("content-encoding", "snappy").lower() != "snappy":
            return PlainTextResponse("taken is snappy\n", 415)
        deadline = asyncio.get_running_loop().time() + READ_SECONDS
        try:
            asked = query.decode(await _body(request))
            async with asyncio.timeout_at(deadline), AsyncExitStack() as stack:
                connection = await _unless_gone(request, stack.enter_async_context(self._connection()))
                if asked.streamed:
                    frames = await stack.enter_async_context(aclosing(self._frames(connection, asked)))
                    # Whatever is wrong with the request shows before anything is sent.
                    first = await _unless_gone(request, anext(frames, b""))
                    return _Sending(_after(first, frames), STREAMED_TYPE, deadline, stack.pop_all())
                message = Message()
                stack.callback(message.close)
                await _unless_gone(request, self._fill(message, connection, asked))
                return _Sending(_in_threads(message.packed()), SAMPLES_TYPE, deadline, stack.pop_all(), packed=True)
        except (TooLarge, TooMany) as error:
            return PlainTextResponse(f"{error}\n", 413)
        except Malformed as error:
            return PlainTextResponse(f"{error}\n", 400)
        except asyncpg.PostgresError as error:
            return self._unavailable(f"database: {describe(error)}")
        except TimeoutError:
            return self._unavailable(f"not read within {READ_SECONDS:g} s")
        except HuneError as error:
            return self._unavailable(str(error))
        except ClientDisconnect:
            return PlainTextResponse("", 400)

    def _unavailable(self, reason: str) -> Response:
        return PlainTextResponse(f"{reason}\n", 503, {"Retry-After": str(_RETRY_AFTER_SECONDS)})

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        link = await self._links.get()
        try:
            async with link.use() as connection:
                yield connection
        finally:
            self._links.put_nowait(link)

    async def _frames(self, connection: Connection, asked: query.ReadRequest) -> AsyncGenerator[bytes]:
        async with aclosing(self._into(Frames(), connection, asked)) as made:
            async for data in made:
                if data:
                    yield data

    async def _fill(self, message: Message, connection: Connection, asked: query.ReadRequest) -> None:
        async with aclosing(self._into(message, connection, asked, most_samples=MOST_SAMPLES)) as made:
            async for _ in made:
                pass

    async def _into(
        self, answer: Answer, connection: Connection, asked: query.ReadRequest, *, most_samples: int | None = None
    ) -> AsyncGenerator[bytes]:
        """Yield what an answer has to send while all that is asked for goes into it."""
        count = 0
        for one in asked.queries:
            await asyncio.to_thread(answer.begin)
            async with aclosing(reader.read(connection, one)) as found:
                async for parts in found:
                    size = sum(len(part.times) for part in parts)
                    count += size
                    if most_samples is not None and count > most_samples:
                        raise TooMany(f"more than {most_samples} samples", remedy="ask for fewer series or less time")
                    self._metrics.samples_read.inc(size)
                    yield await asyncio.to_thread(answer.add, parts)
            yield await asyncio.to_thread(answer.end)


class _Sending(StreamingResponse):
    """An answer on its way; what it is made with is given back once it has been sent, or can't be."""

    def __init__(
        self,
        content: AsyncIterator[bytes],
        media_type: str,
        deadline: float,
        stack: AsyncExitStack,
        *,
        packed: bool = False,
    ) -> None:
        super().__init__(content, media_type=media_type, headers={"Content-Encoding": "snappy"} if packed else None)
        self._deadline = deadline
        self._stack = stack

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout_at(self._deadline), self._stack:
                await super().__call__(scope, receive, send)
        except (TimeoutError, HuneError, asyncpg.PostgresError) as error:
            # The connection is cut, which says that the answer isn't whole.
            log.warning("remote read given up: %s", describe(error))


async def _body(request: Request) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > query.MOST_BYTES:
            raise TooLarge(f"body: more than {query.MOST_BYTES} bytes")
        parts.append(part)
    return b"".join(parts)


async def _unless_gone(request: Request, work: Awaitable[_T]) -> _T:
    """Return what work returns; if the sender leaves, cancel it and raise ClientDisconnect."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnect
        return task.result()
    finally:
        for one in (task, gone):
            one.cancel()
        await asyncio.wait({task, gone})


async def _after(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first:
        yield first
    async for data in rest:
        yield data


async def _in_threads(content: Iterator[bytes]) -> AsyncIterator[bytes]:
    while data := await asyncio.to_thread(next, content, b""):
        yield data
