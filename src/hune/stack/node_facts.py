"""What a machine answers when it is asked from here: does it live, does its exporter answer, what does that measure."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from hune.core.errors import why
from hune.site.detect import source_towards
from hune.site.models import Node, join_address

log = logging.getLogger(__name__)

MAX_METRICS_BYTES = 32 << 20
_TIMEOUT_SECONDS = 3.0

Reached = Literal["open", "refused", "silent", "unreachable"]
Series = tuple[Mapping[str, str], float]


@dataclass(frozen=True)
class Metrics:
    """What the exporter answered: `status` of HTTP, series by name, how long it took, and when it was asked."""

    status: int
    series: Mapping[str, Sequence[Series]] = field(default_factory=dict)
    seconds: float = 0.0
    asked_at: float = 0.0
    error: str = ""

    def of(self, name: str, **labels: str) -> list[Series]:
        """Return the series of a metric that carry these labels."""
        return [row for row in self.series.get(name, ()) if all(row[0].get(key) == labels[key] for key in labels)]


@dataclass(frozen=True)
class NodeFacts:
    """Everything that was found out; None where it could not be asked.

    `alive_by` says what was tried as proof of life: `icmp`, or `tcp:22`. `source` is this machine's address towards it.
    """

    resolved: str | None
    alive_by: str = ""
    alive: bool | None = None
    port: Reached = "unreachable"
    source: str | None = None
    metrics: Metrics | None = None


async def ask(node: Node, session: aiohttp.ClientSession) -> NodeFacts:
    """Return what a node answers; takes some seconds at most, and raises nothing that the node is to blame for."""
    resolved = await _resolve(node.address)
    if resolved is None:
        return NodeFacts(None)
    (alive_by, alive), port = await asyncio.gather(_ask_life(node, resolved), reach(resolved, node.exporter.port))
    metrics = await _fetch(node, session) if port == "open" else None
    return NodeFacts(resolved, alive_by, alive, port, source_towards(resolved), metrics)


async def _resolve(address: str) -> str | None:
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(address, None, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError, UnicodeError):
        return None
    return str(found[0][4][0]) if found else None


async def _ask_life(node: Node, address: str) -> tuple[str, bool]:
    wanted = node.alive
    if wanted in ("auto", "icmp"):
        answered = await ping(address)
        if answered is not None or wanted == "icmp":
            return "icmp", bool(answered)
        wanted = "tcp:22"
    return wanted, await reach(address, int(wanted.removeprefix("tcp:"))) == "open"


async def reach(address: str, port: int) -> Reached:
    """Return what a TCP connection meets."""
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            _, writer = await asyncio.open_connection(address, port)
    except ConnectionRefusedError:
        return "refused"
    except TimeoutError:
        return "silent"
    except OSError:
        return "unreachable"
    writer.close()
    return "open"


async def ping(address: str) -> bool | None:
    """Return whether an ICMP echo is answered, None if this user may not send one."""
    six = ":" in address
    try:
        probe = socket.socket(
            socket.AF_INET6 if six else socket.AF_INET,
            socket.SOCK_DGRAM,
            socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP,
        )
    except OSError:
        return None
    # Type, code, checksum, identifier, sequence; the kernel fills in checksum and identifier.
    echo = bytes((128 if six else 8, 0, 0, 0, 0, 0, 0, 1)) + b"hune"
    with probe:
        probe.setblocking(False)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                probe.connect((address, 0))
                await loop.sock_sendall(probe, echo)
                answer = await loop.sock_recv(probe, 256)
        except (OSError, TimeoutError):
            return False
    return answer[:1] == (b"\x81" if six else b"\x00")


async def _fetch(node: Node, session: aiohttp.ClientSession) -> Metrics:
    url = f"{node.exporter.scheme}://{join_address(node.address, node.exporter.port)}/metrics"
    asked_at = time.time()
    try:
        async with session.get(url, allow_redirects=False) as response:
            body = await _read(response)
            seconds = time.time() - asked_at
            if response.status != 200:
                return Metrics(response.status, seconds=seconds, asked_at=asked_at)
            return Metrics(200, parse(body.decode(errors="replace")), seconds, asked_at)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        log.debug("%s: %r", url, error)
        return Metrics(0, asked_at=asked_at, error=why(error))


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > MAX_METRICS_BYTES:
            raise ValueError(f"answers with more than {MAX_METRICS_BYTES >> 20} MB")
    return bytes(body)


def parse(text: str) -> dict[str, list[Series]]:
    """Return the series of an exposition by metric; empty if the text is something else."""
    found: dict[str, list[Series]] = {}
    try:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                found.setdefault(sample.name, []).append((sample.labels, sample.value))
    except (ValueError, IndexError, KeyError, AttributeError, TypeError):
        # Web pages and the like: the parser falls over them in several ways.
        return {}
    return found
