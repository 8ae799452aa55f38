"""The health check inside Hune's image, against a service that listens."""

import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from hune.deploy.healthy import reason
from support.ports import free_port


@contextmanager
def answering(status: int, body: bytes) -> Iterator[int]:
    """Serve one answer to everything; the port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", free_port()), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_service_that_works_is_healthy() -> None:
    with answering(200, b"{}") as port:
        assert reason(port) == ""


def test_service_that_doesn_t_says_why() -> None:
    with answering(503, b'{"healthy": false, "detail": "no disk"}') as port:
        assert "no disk" in reason(port)


def test_nobody_listening_is_unhealthy() -> None:
    port = free_port()
    assert reason(port).startswith(f"port {port}: ")


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_exit_code_is_what_docker_reads(status: int, code: int) -> None:
    with answering(status, b"{}") as port:
        done = subprocess.run(
            [sys.executable, "-m", "hune.deploy.healthy", str(port)], capture_output=True, check=False
        )
    assert done.returncode == code
