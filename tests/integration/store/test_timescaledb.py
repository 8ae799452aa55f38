"""What only a database with TimescaleDB has; everything else the other tests ask of both."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import Any

import pytest

from support import remote_write as remote
from support.timescale import Adapter, adapter, fetch, stored
from support.timescale_server import TimescaleServer

DAY_MS = 86_400_000
UP = (("__name__", "up"),)
PACKS = ("policy_compression", "02:00:00", None)
_NUMBERS = itertools.count(1)
_POLICIES = """
SELECT proc_name, config->>'compress_after' AS compress_after, config->>'drop_after' AS drop_after
FROM timescaledb_information.jobs WHERE hypertable_schema = 'hune' ORDER BY 1
"""
_FORM = "SELECT relkind::text AS kind, hune.timescaledb() FROM pg_class WHERE oid = 'hune.samples'::regclass"


@pytest.fixture
def url() -> str:
    """An empty database with the extension."""
    return TimescaleServer().new_database(f"timescale_{next(_NUMBERS)}")


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def policies(url: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await fetch(url, _POLICIES)]


async def cared_for(one: Adapter, url: str, expected: list[tuple[Any, ...]]) -> None:
    async with asyncio.timeout(180):
        while await policies(url) != expected:
            assert one.process is not None
            assert one.process.poll() is None
            await asyncio.sleep(0.1)


async def form(url: str) -> tuple[Any, ...]:
    return tuple((await fetch(url, _FORM))[0])


async def test_samples_lie_in_a_hypertable_whose_policies_follow_the_site(url: str) -> None:
    for flags, drops in (
        ((), []),
        (("--retention-days", "30"), [("policy_retention", None, "30 days")]),
        (("--retention-days", "7"), [("policy_retention", None, "7 days")]),
        ((), []),
    ):
        with adapter(url, *flags) as one:
            await cared_for(one, url, [PACKS, *drops])
    assert await form(url) == ("r", "public")


async def test_its_policies_pack_and_drop_while_no_adapter_runs(url: str) -> None:
    day = now_ms() - 3 * DAY_MS
    with adapter(url, "--retention-days", "7") as one:
        await cared_for(one, url, [PACKS, ("policy_retention", None, "7 days")])
        one.store(remote.request([(UP, [(day, 1.0)])]))
    # As old as the adapter takes nothing.
    await fetch(url, "INSERT INTO hune.samples SELECT time - interval '30 days', value, series_id FROM hune.samples")
    for row in await fetch(url, "SELECT job_id FROM timescaledb_information.jobs WHERE hypertable_schema = 'hune'"):
        await fetch(url, f"CALL run_job({row['job_id']})")
    assert len(await fetch(url, "SELECT * FROM hune.packed_days()")) == 1
    assert await stored(url) == {UP: [(day, remote.bits(1.0))]}


async def test_without_the_extension_the_adapter_goes_on_and_lays_partitions_when_it_starts(url: str) -> None:
    now = now_ms()
    with adapter(url) as one:
        one.store(remote.request([(UP, [(now - 2000, 1.0)])]))
        await fetch(url, "DROP EXTENSION timescaledb CASCADE")
        # What lay in its chunks is gone with it; what was acknowledged since is not.
        one.store(remote.request([(UP, [(now - 1000, 2.0), (now - DAY_MS, 3.0)])]))
    with adapter(url) as one:
        assert await form(url) == ("p", None)
        one.store(remote.request([(UP, [(now, 4.0), (now - 1000, 5.0)])]))
    expected = [(now - DAY_MS, 3.0), (now - 1000, 2.0), (now, 4.0)]
    assert await stored(url) == {UP: [(at, remote.bits(value)) for at, value in expected]}


async def test_a_store_that_has_samples_stays_what_it_is_when_the_extension_comes() -> None:
    url = await asyncio.to_thread(TimescaleServer().new_database, "timescale_late", extension=False)
    now = now_ms()
    with adapter(url) as one:
        one.store(remote.request([(UP, [(now - 1000, 1.0)])]))
    await fetch(url, "CREATE EXTENSION timescaledb")
    with adapter(url) as one:
        one.store(remote.request([(UP, [(now - 1000, 9.0), (now, 2.0)])]))
        assert await form(url) == ("p", None)
    assert await stored(url) == {UP: [(now - 1000, remote.bits(1.0)), (now, remote.bits(2.0))]}
