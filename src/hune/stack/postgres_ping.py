"""Whether a PostgreSQL takes connections, asked as its clients ask, without a driver.

Source: the message flow of PostgreSQL's protocol 3.0, https://www.postgresql.org/docs/current/protocol-flow.html
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from urllib.parse import urlsplit

from hune.core.errors import Unavailable

SCHEME = "postgresql://"
_PROTOCOL = 196608
_LONGEST_ANSWER = 30_000


def startup(user: str, database: str) -> bytes:
    """Return a client's first message."""
    body = struct.pack("!i", _PROTOCOL)
    for text in ("user", user, "database", database, ""):
        body += text.encode() + b"\0"
    return struct.pack("!i", len(body) + 4) + body


def objection(kind: bytes, body: bytes) -> str | None:
    """Return why a server takes nobody, None if its first answer asks who we are."""
    if kind == b"R":
        return None
    if kind != b"E":
        return "answers with something else than PostgreSQL does"
    fields = {field[:1]: field[1:].decode(errors="replace") for field in body.split(b"\0") if field}
    return fields.get(b"M", "refuses connections")


async def ping(url: str, *, user: str, database: str, timeout_seconds: float = 4.0) -> None:
    """Return if the server at `postgresql://host:port` would take a client with the right password.

    Raises Unavailable: it doesn't answer, or still starts, or leaves.
    """
    address = urlsplit(url)
    try:
        async with asyncio.timeout(timeout_seconds):
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
            try:
                writer.write(startup(user, database))
                kind, length = struct.unpack("!ci", await reader.readexactly(5))
                body = await reader.readexactly(min(max(0, length - 4), _LONGEST_ANSWER)) if kind == b"E" else b""
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except TimeoutError as error:
        raise Unavailable("does not answer") from error
    except asyncio.IncompleteReadError as error:
        raise Unavailable("closes connections at once") from error
    except ConnectionRefusedError as error:
        raise Unavailable("connection refused") from error
    except OSError as error:
        raise Unavailable(error.strerror or str(error)) from error
    if why := objection(kind, body):
        raise Unavailable(why)
