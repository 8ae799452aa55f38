"""A site with a store for SQL: one line in the site file, and rows are there; what happens to it harms nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg
import pytest

from support.product import Product, query, wait_until

FROZEN_SECONDS = 30 if os.environ.get("HUNE_TEST_LONG") else 3


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    product = Product(tmp_path_factory.mktemp("sql"))
    product.write_site("stores:\n  timescale: {}\n")
    product.up()
    yield product
    product.down()


def rows(product: Product, statement: str) -> list[Any]:
    """Return what a person reads by SQL with the key of the data directory."""
    key = quote(str(product.data_dir / "keys" / "postgresql"))
    address = product.url("postgresql").removeprefix("http://")

    async def ask() -> list[Any]:
        connection = await asyncpg.connect(f"postgresql://hune@{address}/hune?passfile={key}")
        try:
            return [tuple(row) for row in await connection.fetch(statement)]
        finally:
            await connection.close()

    return asyncio.run(ask())


def workers_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def iterations_missed(prometheus: str) -> float:
    """Return how many evaluations Prometheus itself says it has missed."""
    with urllib.request.urlopen(f"{prometheus}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    name = "prometheus_rule_group_iterations_missed_total{"
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def test_no_rule_waits_for_a_store_that_is_frozen(product: Product) -> None:
    prometheus = product.url("prometheus")
    ticks = "count_over_time(hune:tick[1h])"
    wait_until(lambda: query(prometheus, ticks), "rules are evaluated")
    postgres = product.pid("postgresql")
    frozen = [product.pid("timescale"), postgres, *workers_of(postgres)]
    missed, before = iterations_missed(prometheus), int(query(prometheus, ticks)[0]["value"][1])
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        end = time.monotonic() + FROZEN_SECONDS
        wait_until(lambda: time.monotonic() > end, "some evaluations", seconds=FROZEN_SECONDS + 5)
        assert int(query(prometheus, ticks)[0]["value"][1]) > before
        assert iterations_missed(prometheus) == missed
    finally:
        for pid in frozen:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def test_what_is_measured_is_there_for_sql(product: Product) -> None:
    assert {"postgresql", "timescale"} <= {row["name"] for row in product.health()["services"]}
    up = "SELECT labels->>'job', value FROM hune.readable WHERE metric = 'up' AND value = 1"
    wait_until(lambda: {"node", "prometheus"} <= {job for job, _ in rows(product, up)}, "samples of a target")
    # Neither what rules record nor what is measured every second goes to a store.
    assert (
        rows(product, "SELECT metric FROM hune.series WHERE metric LIKE 'hune:%' OR labels->>'job' = 'node-fast'") == []
    )


def test_nobody_reads_it_without_the_key(product: Product) -> None:
    address = product.url("postgresql").removeprefix("http://")
    assert (product.data_dir / "keys" / "postgresql").stat().st_mode & 0o077 == 0
    for user in ("hune", "postgres"):
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
        with contextlib.suppress(OSError, asyncpg.PostgresError):
            [(now, then)] = rows(product, times)
            return bool(now > count and then > newest)
        return False

    wait_until(goes_on, "new samples beside the old ones")
    wait_until(lambda: product.health()["healthy"], "everything works")
    assert product.pid("postgresql") not in (0, before)


def test_nothing_is_left_when_it_is_stopped(product: Product) -> None:
    pid = product.pid("postgresql")
    all_of_it = [pid, *workers_of(pid)]
    product.down()
    assert [one for one in all_of_it if Path(f"/proc/{one}").exists()] == []
    assert not (product.data_dir / "data" / "postgresql" / "postmaster.pid").exists()
