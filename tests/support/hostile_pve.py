"""A TLS server that answers as a node's Proxmox API does, until it is told not to: every misdeed is on the wire."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

from hune.pve.access import Endpoint
from support.certificates import Leaf
from support.ports import free_port

PREFIX = "/api2/json"


@dataclass
class Request:
    """A request as it came."""

    method: str
    path: str
    """Without the prefix, query and all."""
    headers: dict[str, str]
    form: dict[str, str]


Misdeed = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class HostilePve:
    """A node: `answers` are the data of its paths, `misdeeds` what it does instead; both may be changed at any time."""

    name: str
    host: str
    port: int
    leaf: Leaf
    answers: dict[str, Any] = field(default_factory=dict)
    misdeeds: dict[str, Misdeed] = field(default_factory=dict)
    everywhere: Misdeed | None = None
    """Done whatever is asked."""
    tokens: set[str] = field(default_factory=lambda: {"PVEAPIToken=mon@pve!t=s3cr3t"})
    passwords: dict[str, str] = field(default_factory=lambda: {"mon@pve": "p4ssw0rd"})
    tickets: set[str] = field(default_factory=set)
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(self.host, self.port, self.name)

    def asked(self, path: str) -> int:
        """Return how often a path was asked for."""
        return sum(request.path.partition("?")[0] == path for request in self.requests)

    async def start(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.leaf.certificate, self.leaf.key)
        self._server = await asyncio.start_server(self._serve, self.host, self.port, ssl=context, reuse_address=True)

    async def stop(self) -> None:
        """From now on connections are refused, and those that were there are cut."""
        if self._server is None:
            return
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await self._server.wait_closed()
        self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            while request := await _read(reader):
                self.requests.append(request)
                await self._answer(request, writer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        path = request.path.partition("?")[0]
        misdeed = self.everywhere or self.misdeeds.get(path)
        if misdeed is not None:
            await misdeed(request, writer)
        elif path == "/access/ticket":
            self._sign_in(request, writer)
        elif not self._knows(request):
            write(writer, 401, "authentication failure", {"data": None})
        elif (key := next((key for key in (_spelt(request.path), path) if key in self.answers), None)) is not None:
            write(writer, 200, "OK", {"data": self.answers[key]})
        else:
            write(writer, 501, f"Method 'GET {path}' not implemented", {"data": None})

    def _sign_in(self, request: Request, writer: asyncio.StreamWriter) -> None:
        user = request.form.get("username", "")
        if self.passwords.get(user) != request.form.get("password"):
            write(writer, 401, "authentication failure", {"data": None})
            return
        ticket = f"PVE:{user}:{len(self.tickets):08X}::c2lnbmF0dXJl+/=="
        self.tickets.add(ticket)
        write(writer, 200, "OK", {"data": {"username": user, "ticket": ticket, "CSRFPreventionToken": "0:x"}})

    def _knows(self, request: Request) -> bool:
        ticket = request.headers.get("cookie", "").removeprefix("PVEAuthCookie=")
        return request.headers.get("authorization", "") in self.tokens or ticket in self.tickets


def _spelt(path: str) -> str:
    """Return a path with its parameters in order and unquoted."""
    parts = urlsplit(path)
    return "?".join([unquote(parts.path), "&".join(f"{key}={value}" for key, value in sorted(parse_qsl(parts.query)))])


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.splitlines()
    method, target, _ = first.split(" ", 2)
    headers = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in lines if line)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    form = {key: values[0] for key, values in parse_qs(body.decode()).items()}
    parts = urlsplit(target)
    path = parts.path.removeprefix(PREFIX) + (f"?{parts.query}" if parts.query else "")
    return Request(method, path, headers, form)


def write(writer: asyncio.StreamWriter, status: int, reason: str, document: Any) -> None:
    """Write an answer as Proxmox does: what went wrong stands in the reason phrase."""
    write_bytes(writer, status, reason, json.dumps(document).encode())


def write_bytes(writer: asyncio.StreamWriter, status: int, reason: str, body: bytes, more: str = "") -> None:
    kind = "Content-Type: application/json;charset=UTF-8\r\n"
    head = f"HTTP/1.1 {status} {reason}\r\n{kind}{more}Content-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)


def refuse(status: int, reason: str, document: Any = None) -> Misdeed:
    """Answer with an error."""

    async def misdeed(_request: Request, writer: asyncio.StreamWriter) -> None:
        write(writer, status, reason, document or {"data": None})

    return misdeed


def say(body: bytes, *, status: int = 200, more: str = "") -> Misdeed:
    """Answer with these bytes."""

    async def misdeed(_request: Request, writer: asyncio.StreamWriter) -> None:
        write_bytes(writer, status, "OK", body, more)

    return misdeed


async def silence(_request: Request, _writer: asyncio.StreamWriter) -> None:
    """Take the request and never answer."""
    await asyncio.Event().wait()


async def hang_up(_request: Request, writer: asyncio.StreamWriter) -> None:
    """Cut the connection instead of answering."""
    writer.transport.abort()


async def hang_up_midway(_request: Request, writer: asyncio.StreamWriter) -> None:
    """Cut the connection in the middle of an answer."""
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"data": [')
    await writer.drain()
    writer.transport.abort()


async def drip(_request: Request, writer: asyncio.StreamWriter) -> None:
    """Answer one byte at a time, never to the end."""
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{"data": "')
    while not writer.is_closing():
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def flood(_request: Request, writer: asyncio.StreamWriter) -> None:
    """Answer without end, in chunks."""
    writer.write(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{"data":"\r\n')
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    while not writer.is_closing():
        writer.write(chunk)
        await writer.drain()
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def hostile_pve(leaf: Leaf, *, name: str = "pve-01", host: str = "127.0.0.1") -> AsyncIterator[HostilePve]:
    """Run a node for as long as the block lasts."""
    node = HostilePve(name, host, free_port(), leaf)
    await node.start()
    try:
        yield node
    finally:
        await node.stop()


@contextlib.contextmanager
def black_hole() -> Iterator[Endpoint]:
    """Hold an address that connections vanish in: what is sent to it is dropped, as by a firewall."""
    with socket.socket() as hole, contextlib.ExitStack() as fillers:
        hole.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        hole.bind(("127.0.0.1", free_port()))
        hole.listen(0)
        # The kernel drops what comes once the queue of connections nobody accepts is full.
        for _ in range(3):
            filler = fillers.enter_context(contextlib.closing(socket.socket()))
            filler.setblocking(False)
            filler.connect_ex(hole.getsockname())
        yield Endpoint(*hole.getsockname())
