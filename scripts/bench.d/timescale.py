"""The store in PostgreSQL: ingest over HTTP beside raw COPY into the same table (the limit) and a naive adapter."""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import os
import platform
import statistics
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

import asyncpg
import cramjam
import numpy as np
from aiohttp import web

from hune.store import rows
from support.postgresql import Postgresql, postgresql
from support.remote_write import WriteRequest, packed, request
from support.timescale import Adapter, fetch

_STEP_MS = 15_000
_PER_REQUEST = 2_000
_SENDERS = 24
_DAY = """
INSERT INTO hune.samples (time, value, series_id)
SELECT
    '2026-01-01 00:00+00'::timestamptz + interval '15 s' * at + interval '1 ms' * (random() < 0.05)::integer,
    CASE series % 8
        WHEN 0 THEN 1 WHEN 1 THEN 0 WHEN 2 THEN 4096 * series
        WHEN 3 THEN floor(45 + 5 * sin(at / 200.0))
        WHEN 4 THEN at * 3 + series * 100000
        WHEN 5 THEN floor(at / 40) * 1000
        WHEN 6 THEN 16e9 + 4096 * floor(at / 10)
        ELSE round((at * 0.13 + series)::numeric, 2)
    END,
    series
FROM generate_series(1, $1::integer) AS series, generate_series(0, 5759) AS at ORDER BY at, series
"""
_COUNT = "SELECT count(*) AS count FROM hune.samples"


@dataclass
class Row:
    """What one way of writing did in one round."""

    way: str
    samples_per_second: float
    database_cpu_us: float
    """Processor time of the database, of a sample."""
    cpu_us: float | None = None
    peak_mb: float | None = None
    p99_ms: float | None = None


def series(count: int) -> list[tuple[tuple[str, str], ...]]:
    """Return series as a node exporter has them: nine labels."""
    return [
        (
            ("__name__", f"node_metric_{number % 500}_seconds_total"),
            ("cpu", str(number % 32)),
            ("device", f"enp{number % 7}s0f{number % 4}"),
            ("instance", f"192.0.2.{number % 200}:9100"),
            ("job", "node"),
            ("mode", "iowait"),
            ("node", f"pve-{number % 200:03}"),
            ("site", "home"),
            ("unit", f"{number:06}.service"),
        )
        for number in range(count)
    ]


def bodies(count: int, scrapes: int, start_ms: int, *, step_ms: int = _STEP_MS) -> list[bytes]:
    """Return packed requests of 2,000 series with one sample each, in the order of time."""
    named = series(count)
    made = []
    for scrape in range(scrapes):
        moment = start_ms + scrape * step_ms
        for first in range(0, count, _PER_REQUEST):
            part = enumerate(named[first : first + _PER_REQUEST], first)
            made.append(packed(request((labels, [(moment, number * 1.1 + scrape)]) for number, labels in part)))
    return made


def send(port: int, requests: Sequence[bytes], *, per_second: float | None = None) -> tuple[float, list[float]]:
    """Send requests from several connections; return seconds, and how long each took to be acknowledged."""
    latencies: list[float] = []
    waiting = iter(enumerate(requests))
    one = threading.Lock()
    began = time.perf_counter()

    def work() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        headers = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"}
        while True:
            with one:
                number, body = next(waiting, (0, None))
            if body is None:
                connection.close()
                return
            due = began + number / per_second if per_second else 0.0
            time.sleep(max(0.0, due - time.perf_counter()))
            sent = max(due, time.perf_counter()) if per_second else time.perf_counter()
            connection.request("POST", "/write", body, headers)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 204, answer.status
            latencies.append(time.perf_counter() - sent)

    threads = [threading.Thread(target=work) for _ in range(_SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - began, latencies


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def copy_file(server: Postgresql, url: str, count: int, scrapes: int, start_ms: int, connections: int) -> Row:
    """Return how fast the server reads files of rows into the table, in the order of time, without anybody's help."""
    numbers = np.arange(1, count + 1, dtype=np.int64)
    files: list[Path] = []
    for part in np.array_split(numbers, connections):
        moments = np.repeat(start_ms + np.arange(scrapes, dtype=np.int64) * _STEP_MS, len(part))
        values = (np.tile(part, scrapes) * 1.1 + moments).view(np.int64)
        file = server.folder / f"rows-{len(files)}"
        file.write_bytes(rows.encode(np.tile(part, scrapes), moments, values))
        file.chmod(0o644)
        files.append(file)

    async def copy() -> tuple[float, float]:
        links = [await asyncpg.connect(url) for _ in files]
        statement = f"COPY hune.samples ({', '.join(rows.COLUMNS)}) FROM '{{}}' (FORMAT binary)"
        cpu, began = server.cpu_seconds(), time.perf_counter()
        await asyncio.gather(
            *(link.execute(statement.format(file), timeout=600) for link, file in zip(links, files, strict=True))
        )
        seconds, cpu = time.perf_counter() - began, server.cpu_seconds() - cpu
        for link in links:
            await link.close()
        return seconds, cpu

    seconds, cpu = asyncio.run(copy())
    for file in files:
        file.unlink()
    total = count * scrapes
    return Row(f"raw COPY, {connections} at once", total / seconds, cpu / total * 1e6)


def of_adapter(server: Postgresql, adapter: Adapter, way: str, count: int, requests: Sequence[bytes]) -> Row:
    """Return how fast an adapter takes requests, the first scrape, which makes the series, apart."""
    first = count // _PER_REQUEST
    send(adapter.port, requests[:first])
    cpu, database_cpu = cpu_seconds(adapter.pid), server.cpu_seconds()
    seconds, _ = send(adapter.port, requests[first:])
    taken = (len(requests) - first) * _PER_REQUEST
    cpu, database_cpu = cpu_seconds(adapter.pid) - cpu, server.cpu_seconds() - database_cpu
    return Row(way, taken / seconds, database_cpu / taken * 1e6, cpu / taken * 1e6, adapter.peak_mb())


def paced(adapter: Adapter, requests: Sequence[bytes], samples_per_second: int) -> float:
    """Return within how many milliseconds 99 of 100 requests are acknowledged at such a rate."""
    _, latencies = send(adapter.port, requests, per_second=samples_per_second / _PER_REQUEST)
    return statistics.quantiles(latencies, n=100)[98] * 1000


class Naive(Adapter):
    """What one writes in an afternoon: the whole message parsed, a row an INSERT."""

    def start(self, *, healthy: bool = True) -> None:
        self._argv = [sys.executable, __file__, "--naive", str(self.port)]
        super().start(healthy=healthy)


def serve_naive(port: int) -> None:
    """Run the naive adapter, on a database whose schema is there."""
    known: dict[tuple[tuple[str, str], ...], int] = {}
    insert = (
        "INSERT INTO hune.samples (time, value, series_id) VALUES (to_timestamp($1), $2, $3) ON CONFLICT DO NOTHING"
    )

    async def health(_request: web.Request) -> web.Response:
        return web.Response()

    async def write(incoming: web.Request) -> web.Response:
        message = WriteRequest.FromString(bytes(cramjam.snappy.decompress_raw(await incoming.read())))
        values = []
        for one in message.timeseries:
            labels = tuple(sorted((label.name, label.value) for label in one.labels))
            number = known.setdefault(labels, len(known) + 1)
            values += [(sample.timestamp / 1000, sample.value, number) for sample in one.samples]
        pool: asyncpg.Pool[asyncpg.Record] = incoming.app[_POOL]
        async with pool.acquire() as connection:
            await connection.executemany(insert, values)
        return web.Response(status=204)

    async def open_pool(app: web.Application) -> None:
        app[_POOL] = await asyncpg.create_pool(os.environ["HUNE_TEST_DATABASE"], min_size=2, max_size=2)

    app = web.Application(client_max_size=64 << 20)
    app.on_startup.append(open_pool)
    app.add_routes([web.get("/health", health), web.post("/write", write)])
    web.run_app(app, host="127.0.0.1", port=port, print=lambda *_: None)


_POOL: web.AppKey[Any] = web.AppKey("pool", asyncpg.Pool)


def rounds(server: Postgresql, count: int, scrapes: int, times: int) -> list[Row]:
    """Measure all ways in turn, so that they meet the same machine, each in a database of its own."""
    start_ms = time.time_ns() // 1_000_000 - (scrapes + 1) * _STEP_MS
    requests = bodies(count, scrapes, start_ms)
    few = requests[: count // _PER_REQUEST * 3]
    found = []
    for _ in range(times):
        ways: dict[str, Callable[[Adapter], Row]] = {
            "hune run timescale": lambda one: of_adapter(server, one, "hune run timescale", count, requests),
            "naive": lambda one: of_adapter(server, one, "naive", count, few),
        }
        for connections in (1, 2):
            url = fresh(server)
            found.append(copy_file(server, url, count, scrapes, start_ms, connections))
            assert asyncio.run(fetch(url, _COUNT))[0]["count"] == count * scrapes
        for name, measure in ways.items():
            url = fresh(server)
            adapter = Naive(url) if name == "naive" else Adapter(url)
            adapter.start()
            try:
                row = measure(adapter)
                if name != "naive":
                    assert asyncio.run(fetch(url, _COUNT))[0]["count"] == len(requests) * _PER_REQUEST
                    shifted = bodies(_PER_REQUEST, 75, start_ms + (scrapes + 1) * _STEP_MS)
                    row.p99_ms = paced(adapter, shifted, 30_000)
                    row.peak_mb = adapter.peak_mb()
                found.append(row)
            finally:
                adapter.stop()
    return found


def packing(server: Postgresql, count: int = 200) -> tuple[float, float, float]:
    """Return bytes of a sample as rows and packed, with their keys, and samples packed in a second.

    A day at 15 s: an eighth each of constants, zeros, steps, a slow temperature, and four kinds of counters and gauges.
    """
    url = fresh(server)
    asyncio.run(fetch(url, "SELECT hune.make_partition(date '2026-01-01')"))
    asyncio.run(fetch(url, _DAY, count))
    size = "SELECT pg_total_relation_size(('hune.' || $1)::regclass) AS size"
    loose = asyncio.run(fetch(url, size, "samples_20260101"))[0]["size"]
    began = time.perf_counter()
    samples = asyncio.run(fetch(url, "SELECT hune.pack(date '2026-01-01') AS packed"))[0]["packed"]
    seconds = time.perf_counter() - began
    tight = asyncio.run(fetch(url, size, "chunks_20260101"))[0]["size"]
    return loose / samples, tight / samples, samples / seconds


def fresh(server: Postgresql) -> str:
    """Return the URL of a new database that has the schema."""
    url = server.new_database("bench")
    maker = Adapter(url)
    maker.start()
    maker.stop()
    asyncio.run(fetch(url, "SELECT hune.make_partition(now()::date), hune.make_partition(now()::date - 1)"))
    return url


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=10_000, help="a multiple of 2,000; default 10,000")
    parser.add_argument("--scrapes", type=int, default=40, help="samples of each; default 40")
    parser.add_argument("--times", type=int, default=3, help="rounds of which the median counts; default 3")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--naive", type=int, metavar="PORT", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.naive:
        serve_naive(options.naive)
        return
    with postgresql() as server:
        found = rounds(server, options.series, options.scrapes, options.times)
        loose, tight, rate = packing(server)
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Linux {platform.release()}"
    if options.json:
        print(json.dumps({"rows": [asdict(row) for row in found], "packing": [loose, tight, rate], "machine": machine}))
        return
    print("| way | samples/s | database: µs a sample | adapter: µs a sample | peak MB | p99 ms at 30,000/s |")
    print("|---|---|---|---|---|---|")
    rates = {}
    for way in dict.fromkeys(row.way for row in found):
        same = [row for row in found if row.way == way]
        rates[way] = statistics.median(row.samples_per_second for row in same)
        cells = [f"{rates[way]:,.0f}"]
        for column in ("database_cpu_us", "cpu_us", "peak_mb", "p99_ms"):
            values = [value for row in same if (value := getattr(row, column)) is not None]
            cells.append(f"{statistics.median(values):.1f}" if values else "")
        print(f"| {way} | {' | '.join(cells)} |")
    ours, limit = rates["hune run timescale"], max(rates["raw COPY, 1 at once"], rates["raw COPY, 2 at once"])
    print(f"{ours / limit:.2f} of the limit, {ours / rates['naive']:.1f} times the naive adapter")
    print(f"packed: {tight:.2f} bytes a sample instead of {loose:.0f}, {rate:,.0f} samples/s")
    print(machine)


if __name__ == "__main__":
    main()
