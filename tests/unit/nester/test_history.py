"""The past: asked seldom, kept while the store is silent, never waited for twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from hune.core.errors import Unavailable
from hune.nester import history
from hune.nester.history import History
from hune.promapi.prometheus import PrometheusClient, Series
from support.stepped_clock import StillClock


class Store:
    def __init__(self) -> None:
        self.asked: list[tuple[float, float, float]] = []
        self.answers = True
        self.begins = 0.0
        self.held = asyncio.Event()
        self.held.set()

    async def query_range(
        self, _expression: str, *, start: float, end: float, step_seconds: float, **_: float
    ) -> list[Series]:
        self.asked.append((start, end, step_seconds))
        await self.held.wait()
        if not self.answers:
            raise Unavailable("store: refused")
        first = max(start, self.begins)
        return [Series({"node": "pve-01"}, [(first, 0.0), (end, float(len(self.asked)))])]


@asynccontextmanager
async def past() -> AsyncIterator[tuple[History, Store, StillClock]]:
    store, clock = Store(), StillClock(100_000.0)
    async with asyncio.TaskGroup() as group:
        yield History(cast("PrometheusClient", store), clock, group), store, clock


async def last(kept: History) -> float:
    points = (await kept.by_node(history.HOT, history.SPARKS[-1])).points
    return points["pve-01"][-1][1] if points else 0.0


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_answer_is_kept_for_a_while() -> None:
    async with past() as (kept, store, clock):
        assert await last(kept) == 1
        clock.time += history.SPARKS[-1].keep_seconds - 1
        assert await last(kept) == 1
        assert len(store.asked) == 1


async def test_newer_answer_comes_behind_the_older_one() -> None:
    async with past() as (kept, store, clock):
        await last(kept)
        clock.time += history.SPARKS[-1].keep_seconds
        assert await last(kept) == 1
        await settle()
        assert await last(kept) == 2
        assert len(store.asked) == 2


async def test_points_lie_on_the_grid_of_the_step() -> None:
    async with past() as (kept, store, _clock):
        await last(kept)
        start, end, step = store.asked[0]
        assert end % step == 0
        assert end - start == history.SPARKS[-1].seconds


async def test_silent_store_leaves_what_it_last_said_and_is_told() -> None:
    async with past() as (kept, store, clock):
        await last(kept)
        store.answers = False
        clock.time += 60
        await last(kept)
        await settle()
        assert await last(kept) == 1
        assert kept.source.silent_since == clock.time
        store.answers = True
        clock.time += 60
        await last(kept)
        await settle()
        assert kept.source.answers


async def test_slow_store_is_asked_once_and_not_waited_for() -> None:
    async with past() as (kept, store, clock):
        await last(kept)
        store.held.clear()
        clock.time += 60
        assert [await last(kept) for _ in range(3)] == [1, 1, 1]
        await settle()
        assert len(store.asked) == 2
        store.held.set()


async def test_of_a_young_stack_the_shorter_span_shows_more() -> None:
    async with past() as (kept, store, clock):
        short, long = history.SPARKS
        store.begins = clock.time - 300
        assert (await kept.by_node(history.HOT, *history.SPARKS)).span == short
        store.begins = clock.time - 3000
        clock.time += 60
        await kept.by_node(history.HOT, *history.SPARKS)
        await settle()
        assert (await kept.by_node(history.HOT, *history.SPARKS)).span == long


async def test_what_nobody_asks_for_any_more_is_forgotten() -> None:
    async with past() as (kept, _store, clock):
        await last(kept)
        clock.time += 1000
        await kept.by_node(history.BUSY, history.DAY)
        assert len(kept._kept) == 1
