"""A small HTTP/1.1 server and client on a Unix socket: how the command line talks to the conductor.

One request a connection, JSON in and out; h11 does the protocol, so the conductor needs no web framework.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import h11

from hune.core.errors import HuneError, InputError, Unavailable

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 1 << 20
# The longest path that a Unix socket address can hold on Linux (sun_path).
_MAX_SOCKET_PATH = 107

Answer = tuple[int, Mapping[str, Any] | str]
Handler = Callable[[Mapping[str, Any]], Awaitable[Answer]]


class ControlServer:
    """Serves `handlers`, keyed by (method, path), on a Unix socket that only its owner can open."""

    def __init__(self, path: Path, handlers: Mapping[tuple[str, str], Handler]) -> None:
        self._path = path
        self._handlers = handlers
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen; a stale socket file is replaced (the caller holds the data directory's lock).

        Raises InputError if the path is too long for a socket.
        """
        await asyncio.to_thread(self._make_room)
        with _reachable(self._path) as name:
            old = os.umask(0o177)
            try:
                self._server = await asyncio.start_unix_server(self._serve, path=name)
            finally:
                os.umask(old)

    async def stop(self) -> None:
        """Stop listening and remove the socket file."""
        if self._server is None:
            return  # the socket file, if there is one, is another's
        self._server.close()
        self._server = None
        await asyncio.to_thread(self._path.unlink, missing_ok=True)

    def _make_room(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER)
        try:
            async with asyncio.timeout(10.0):
                request, body = await _receive(connection, reader)
            status, answer = await self._handle(request, body)
            await _send(connection, writer, status, answer)
        except (h11.RemoteProtocolError, TimeoutError, ConnectionError) as error:
            log.debug("control request dropped: %s", error)
        finally:
            writer.close()

    async def _handle(self, request: h11.Request, body: bytes) -> Answer:
        method, path = request.method.decode("ascii"), request.target.decode("ascii").split("?")[0]
        handler = self._handlers.get((method, path))
        if handler is None:
            return 404, {"detail": f"{method} {path}: unknown"}
        try:
            given = json.loads(body) if body else {}
        except (ValueError, RecursionError):
            return 400, {"detail": "body: not JSON"}
        if not isinstance(given, dict):
            return 400, {"detail": "body: not an object"}
        try:
            return await handler(given)
        except InputError as error:
            return 400, {"detail": str(error)}
        except HuneError as error:
            return 503, {"detail": str(error)}


async def _receive(connection: h11.Connection, reader: asyncio.StreamReader) -> tuple[h11.Request, bytes]:
    request: h11.Request | None = None
    body = b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(65536))
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MAX_BODY_BYTES:
                raise h11.RemoteProtocolError("body too large")
        elif isinstance(event, h11.EndOfMessage):
            assert request is not None
            return request, body
        else:
            raise ConnectionError("closed before a whole request")


async def _send(connection: h11.Connection, writer: asyncio.StreamWriter, status: int, answer: Any) -> None:
    text = isinstance(answer, str)
    payload = answer.encode() if text else json.dumps(answer).encode()
    kind = b"text/plain; version=0.0.4; charset=utf-8" if text else b"application/json"
    headers = [(b"content-type", kind), (b"content-length", str(len(payload)).encode()), (b"connection", b"close")]
    for event in (h11.Response(status_code=status, headers=headers), h11.Data(payload), h11.EndOfMessage()):
        writer.write(connection.send(event) or b"")
    await writer.drain()


class _reachable:  # noqa: N801 - used as a context manager function
    """A name of `path` short enough for a socket address: through the directory's descriptor when it is too long."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def __enter__(self) -> str:
        if len(os.fsencode(self._path)) <= _MAX_SOCKET_PATH:
            return str(self._path)
        self._descriptor = os.open(self._path.parent, os.O_PATH | os.O_DIRECTORY)
        return f"/proc/self/fd/{self._descriptor}/{self._path.name}"

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout_seconds: float) -> None:
        super().__init__("localhost", timeout=timeout_seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        with _reachable(self._path) as name:
            self.sock.connect(name)


def call(
    path: Path, method: str, target: str, body: Mapping[str, Any] | None = None, *, timeout_seconds: float = 10.0
) -> tuple[int, Any]:
    """Ask a control server; return status and the decoded answer (text for text).

    Raises Unavailable if nobody listens or the answer doesn't come in time.
    """
    connection = _UnixConnection(path, timeout_seconds)
    try:
        payload = None if body is None else json.dumps(body)
        connection.request(method, target, payload, {"Content-Type": "application/json"})
        response = connection.getresponse()
        content = response.read()
        if response.headers.get_content_type() == "application/json":
            return response.status, json.loads(content)
        return response.status, content.decode()
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise Unavailable(
            f"Hune is not running in {path.parent.parent}",
            remedy="start it with: hune up; or name the directory it runs in with --data-dir",
        ) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unavailable(f"the conductor did not answer: {error}", remedy="see: hune logs conductor") from error
    finally:
        connection.close()
