"""HTTPS of one simulated node: HTTP/1.1 with connections that are kept, on h11."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl

import h11

from hune.lab.pve.api import Answer, Api, Request, refusal
from hune.lab.pve.routes import ApiError

log = logging.getLogger(__name__)

_HANDSHAKE_SECONDS = 5.0
_IDLE_SECONDS = 5.0  # as Proxmox does
_MAX_BODY_BYTES = 1 << 16
_READ_BYTES = 1 << 16
_WRITTEN_BYTES = 1 << 18


class ApiServer:
    """Serves the connections that it is given, until it hangs up or freezes."""

    def __init__(self, api: Api, context: ssl.SSLContext) -> None:
        self._api = api
        self._context = context
        self._tasks: set[asyncio.Task[None]] = set()
        # Writers, not transports: a writer that nobody holds closes its connection.
        self._writers: set[asyncio.StreamWriter] = set()
        self._heavy = asyncio.Lock()

    def greet(self, connection: socket.socket, group: asyncio.TaskGroup) -> None:
        """Serve a connection that was just accepted."""
        task = group.create_task(self._serve(connection), name="lab API connection")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def freeze(self) -> None:
        """Answer nothing any more, and leave the connections as they are: the one at the other end can only wait."""
        self._stop()

    def hang_up(self) -> None:
        """End all connections at once."""
        self._stop()
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _serve(self, connection: socket.socket) -> None:
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        loop = asyncio.get_running_loop()
        try:
            transport, _ = await loop.connect_accepted_socket(
                lambda: protocol, connection, ssl=self._context, ssl_handshake_timeout=_HANDSHAKE_SECONDS
            )
        except OSError:
            return  # who only tries whether somebody answers leaves before the handshake
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        self._writers.add(writer)
        try:
            await self._converse(reader, writer)
        except (h11.RemoteProtocolError, h11.LocalProtocolError, TimeoutError, OSError) as error:
            log.debug("connection dropped: %s", error)
        # Not when cancelled: a frozen connection stays open.
        self._writers.discard(writer)
        writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER)
        while True:
            async with asyncio.timeout(_IDLE_SECONDS):
                request = await _receive(connection, reader)
            if request is None:
                return
            answer = await self._answer(request)
            await asyncio.sleep(answer.silence_seconds)
            headers = [
                ("content-type", "application/json;charset=UTF-8"),
                ("content-length", str(len(answer.body))),
                ("server", "pve-api-daemon/3.0"),
                ("cache-control", "max-age=0"),
            ]
            response = h11.Response(status_code=answer.status, headers=headers, reason=_ascii(answer.reason))
            writer.write(connection.send(response) or b"")
            if request.method != "HEAD":
                await _send(connection, writer, answer.body)
            writer.write(connection.send(h11.EndOfMessage()) or b"")
            await writer.drain()
            del answer  # it may be large, and the next request far away
            if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
                return
            connection.start_next_cycle()

    async def _answer(self, request: Request) -> Answer:
        try:
            question = self._api.understand(request)
            if isinstance(question, Answer):
                return question
            if not question.route.is_heavy:
                return question.answer()
            async with self._heavy:
                return await asyncio.to_thread(question.answer)
        except Exception:
            log.exception("%s %s can't be answered", request.method, request.target.partition("?")[0])
            return refusal(ApiError(500, "internal error"))


async def _receive(connection: h11.Connection, reader: asyncio.StreamReader) -> Request | None:
    """Return the next request, or None when there is none any more."""
    request: Request | None = None
    received = 0
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(_READ_BYTES))
        elif isinstance(event, h11.Request):
            authorization = next((value for name, value in event.headers if name == b"authorization"), b"")
            request = Request(event.method.decode(), event.target.decode("latin-1"), authorization.decode("latin-1"))
        elif isinstance(event, h11.Data):
            received += len(event.data)
            if received > _MAX_BODY_BYTES:
                raise h11.RemoteProtocolError("body too large")
        elif isinstance(event, h11.EndOfMessage):
            assert request is not None
            return request
        else:
            return None


async def _send(connection: h11.Connection, writer: asyncio.StreamWriter, body: bytes | bytearray) -> None:
    """Write a body piece by piece: a history is megabytes, and each layer below would keep a copy of it."""
    whole = memoryview(body)
    for at in range(0, len(body), _WRITTEN_BYTES):
        writer.write(connection.send(h11.Data(data=bytes(whole[at : at + _WRITTEN_BYTES]))) or b"")
        await writer.drain()


def _ascii(reason: str) -> bytes:
    """Return a reason fit for a status line: h11 and clients take visible ASCII only."""
    return "".join(sign if " " <= sign <= "~" else "?" for sign in reason).encode()
