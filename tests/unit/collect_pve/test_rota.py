"""Facts about many things: who is asked when, and what stays known."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest

from hune.collect.pve.rota import Pace, Rota
from hune.collect.pve.source import Source
from hune.pve.errors import Failed, PveError, TimedOut
from support.pve_collecting import FakeApi, SetClock

PACE = Pace(ttl_seconds=1000, keep_seconds=3000, batch=5, at_once=2, patience_seconds=0.01, again_seconds=60)


class Asked:
    """A question for each key, counted; it hangs while `hangs`, and fails while `error`."""

    def __init__(self) -> None:
        self.count: Counter[str] = Counter()
        self.hangs: dict[str, asyncio.Event] = {}
        self.error: PveError | None = None

    async def __call__(self, key: str) -> int:
        self.count[key] += 1
        if key in self.hangs:
            await self.hangs[key].wait()
        if self.error is not None:
            raise self.error
        return self.count[key]


Stand = tuple[Rota[str, int], Source, SetClock, Asked]


@pytest.fixture
def stand() -> Stand:
    clock = SetClock()
    return Rota(PACE), Source(FakeApi({}), clock), clock, Asked()


def named(count: int) -> dict[str, None]:
    return {f"k{number}": None for number in range(count)}


async def test_a_round_asks_for_a_batch_the_next_one_for_the_rest(stand: Stand) -> None:
    rota, source, _, asked = stand
    assert len((await rota.round(source, named(8), asked)).facts) == 5
    assert len((await rota.round(source, named(8), asked)).facts) == 8
    assert set(asked.count.values()) == {1}


async def test_facts_are_refreshed_before_they_are_old_and_not_all_at_once(stand: Stand) -> None:
    rota, source, clock, asked = stand
    await rota.round(source, named(5), asked)
    clock.passed += 740
    await rota.round(source, named(5), asked)
    assert asked.count.total() == 5
    clock.passed += 100
    await rota.round(source, named(5), asked)
    assert 5 < asked.count.total() < 10
    clock.passed += 161
    await rota.round(source, named(5), asked)
    assert min(asked.count.values()) == 2


async def test_a_changed_mark_makes_a_fact_due_and_keeps_it_meanwhile(stand: Stand) -> None:
    rota, source, _, asked = stand
    await rota.round(source, {"a": 1, "b": 1}, asked)
    asked.error = Failed("500")
    known = await rota.round(source, {"a": 2, "b": 1}, asked)
    assert asked.count == {"a": 2, "b": 1}
    assert known.facts == {"a": 1, "b": 1}
    assert set(known.errors) == {"a"}


async def test_what_failed_is_left_in_peace_longer_each_time(stand: Stand) -> None:
    rota, source, clock, asked = stand
    asked.error = Failed("500")
    for wait in (60, 120, 240, 480, 960, 1920, 3000, 3000):
        before = asked.count["a"]
        assert set((await rota.round(source, {"a": None}, asked)).errors) == {"a"}
        assert asked.count["a"] == before + 1
        clock.passed += wait - 1
        await rota.round(source, {"a": None}, asked)
        assert asked.count["a"] == before + 1
        clock.passed += 1
    asked.error = None
    known = await rota.round(source, {"a": None}, asked)
    assert (set(known.facts), known.errors) == ({"a"}, {})


async def test_an_old_fact_is_good_for_a_while_and_then_gone(stand: Stand) -> None:
    rota, source, clock, asked = stand
    await rota.round(source, {"a": None}, asked)
    asked.error = Failed("500")
    clock.passed += 2999
    assert (await rota.round(source, {"a": None}, asked)).facts == {"a": 1}
    clock.passed += 2
    assert (await rota.round(source, {"a": None}, asked)).facts == {}


async def test_what_is_not_wanted_any_more_is_forgotten(stand: Stand) -> None:
    rota, source, _, asked = stand
    await rota.round(source, named(2), asked)
    assert set((await rota.round(source, named(1), asked)).facts) == {"k0"}
    await rota.round(source, named(2), asked)
    assert asked.count == {"k0": 1, "k1": 2}


async def test_a_late_answer_is_found_by_a_later_round(stand: Stand) -> None:
    rota, source, _, asked = stand
    asked.hangs["a"] = asyncio.Event()
    known = await rota.round(source, {"a": None, "b": None}, asked)
    assert (known.facts, type(known.errors["a"])) == ({"b": 1}, TimedOut)
    asked.hangs["a"].set()
    assert (await rota.round(source, {"a": None, "b": None}, asked)).facts == {"a": 1, "b": 1}
    assert asked.count["a"] == 1


async def test_what_hangs_takes_no_more_than_its_places(stand: Stand) -> None:
    rota, source, _, asked = stand
    asked.hangs = {key: asyncio.Event() for key in named(6)}
    for _ in range(3):
        await rota.round(source, named(6), asked)
    assert asked.count.total() == PACE.at_once
    for event in asked.hangs.values():
        event.set()
    for _ in range(3):
        known = await rota.round(source, named(6), asked)
    assert len(known.facts) == 6


async def test_a_round_that_is_cancelled_leaves_the_questions_to_the_next(stand: Stand) -> None:
    rota, source, _, asked = stand
    asked.hangs["a"] = asyncio.Event()
    under_way = asyncio.create_task(rota.round(source, {"a": None}, asked))
    await _until(lambda: asked.count["a"] == 1)
    under_way.cancel()
    await asyncio.gather(under_way, return_exceptions=True)
    asked.hangs["a"].set()
    assert (await rota.round(source, {"a": None}, asked)).facts == {"a": 1}
    assert asked.count["a"] == 1


async def test_each_source_has_its_own_facts(stand: Stand) -> None:
    rota, source, clock, asked = stand
    await rota.round(source, {"a": None}, asked)
    await rota.round(Source(FakeApi({}), clock), {"a": None}, asked)
    assert asked.count["a"] == 2


async def _until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110 - what is waited for happens in another task
        await asyncio.sleep(0)
