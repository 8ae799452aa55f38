"""A proxy before the API that wants to see a certificate gets the one that the configuration names."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from hune.collect.pve.modules import from_file
from hune.core.clock import SystemClock
from hune.pve.client import PveClient
from support.certificates import make_certificates

BODY = b'{"data": "let in"}'


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY)
    await writer.drain()
    writer.close()


@pytest.mark.parametrize("verify", ["no", "{ca}"])
async def test_it_is_shown_to_who_asks_for_it(tmp_path: Path, verify: str) -> None:
    made = make_certificates(tmp_path, ("127.0.0.1",))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=made.ca)
    context.load_cert_chain(made.leaf.certificate, made.leaf.key)
    context.verify_mode = ssl.CERT_REQUIRED
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    path = tmp_path / "pve.yml"
    trusted = verify.format(ca=made.ca)
    path.write_text(
        f"default: {{user: a@pve, token_name: t, token_value: v, verify_ssl: {trusted},"
        f" cert: [{made.leaf.certificate}, {made.leaf.key}]}}\n"
    )
    module = from_file(path, {})["default"]
    # Whoever shows none never gets as far as an answer.
    async with server, PveClient(module.access(f"127.0.0.1:{port}"), SystemClock()) as client:
        assert await client.get("/version") == "let in"
