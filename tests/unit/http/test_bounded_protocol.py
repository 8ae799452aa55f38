"""A request has bounded time to arrive, its head a bounded size, and a service a bounded number of connections."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from hune.http.bounded import (
    ARRIVAL_SECONDS,
    HEAD_BYTES,
    MOST_CONNECTIONS,
    RESERVE,
    RESERVE_SECONDS,
    UNREAD_SECONDS,
    BoundedProtocol,
)

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
HALF_A_POST = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nab"


class Handle:
    def __init__(self) -> None:
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Loop:
    """Remembers what it was asked to call later; runs no application."""

    def __init__(self) -> None:
        self.later: list[tuple[float, Callable[[], None], Handle]] = []

    def call_later(self, seconds: float, call: Callable[..., None], *given: Any) -> Handle:
        handle = Handle()
        self.later.append((seconds, partial(call, *given), handle))
        return handle

    def create_task(self, coroutine: Any, **_: Any) -> "asyncio.Future[None]":
        coroutine.close()
        return asyncio.Future()

    def pass_time(self, of: float = ARRIVAL_SECONDS) -> None:
        due = [one for one in self.later if one[0] <= of]
        self.later = [one for one in self.later if one[0] > of]
        for _, call, handle in due:
            if not handle.cancelled:
                call()


class Transport:
    def __init__(self) -> None:
        self.written = b""
        self.closed = False
        self.waiting = 0
        self.socket: socket.socket | None = None

    def get_extra_info(self, name: str) -> socket.socket | None:
        return self.socket if name == "socket" else None

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def write(self, data: bytes) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    abort = close

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Connection:
    def __init__(self, *, others: int = 0) -> None:
        async def app(_scope: Any, _receive: Any, _send: Any) -> None: ...

        self.loop, self.transport = Loop(), Transport()
        config: Any = uvicorn.Config(app, log_config=None, ws="none", lifespan="off")
        loop: Any = self.loop
        transport: Any = self.transport
        state: Any = ServerState()
        state.connections.update(range(others))
        self.protocol = BoundedProtocol(config, state, {}, loop)
        self.protocol.connection_made(transport)


@pytest.fixture
async def connection() -> Connection:
    return Connection()


@pytest.mark.parametrize("begun", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: l", HALF_A_POST, GET + b"GET / "])
async def test_what_does_not_arrive_in_time_is_hung_up_on(connection: Connection, begun: bytes) -> None:
    if begun:
        connection.protocol.data_received(begun)
    assert not connection.transport.closed
    connection.loop.pass_time()
    assert connection.transport.closed


@pytest.mark.parametrize("request_parts", [[GET], [GET[:9], GET[9:]], [HALF_A_POST, b"cd"]])
async def test_answer_to_a_whole_request_may_take_for_ever(connection: Connection, request_parts: list[bytes]) -> None:
    for part in request_parts:
        connection.protocol.data_received(part)
    connection.loop.pass_time()
    assert not connection.transport.closed


async def test_head_without_end_is_refused(connection: Connection) -> None:
    connection.protocol.data_received(b"GET / HTTP/1.1\r\nX: ")
    for _ in range(HEAD_BYTES // 1024):
        connection.protocol.data_received(b"a" * 1024)
    assert connection.transport.written.startswith(b"HTTP/1.1 400 ")
    assert connection.transport.closed


async def test_long_body_is_no_long_head(connection: Connection) -> None:
    length = 4 * HEAD_BYTES
    connection.protocol.data_received(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % length)
    for _ in range(length // 1024):
        connection.protocol.data_received(b"a" * 1024)
    connection.loop.pass_time()
    assert connection.transport.written == b""
    assert not connection.transport.closed


CHUNKED = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "begun", [b"2\r\nab\r\n0\r\n", b"2\r\nab\r\n0\r\nX: ", b"2;", b"ff\r\n" + b"b" * 255 + b"\r\n0;"]
)
@pytest.mark.parametrize("more", [b"X: aaaaaaaaaaaaaa\r\n", b"a" * 1024])
async def test_what_frames_a_body_without_end_is_hung_up_on(connection: Connection, begun: bytes, more: bytes) -> None:
    connection.protocol.data_received(CHUNKED + begun)
    for _ in range(2 * HEAD_BYTES // len(more)):
        if not connection.transport.closed:
            connection.protocol.data_received(more)
    assert connection.transport.closed


async def test_body_in_chunks_may_be_long(connection: Connection) -> None:
    connection.protocol.data_received(CHUNKED)
    for size in (1, 10, 1000, 100_000) * 20:
        connection.protocol.data_received(b"%x\r\n" % size + b"a" * size + b"\r\n")
    connection.protocol.data_received(b"0\r\nX: y\r\n\r\n")
    connection.loop.pass_time()
    assert connection.transport.written == b""
    assert not connection.transport.closed


@pytest.fixture
def reader(connection: Connection) -> Iterator[socket.socket]:
    """Return the other end of what the kernel keeps for somebody."""
    connection.transport.socket, reader = socket.socketpair()
    with connection.transport.socket, reader:
        yield reader


@pytest.mark.usefixtures("reader")
async def test_answer_that_nobody_reads_is_hung_up_on(connection: Connection) -> None:
    connection.protocol.data_received(GET)
    connection.protocol.pause_writing()
    connection.protocol.resume_writing()
    connection.loop.pass_time(UNREAD_SECONDS)
    assert not connection.transport.closed
    connection.protocol.pause_writing()
    connection.loop.pass_time(UNREAD_SECONDS)
    assert connection.transport.closed


async def test_answer_that_is_read_slowly_goes_on(connection: Connection, reader: socket.socket) -> None:
    sending = connection.transport.socket
    assert sending is not None
    connection.protocol.data_received(GET)
    connection.transport.waiting = 1000
    sending.send(b"a" * 100_000)
    connection.protocol.pause_writing()
    connection.transport.waiting = 999
    connection.loop.pass_time(UNREAD_SECONDS)
    reader.recv(100_000)
    connection.loop.pass_time(UNREAD_SECONDS)
    assert not connection.transport.closed
    connection.loop.pass_time(UNREAD_SECONDS)
    assert connection.transport.closed


async def test_end_of_a_body_is_no_head_of_the_request_after_it(connection: Connection) -> None:
    length = 2 * HEAD_BYTES
    connection.protocol.data_received(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % length)
    connection.protocol.data_received(b"a" * length + GET[:9])
    connection.protocol.data_received(GET[9:])
    assert not connection.transport.closed


async def test_connection_that_is_gone_is_awaited_no_longer(connection: Connection) -> None:
    connection.protocol.connection_lost(None)
    assert all(handle.cancelled for *_, handle in connection.loop.later)


async def test_connection_beside_too_many_is_sent_away() -> None:
    last = Connection(others=MOST_CONNECTIONS + RESERVE - 1)
    assert not last.transport.closed
    refused = Connection(others=MOST_CONNECTIONS + RESERVE)
    assert refused.transport.closed
    refused.protocol.connection_lost(None)
    assert refused.loop.later == []


async def test_whoever_asks_beside_too_many_whether_the_service_works_is_answered() -> None:
    asking = Connection(others=MOST_CONNECTIONS)
    asking.protocol.data_received(b"GET /health?verbose HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert not asking.transport.closed
    assert asking.protocol.cycle is not None
    assert not asking.protocol.cycle.keep_alive


@pytest.mark.parametrize("other", [GET, HALF_A_POST, b"GET /healthy HTTP/1.1\r\nHost: localhost\r\n\r\n" + GET])
async def test_nothing_else_is_asked_there(other: bytes) -> None:
    crowd = Connection(others=MOST_CONNECTIONS)
    crowd.protocol.data_received(other)
    assert crowd.transport.closed
    assert crowd.protocol.cycle is None
    crowd.protocol.connection_lost(None)
    assert crowd.protocol not in crowd.protocol.connections
    assert all(handle.cancelled for *_, handle in crowd.loop.later)


async def test_whoever_asks_nothing_there_soon_makes_room() -> None:
    silent = Connection(others=MOST_CONNECTIONS)
    silent.loop.pass_time(RESERVE_SECONDS)
    assert silent.transport.closed
