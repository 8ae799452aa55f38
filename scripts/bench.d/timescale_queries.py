"""How long the store in PostgreSQL takes to answer remote read and SQL: an hour, a day, a month of 10,000 series."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

import asyncpg
from timescale import bodies, send

from hune.promapi.remote import READ_HEADERS, Matcher
from support import remote_read
from support.postgresql import Postgresql, postgresql
from support.timescale import Adapter

_STEP_SECONDS = 60
_DAYS = 30
_LOOSE_SCRAPES = 120
_DAY_SECONDS = 86_400
# An eighth each of constants, zeros, steps, a slow temperature, and four kinds of counters and gauges.
_KINDS = """
CREATE TEMPORARY TABLE kinds AS
SELECT kind, array_agg(CASE WHEN at = 0 THEN 0 ELSE $1 * 1000 END ORDER BY at)::integer[] AS gaps, array_agg(
    CASE kind
        WHEN 0 THEN 1 WHEN 1 THEN 0 WHEN 2 THEN 4096 * 17
        WHEN 3 THEN floor(45 + 5 * sin(at / 200.0))
        WHEN 4 THEN at * 3 + 100000
        WHEN 5 THEN floor(at / 40) * 1000
        WHEN 6 THEN 16e9 + 4096 * floor(at / 10)
        ELSE round((at * 0.13)::numeric, 2)
    END ORDER BY at
)::double precision[] AS "values"
FROM generate_series(0, 7) AS kind, generate_series(0, 86400 / $1 - 1) AS at GROUP BY kind
"""
_DAY = """
INSERT INTO hune.chunks (day, series_id, first, gaps, "values")
SELECT $1, id, $1::timestamp AT TIME ZONE 'UTC', gaps, "values"
FROM hune.series JOIN kinds ON kind = id % 8 ORDER BY id
"""
_RANGES = {"1 h": 3600, "1 d": _DAY_SECONDS, "30 d": _DAYS * _DAY_SECONDS}


@dataclass
class Row:
    """How long one question took, over one range."""

    question: str
    over: str
    samples: int
    seconds: float


async def fill(url: str, today: int) -> None:
    """Add days that are over, packed."""
    connection = await asyncpg.connect(url, server_settings={"timezone": "UTC"})
    try:
        await connection.execute(_KINDS.replace("$1", str(_STEP_SECONDS)))
        for back in range(_DAYS, 0, -1):
            day = time.strftime("%Y-%m-%d", time.gmtime(today - back * _DAY_SECONDS))
            quoted = f"date '{day}'"
            await connection.execute(f"SELECT hune.make_partition({quoted}), hune.pack({quoted})")
            await connection.execute(_DAY.replace("$1", quoted), timeout=600)
        await connection.execute("VACUUM ANALYZE", timeout=600)
    finally:
        await connection.close()


def read(adapter: Adapter, matcher: Matcher, since: int, until: int, *, streamed: bool) -> None:
    """Ask, and take the answer without looking into it, as far as time goes."""
    accepted = (remote_read.STREAMED,) if streamed else ()
    body = remote_read.body([matcher], since * 1000, until * 1000 - 1, *accepted)
    request = urllib.request.Request(f"{adapter.url}/read", body, READ_HEADERS)
    with urllib.request.urlopen(request, timeout=300) as answer:
        while answer.read(1 << 20):
            pass


async def ask(url: str, since: int, until: int) -> None:
    """Ask for a hundred steps of one metric."""
    connection = await asyncpg.connect(url)
    try:
        await connection.fetch(
            "SELECT time, avg(average) FROM hune.buckets('node_metric_7_seconds_total', make_interval(secs => $1),"
            " to_timestamp($2), to_timestamp($3)) GROUP BY 1 ORDER BY 1",
            (until - since) / 100,
            since,
            until,
            timeout=300,
        )
    finally:
        await connection.close()


def samples_of(adapter: Adapter) -> int:
    return int(adapter.metric("hune_store_samples_read_total"))


def rounds(server: Postgresql, count: int, times: int) -> list[Row]:
    url = server.new_database("bench")
    adapter = Adapter(url)
    adapter.start()
    try:
        today = int(time.time()) // _DAY_SECONDS * _DAY_SECONDS
        until = today + _LOOSE_SCRAPES * _STEP_SECONDS
        send(adapter.port, bodies(count, _LOOSE_SCRAPES, today * 1000, step_ms=_STEP_SECONDS * 1000))
        asyncio.run(fill(url, today))
        one, every = Matcher("__name__", "=", "node_metric_7_seconds_total"), Matcher("job", "=", "node")
        some = Matcher("instance", "=~", "192.0.2.1[0-9]:9100")
        series = {
            "one metric": (one, False, _RANGES),
            "one metric, streamed": (one, True, _RANGES),
            "ten machines by expression, streamed": (some, True, _RANGES),
            "all, streamed": (every, True, ("1 h", "1 d")),
        }
        found = []
        for question, (matcher, streamed, over) in series.items():
            for name in over:
                before = samples_of(adapter)
                since = until - _RANGES[name]
                seconds = measure(lambda: read(adapter, matcher, since, until, streamed=streamed), times)  # noqa: B023
                found.append(Row(question, name, (samples_of(adapter) - before) // times, seconds))
        for name, width in _RANGES.items():
            seconds = measure(lambda: asyncio.run(ask(url, until - width, until)), times)  # noqa: B023
            samples = next(row.samples for row in found if row.over == name)
            found.append(Row("one metric in SQL, hundred buckets", name, samples, seconds))
        print(f"the adapter took {adapter.peak_mb():.0f} MB at its peak", file=sys.stderr)
        return found
    finally:
        adapter.stop()


def measure(work: Callable[[], None], times: int) -> float:
    """Return the median of how many seconds something takes."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=10_000, help="a multiple of 2,000; default 10,000")
    parser.add_argument("--times", type=int, default=3, help="rounds of which the median counts; default 3")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with postgresql() as server:
        found = rounds(server, options.series, options.times)
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Linux {platform.release()}"
    if options.json:
        print(json.dumps({"rows": [asdict(row) for row in found], "machine": machine}))
        return
    print("| what is asked for | over | samples | ms | samples/s |")
    print("|---|---|---|---|---|")
    for row in found:
        rate = row.samples / row.seconds
        print(f"| {row.question} | {row.over} | {row.samples:,} | {row.seconds * 1000:,.0f} | {rate:,.0f} |")
    print(machine)


if __name__ == "__main__":
    main()
