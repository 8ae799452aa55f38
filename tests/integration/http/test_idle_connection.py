"""Connections on which nothing is asked: who calls gives them up before who serves ends them."""

from __future__ import annotations

import asyncio

import pytest

from hune.http import call
from support.ports import free_port


async def test_connection_that_its_service_may_just_end_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call, "IDLE_SECONDS", 0.4)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        # Whatever comes next on it comes too late.
        await reader.read(1)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", port := free_port()), call.open_session() as session:
        for _ in range(2):
            async with session.post(f"http://127.0.0.1:{port}") as answer:
                assert answer.status == 200
            await asyncio.sleep(0.4)
