"""The adapter as a process, and what its database holds."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

import asyncpg

from support.ports import free_port
from support.remote_write import Labels, bits, packed

_ROWS = """
SELECT metric, labels::text AS labels, (extract(epoch FROM time) * 1000)::bigint AS moment, value
FROM hune.readable ORDER BY series_id, time
"""


@dataclass
class Answer:
    """What a request got."""

    status: int
    headers: Message
    text: str


class Adapter:
    """`hune run timescale` on a port of its own; it can be killed and started again."""

    def __init__(self, database_url: str, *flags: str, port: int | None = None) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = {**os.environ, "HUNE_TEST_DATABASE": database_url}
        self._argv = [sys.executable, "-m", "hune", "run", "timescale", "--database", "env:HUNE_TEST_DATABASE"]
        self._argv += ["--listen", f"127.0.0.1:{self.port}", *flags]
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self, *, healthy: bool = True) -> None:
        """Start it and wait until it answers; with a database, if that is asked for, whose old days it has seen to."""
        self.process = subprocess.Popen(self._argv, env=self._environment, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 180
        while True:
            with contextlib.suppress(OSError):
                if self._is_ready() if healthy else self.get("/health"):
                    return
            assert self.process.poll() is None, "the adapter ended"
            assert time.monotonic() < deadline, "the adapter isn't ready"
            time.sleep(0.05)

    def _is_ready(self) -> bool:
        # What is sent from now on no first round packs or drops: the next is long after the test.
        return self.get("/health").status == 200 and self.metric("hune_store_housekeeping_rounds_total") > 0

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=180)

    def get(self, path: str) -> Answer:
        return self._call(urllib.request.Request(f"{self.url}{path}"))

    def write(self, body: bytes, path: str = "/api/v1/write", **headers: str) -> Answer:
        """Send a body that is packed already, as Prometheus does unless `headers` say otherwise."""
        sent = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self._call(urllib.request.Request(f"{self.url}{path}", body, sent, method="POST"))

    def store(self, body: bytes, **headers: str) -> Answer:
        """Send a message of version 1 that must be taken."""
        answer = self.write(packed(body), **headers)
        assert answer.status == 204, answer
        return answer

    def metric(self, name: str) -> float:
        """Return the sum of a metric's series."""
        lines = [line for line in self.get("/metrics").text.splitlines() if line.startswith((f"{name} ", f"{name}{{"))]
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    def peak_mb(self) -> float:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM:"))

    def _call(self, request: urllib.request.Request) -> Answer:
        try:
            with urllib.request.urlopen(request, timeout=180) as response:
                return Answer(response.status, response.headers, response.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read().decode())


@contextlib.contextmanager
def adapter(database_url: str, *flags: str) -> Iterator[Adapter]:
    """Run an adapter for as long as the block lasts."""
    one = Adapter(database_url, *flags)
    try:
        one.start()
        yield one
    finally:
        one.stop()


async def fetch(url: str, statement: str, *arguments: Any) -> list[asyncpg.Record]:
    """Return what a statement does."""
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetch(statement, *arguments)
    finally:
        await connection.close()


async def stored(url: str) -> dict[Labels, list[tuple[int, int | None]]]:
    """Return what the database holds: of each series times in milliseconds and bits, None for a stale marker."""
    found: dict[Labels, list[tuple[int, int | None]]] = {}
    for row in await fetch(url, _ROWS):
        labels = {**json.loads(row["labels"]), **({"__name__": row["metric"]} if row["metric"] else {})}
        value = row["value"]
        found.setdefault(tuple(sorted(labels.items())), []).append(
            (row["moment"], None if value is None else bits(value))
        )
    return found
