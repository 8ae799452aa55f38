"""Days that are over are packed, and say what they said; what comes late for them is added once."""

from __future__ import annotations

import asyncio
import time

from support import remote_write as remote
from support.postgresql import Postgresql
from support.timescale import Adapter, adapter, fetch, stored

DAY_MS = 86_400_000
PATTERNS = [0, 1 << 63, 0x7FF8000000000001, 0xFFF8000000000123, 0x7FF0000000000000, 0x3FF0000000000000]
STALE = 0x7FF0000000000002


async def packed(one: Adapter, samples: int) -> None:
    """Return once so many samples are packed."""
    async with asyncio.timeout(180):
        while await asyncio.to_thread(one.metric, "hune_store_samples_packed_total") < samples:  # noqa: ASYNC110 - of others
            await asyncio.sleep(0.05)


async def sizes(database: str) -> tuple[int, int, int]:
    """Return how many samples are not packed, how many are, and of how many series on how many days."""
    asked = "SELECT sum(samples)::int, sum(packed_samples)::int, sum(series)::int FROM hune.day_sizes(true)"
    loose, tight, series = (await fetch(database, asked))[0]
    return loose, tight, series


async def test_a_packed_day_says_what_it_said_and_takes_late_samples_once(database: str) -> None:
    noon = time.time_ns() // 1_000_000 // DAY_MS * DAY_MS - 2 * DAY_MS + DAY_MS // 2
    named = [(("__name__", "m"), ("n", str(number))) for number in range(20)]
    values = [*map(remote.number, PATTERNS), *map(float, range(500)), remote.number(STALE)]
    moments = [noon + at * 15_000 + (at % 7 == 0) for at in range(len(values))]
    body = remote.request((labels, list(zip(moments, values, strict=True))) for labels in named)
    with adapter(database) as one:
        one.store(body)
    first = await stored(database)
    assert first[named[0]][-1] == (moments[-1], None)
    with adapter(database) as one:
        await packed(one, len(named) * len(values))
        assert await sizes(database) == (0, len(named) * len(values), len(named))
        assert await stored(database) == first
        # Sent again to a process that doesn't remember it, and with what it lacks: before, between and after.
        late = [(noon - 1, -1.0), (moments[3] + 5, 0.5), (moments[-1] + 1, 7.0), (moments[0], 9.0)]
        one.store(body)
        one.store(remote.request([(named[0], late), ((("__name__", "new"),), late[:1])]))
        assert one.metric("hune_store_samples_written_total") == 4
        expected = dict(first)
        expected[named[0]] = sorted([*first[named[0]], *((moment, remote.bits(value)) for moment, value in late[:3])])
        expected[(("__name__", "new"),)] = [(noon - 1, remote.bits(-1.0))]
        assert await stored(database) == expected
    with adapter(database) as one:
        await packed(one, 4)
        assert await stored(database) == expected
    assert await sizes(database) == (0, len(named) * len(values) + 4, len(named) + 1)


async def test_a_day_that_cant_be_packed_holds_up_no_other_and_no_role_ends_the_packing(postgres: Postgresql) -> None:
    noon = time.time_ns() // 1_000_000 // DAY_MS * DAY_MS - 4 * DAY_MS + DAY_MS // 2
    database = await asyncio.to_thread(postgres.new_database, "stuck")
    with adapter(database) as one:
        one.store(remote.request([((("n", "1"),), [(noon + day * DAY_MS, float(day)) for day in range(3)])]))
    first = time.strftime("%Y%m%d", time.gmtime(noon / 1000))
    await fetch(database, f"CREATE VIEW hune.chunks_{first} AS SELECT 1 AS one")
    await fetch(database, "ALTER DATABASE stuck SET statement_timeout = '1ms'")
    with adapter(database) as one:
        await packed(one, 2)
        assert one.metric("hune_store_database_up") == 1


async def test_only_days_that_are_asked_for_are_read(database: str) -> None:
    noon = time.time_ns() // 1_000_000 // DAY_MS * DAY_MS - 4 * DAY_MS + DAY_MS // 2
    labels = (("__name__", "m"), ("n", "1"))
    with adapter(database) as one:
        one.store(remote.request([(labels, [(noon + day * DAY_MS, float(day)) for day in range(3)])]))
    with adapter(database) as one:
        await packed(one, 3)
    asked = "SELECT value FROM hune.between(to_timestamp($1), to_timestamp($2)) WHERE metric = 'm'"
    day = noon / 1000 + 86_400
    assert [row["value"] for row in await fetch(database, asked, day, day + 1)] == [1.0]
    assert await fetch(database, asked, day + 1, day + 2) == []
    plan = await fetch(database, f"EXPLAIN {asked.replace('$1', str(day)).replace('$2', str(day + 1))}")
    assert sum("on chunks_" in row["QUERY PLAN"] for row in plan) <= 1


async def test_retention_drops_packed_days_too(database: str) -> None:
    noon = time.time_ns() // 1_000_000 // DAY_MS * DAY_MS - 6 * DAY_MS + DAY_MS // 2
    labels = (("__name__", "m"),)
    with adapter(database) as one:
        one.store(remote.request([(labels, [(noon + day * DAY_MS, float(day)) for day in (0, 1, 2, 4)])]))
    with adapter(database) as one:
        await packed(one, 4)
    with adapter(database, "--retention-days", "3") as one:
        async with asyncio.timeout(180):
            while await asyncio.to_thread(one.metric, "hune_store_days_dropped_total") < 3:  # noqa: ASYNC110 - of others
                await asyncio.sleep(0.05)
    assert [moment for moment, _ in (await stored(database))[labels]] == [noon + 4 * DAY_MS]
