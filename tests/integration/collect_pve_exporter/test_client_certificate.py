"""A proxy before the API that wants to see a certificate gets the one that the configuration names."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from hune.collect.pve.modules import from_file
from hune.core.clock import SystemClock
from hune.pve.client import PveClient
from support.certificates import Certificates, make_certificates
from support.ports import free_port


class _Proxy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b'{"data": "let in"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def made(tmp_path: Path) -> Certificates:
    return make_certificates(tmp_path, ("127.0.0.1",))


@pytest.fixture
def port(made: Certificates) -> Iterator[int]:
    """Serve where whoever shows no certificate never gets as far as an answer."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=made.ca)
    context.load_cert_chain(made.leaf.certificate, made.leaf.key)
    context.verify_mode = ssl.CERT_REQUIRED
    with HTTPServer(("127.0.0.1", free_port()), _Proxy) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join(10)


@pytest.mark.parametrize("verify", ["no", "{ca}"])
def test_it_is_shown_to_who_asks_for_it(tmp_path: Path, made: Certificates, port: int, verify: str) -> None:
    path = tmp_path / "pve.yml"
    path.write_text(
        f"default: {{user: a@pve, token_name: t, token_value: v, verify_ssl: {verify.format(ca=made.ca)},"
        f" cert: [{made.leaf.certificate}, {made.leaf.key}]}}\n"
    )
    access = from_file(path, {})["default"].access(f"127.0.0.1:{port}")

    async def ask() -> object:
        async with PveClient(access, SystemClock()) as client:
            return await client.get("/version")

    assert asyncio.run(ask()) == "let in"
