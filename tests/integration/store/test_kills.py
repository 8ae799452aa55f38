"""Adapter and database killed under load: what was acknowledged is there, and nothing that wasn't sent."""

from __future__ import annotations

import asyncio
import os
import random
import threading
import time
import urllib.error
from collections.abc import Iterator

import pytest

from support import remote_write as remote
from support.postgresql import Postgresql, postgresql
from support.timescale import Adapter, fetch

KILLS = 50 if os.environ.get("HUNE_TEST_LONG") == "1" else 4
SHARDS = 4
SERIES = 100


class Shard:
    """Sends one request after the other, as Prometheus' shards do: again and again until it is acknowledged."""

    def __init__(self, number: int, adapter: Adapter) -> None:
        self.number = number
        self.acknowledged = 0
        self.sent = 0
        self.start_ms = time.time_ns() // 1_000_000
        self.unexpected: list[str] = []
        self._adapter = adapter
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
        headers = {"Retry-Attempt": str(attempt)} if attempt else {}
        try:
            answer = self._adapter.write(body, **headers)
        except (OSError, urllib.error.URLError):
            return False
        if answer.status not in (204, 503):
            self.unexpected.append(f"{answer.status} {answer.text}")
        return answer.status == 204


@pytest.fixture
def own_server() -> Iterator[Postgresql]:
    with postgresql() as server:
        yield server


def test_what_is_acknowledged_survives_kills_and_is_stored_once(own_server: Postgresql) -> None:
    chance = random.Random(KILLS)
    url = own_server.new_database("kills")
    adapter = Adapter(url)
    adapter.start()
    shards = [Shard(number, adapter) for number in range(SHARDS)]
    try:
        for shard in shards:
            shard.start()
        for kill in range(KILLS):
            before = sum(shard.acknowledged for shard in shards)
            wanted = before + chance.randrange(1, 40)
            deadline = time.monotonic() + 60
            while sum(shard.acknowledged for shard in shards) < wanted:
                assert time.monotonic() < deadline, "nothing is acknowledged any more"
                time.sleep(0.001)
            if kill % 2:
                own_server.kill()
                own_server.start()
            else:
                adapter.kill()
                adapter.start(healthy=False)
    finally:
        for shard in shards:
            shard.stop()
        adapter.stop()
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
