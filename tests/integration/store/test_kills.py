"""Adapter and database killed, cut off and out of room under load: what was acknowledged is there, once."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import os
import random
import shutil
import socket
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import remote_write as remote
from support.ports import free_port
from support.postgresql import Postgresql, postgresql
from support.relay import Relay
from support.timescale import Adapter, fetch

ROUNDS = 10 if os.environ.get("HUNE_TEST_LONG") == "1" else 1
"""Of five faults each."""
SHARDS = 4
SERIES = 100


class Shard:
    """Sends one request after the other, as Prometheus' shards do: again and again until it is acknowledged."""

    def __init__(self, number: int, url: str) -> None:
        self.number = number
        self.acknowledged = 0
        self.sent = 0
        self.start_ms = time.time_ns() // 1_000_000
        self.unexpected: list[str] = []
        self._url = f"{url}/api/v1/write"
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._labels = [(("__name__", f"shard_{number}"), ("n", str(n))) for n in range(SERIES)]

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._leaving.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._leaving.is_set():
            moment = self.start_ms + self.sent
            self.sent += 1
            body = remote.packed(remote.request((one, [(moment, float(self.sent))]) for one in self._labels))
            attempt = 0
            while not self._send(body, attempt):
                attempt += 1
                if self._leaving.wait(0.05):
                    return
            self.acknowledged += 1

    def _send(self, body: bytes, attempt: int) -> bool:
        headers = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"}
        headers |= {"Retry-Attempt": str(attempt)} if attempt else {}
        try:
            with urllib.request.urlopen(urllib.request.Request(self._url, body, headers), timeout=60) as answer:
                return bool(answer.status == 204)
        except urllib.error.HTTPError as error:
            with error:
                if error.code != 503:
                    self.unexpected.append(f"{error.code} {error.read().decode()}")
        except (OSError, http.client.HTTPException):
            pass
        return False


class Site:
    """Shards, an adapter and a database, with doors between them that can be torn off."""

    def __init__(self, server: Postgresql, folder: Path) -> None:
        self.server = server
        self.url = server.new_database("kills")
        self._stack = contextlib.ExitStack()
        door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        door.bind(str(folder / ".s.PGSQL.5432"))
        self.to_database = self._stack.enter_context(Relay(door, socket.AF_UNIX, str(server.folder / ".s.PGSQL.5432")))
        self.adapter = Adapter(self.url.replace(f"host={server.folder}", f"host={folder}"))
        front = socket.create_server(("127.0.0.1", free_port()))
        self.to_adapter = self._stack.enter_context(Relay(front, socket.AF_INET, ("127.0.0.1", self.adapter.port)))
        self.shards = [Shard(number, f"http://127.0.0.1:{front.getsockname()[1]}") for number in range(SHARDS)]

    @property
    def acknowledged(self) -> int:
        return sum(shard.acknowledged for shard in self.shards)

    def __enter__(self) -> Site:
        self.adapter.start()
        for shard in self.shards:
            shard.start()
        return self

    def __exit__(self, *_: object) -> None:
        for shard in self.shards:
            shard.stop()
        self.adapter.stop()
        self._stack.close()

    def kill_adapter(self) -> None:
        self.adapter.kill()
        self.adapter.start(healthy=False)

    def kill_database(self) -> None:
        self.server.kill()
        self.server.start()

    def cut_database_off(self) -> None:
        self.to_database.cut()
        self.until_nothing_is_acknowledged()
        self.to_database.mend()

    def cut_senders_off(self) -> None:
        self.to_adapter.cut()
        self.until_nothing_is_acknowledged()
        self.to_adapter.mend()

    def fill_disk(self) -> None:
        """Let the database find no room, for its log or its tables."""
        self.server.fill_disk()
        deadline = time.monotonic() + 240
        while not self.server.has_met_full_disk():
            assert time.monotonic() < deadline, "the disk isn't full"
            time.sleep(0.05)
        self.until_nothing_is_acknowledged()
        # Whether it ended by itself or is in the middle of recovering.
        self.kill_database()

    def until_nothing_is_acknowledged(self) -> None:
        deadline = time.monotonic() + 240
        before = -1
        while before != self.acknowledged:
            assert time.monotonic() < deadline, "it is acknowledged what can't be stored"
            before = self.acknowledged
            time.sleep(0.3)


@pytest.fixture
def own_server() -> Iterator[Postgresql]:
    with postgresql(own_disk=True) as server:
        yield server


def test_what_is_acknowledged_survives_every_fault_and_is_stored_once(own_server: Postgresql) -> None:
    chance = random.Random(ROUNDS)
    # A socket's path is short.
    folder = Path(tempfile.mkdtemp(prefix="hune-door-"))
    try:
        with Site(own_server, folder) as site:
            faults = [
                site.kill_adapter,
                site.kill_database,
                site.cut_database_off,
                site.cut_senders_off,
                site.fill_disk,
            ]
            for fault in (one for _ in range(ROUNDS) for one in chance.sample(faults, len(faults))):
                wanted = site.acknowledged + chance.randrange(1, 40)
                deadline = time.monotonic() + 240
                while site.acknowledged < wanted:
                    assert time.monotonic() < deadline, "nothing is acknowledged any more"
                    time.sleep(0.001)
                fault()
    finally:
        shutil.rmtree(folder)
    url, shards = site.url, site.shards
    for shard in shards:
        assert shard.unexpected == []
        rows = asyncio.run(
            fetch(
                url,
                "SELECT (extract(epoch FROM time) * 1000)::bigint - $2 AS at, count(*) AS count, min(value) AS value,"
                " max(value) AS most FROM hune.readable WHERE metric = $1 GROUP BY 1 ORDER BY 1",
                f"shard_{shard.number}",
                shard.start_ms,
            )
        )
        assert shard.acknowledged > 0
        assert [row["at"] for row in rows] == list(range(len(rows)))
        assert shard.acknowledged <= len(rows) <= shard.sent
        for row in rows:
            assert (row["count"], row["value"], row["most"]) == (SERIES, row["at"] + 1.0, row["at"] + 1.0)
