"""Asking what listens there whether it is a PostgreSQL that takes connections."""

from __future__ import annotations

import asyncio
import struct

import pytest

from hune.core.errors import Unavailable
from hune.stack.postgres_ping import ping
from support.ports import free_port

STARTING = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (struct.pack("!ci", b"E", len(STARTING) + 4) + STARTING, "the database system is starting up"),
        (b"R", "closes connections at once"),
        (b"HTTP/1.1 400 Bad Request\r\n", "something else"),
    ],
)
async def test_a_server_that_takes_nobody_is_not_ready(answer: bytes, told: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", free_port())
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Unavailable, match=told):
            await ping(f"postgresql://127.0.0.1:{port}", user="hune", database="hune")


async def test_nobody_there_is_told_in_one_word() -> None:
    with pytest.raises(Unavailable, match="connection refused"):
        await ping(f"postgresql://127.0.0.1:{free_port()}", user="hune", database="hune")
