"""A site with a store for SQL: one line in the site file, and rows are there; what happens to it harms nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg
import pytest

from support.product import Product, get_json, query, wait_until

TICKS = 30 if os.environ.get("HUNE_TEST_LONG") else 3
"""So many evaluations, one a second, are looked at while the store is frozen."""


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    product = Product(tmp_path_factory.mktemp("sql"))
    product.write_site("stores:\n  timescale: {}\n")
    product.up()
    yield product
    product.down()


def rows(product: Product, statement: str, role: str = "reader", key: str = "postgresql-reader") -> list[Any]:
    """Return what a person reads by SQL with a key of the data directory."""
    passfile = quote(str(product.data_dir / "keys" / key))
    address = product.url("postgresql").removeprefix("http://")

    async def ask() -> list[Any]:
        connection = await asyncpg.connect(f"postgresql://{role}@{address}/hune?passfile={passfile}")
        try:
            return [tuple(row) for row in await connection.fetch(statement)]
        finally:
            await connection.close()

    return asyncio.run(ask())


def workers_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_no_rule_waits_for_a_store_that_is_frozen(product: Product) -> None:
    prometheus = product.url("prometheus")
    counted = "count_over_time(hune:tick[1h])"
    wait_until(lambda: query(prometheus, counted), "rules are evaluated")

    def ticks() -> int:
        return int(query(prometheus, counted)[0]["value"][1])

    postgres = product.pid("postgresql")
    frozen = [product.pid("timescale"), postgres, *workers_of(postgres)]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        before = ticks()
        # The store says nothing before it is thawed: a rule that waited for it would never be evaluated again.
        wait_until(lambda: ticks() >= before + TICKS, "some evaluations", seconds=10.0 * TICKS)
    finally:
        for pid in frozen:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def test_what_is_measured_is_there_for_sql(product: Product) -> None:
    assert {"postgresql", "timescale"} <= {row["name"] for row in product.health()["services"]}
    up = "SELECT labels->>'job' FROM hune.readable WHERE metric = 'up' AND value = 1"
    wait_until(lambda: rows(product, up), "samples of a target")
    # Neither what rules record nor what is measured every second goes to a store.
    assert (
        rows(product, "SELECT metric FROM hune.series WHERE metric LIKE 'hune:%' OR labels->>'job' = 'node-fast'") == []
    )


def test_the_command_line_finds_the_database_of_the_site(product: Product) -> None:
    assert product.ask("store", "stats")["series"] > 0


def test_promql_is_answered_from_it_by_a_prometheus_without_rules(product: Product) -> None:
    product.write_site("stores:\n  timescale: {query: true}\n")
    assert product.ask("reload")["started"] == ["timescale-query"]
    wait_until(lambda: product.health()["healthy"], "everything works")
    here, there = product.url("prometheus"), product.url("timescale-query")

    def settled() -> str:
        """Return a moment of which everything is stored, once there was something then."""
        [(newest,)] = rows(product, "SELECT extract(epoch FROM max(time))::float FROM hune.samples")
        return repr(newest - 5) if query(here, 'up{job!~"node-.*"}', time=repr(newest - 5)) else ""

    at = wait_until(settled, "samples of a moment")

    def is_answered_alike(expression: str) -> bool:
        # Senders work side by side: of that moment, one may still bring what others have brought.
        return by_labels(query(there, expression, time=at)) == by_labels(query(here, expression, time=at))

    for expression in (
        'up{job!~"node-.*"}',
        'sum by (mode) (rate(node_cpu_seconds_total{job="node"}[1m]))',
        'topk(3, {__name__=~"node_memory_.*_bytes", job="node"})',
        'count by (job) ({__name__=~".+", job!~"node-.*", __name__!~"hune:.*"})',
    ):
        wait_until(partial(is_answered_alike, expression), f"both answer {expression} alike")
    assert get_json(f"{there}/api/v1/rules")["data"]["groups"] == []


def by_labels(answer: list[Any]) -> dict[str, str]:
    return {str(sorted(row["metric"].items())): row["value"][1] for row in answer}


def test_nobody_reads_it_without_the_key(product: Product) -> None:
    address = product.url("postgresql").removeprefix("http://")
    assert (product.data_dir / "keys" / "postgresql").stat().st_mode & 0o077 == 0
    with pytest.raises(asyncpg.PostgresError, match="read-only"):
        rows(product, "DELETE FROM hune.series")
    for user in ("hune", "reader", "postgres"):
        with pytest.raises(asyncpg.PostgresError):
            asyncio.run(asyncpg.connect(f"postgresql://{user}:wrong@{address}/hune"))
    for process in product.status()["processes"]:
        word = (product.data_dir / "keys" / "postgresql").read_text().strip().rpartition(":")[2].encode()
        assert word not in Path(f"/proc/{process['pid']}/cmdline").read_bytes()
    assert Path(f"/proc/{product.pid('postgresql')}").stat().st_uid != 0


def test_a_database_that_is_killed_comes_back_with_everything(product: Product) -> None:
    times = "SELECT count(*), max(time) FROM hune.samples"
    [(count, newest)] = rows(product, times)
    before = product.pid("postgresql")
    os.kill(before, signal.SIGKILL)

    def goes_on() -> bool:
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            [(now, then)] = rows(product, times)
            return bool(now > count and then > newest)
        return False

    wait_until(goes_on, "new samples beside the old ones")
    wait_until(lambda: product.health()["healthy"], "everything works")
    assert product.pid("postgresql") not in (0, before)


@pytest.mark.long
def test_a_database_that_hangs_is_started_again(product: Product) -> None:
    before = product.pid("postgresql")
    frozen = [before, *workers_of(before)]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: product.pid("postgresql") not in (0, before), "it is started again", seconds=120)
    wait_until(lambda: product.health()["healthy"], "everything works", seconds=120)
    # Those that served connections can't have noticed that they were alone.
    assert [pid for pid in frozen if Path(f"/proc/{pid}").exists()] == []


@pytest.mark.long
def test_what_prometheus_could_not_send_is_replayed(product: Product) -> None:
    count = "SELECT count(*), min(time) FROM hune.between(to_timestamp({}), to_timestamp({})) WHERE value IS NOT NULL"
    adapter, prometheus = product.pid("timescale"), product.pid("prometheus")
    start = time.time()
    os.kill(adapter, signal.SIGSTOP)
    try:
        wait_until(lambda: time.time() > start + 40, "samples that wait", seconds=120)
        # What waits in its queue is lost with it; its own database isn't.
        os.kill(prometheus, signal.SIGKILL)
        wait_until(lambda: product.pid("prometheus") not in (0, prometheus), "Prometheus is back")
    finally:
        os.kill(adapter, signal.SIGCONT)
    wait_until(
        lambda: product.health()["healthy"] and not product.status()["has_gap"], "nothing is missing", seconds=120
    )
    end = start + 38
    selector = '{__name__=~".+",__name__!~"hune:.*",job!~"node-fast|node-alive"}'
    series = query(product.url("prometheus"), f"{selector}[{end - start:.0f}s]", time=repr(end))
    ours = sum(value != "NaN" for row in series for at, value in row["values"] if start < float(at) <= end)
    assert ours > 1000
    assert rows(product, count.format(start, end))[0][0] >= ours


def test_nothing_is_left_when_it_is_stopped(product: Product) -> None:
    pid = product.pid("postgresql")
    all_of_it = [pid, *workers_of(pid)]
    product.down()
    assert [one for one in all_of_it if Path(f"/proc/{one}").exists()] == []
    assert not (product.data_dir / "data" / "postgresql" / "postmaster.pid").exists()
