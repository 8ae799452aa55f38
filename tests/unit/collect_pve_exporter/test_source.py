"""Answers are asked for once in a round, kept for as long as readers allow, and not for ever."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hune.collect.pve.source import Source
from hune.pve.errors import TimedOut
from support.pve_collecting import FakeApi, SetClock

STATUS = "/cluster/status"


def make(answers: dict[str, Any]) -> tuple[FakeApi, SetClock, Source]:
    api, clock = FakeApi(answers), SetClock()
    return api, clock, Source(api, clock)


async def test_a_round_asks_once_however_long_it_lasts() -> None:
    api, clock, source = make({STATUS: ["first"]})
    with source.round():
        await source.get(STATUS)
        clock.passed += 9.0
        assert await source.get(STATUS) == ["first"]
    assert api.asked[STATUS] == 1


async def test_the_next_round_asks_again() -> None:
    api, clock, source = make({STATUS: ["first"]})
    for _ in range(2):
        with source.round():
            await source.get(STATUS)
        clock.passed += 1.0
    assert api.asked[STATUS] == 2


async def test_tasks_of_a_round_share_its_answers() -> None:
    api, clock, source = make({STATUS: ["first"]})

    async def later() -> None:
        clock.passed += 5.0
        await source.get(STATUS)

    with source.round():
        await source.get(STATUS)
        async with asyncio.TaskGroup() as group:
            group.create_task(later())
    assert api.asked[STATUS] == 1


async def test_a_failure_holds_for_the_round_only() -> None:
    api, _clock, source = make({STATUS: TimedOut("late")})
    with source.round():
        for _ in range(3):
            with pytest.raises(TimedOut):
                await source.get(STATUS, max_age_seconds=60)
    assert api.asked[STATUS] == 1
    api.answers[STATUS] = ["well"]
    assert await source.get(STATUS, max_age_seconds=60) == ["well"]


async def test_an_answer_is_kept_as_long_as_its_reader_allows() -> None:
    api, clock, source = make({STATUS: ["first"]})
    for passed in (0.0, 53.0, 2.0):
        clock.passed += passed
        with source.round():
            await source.get(STATUS, max_age_seconds=60)
    assert api.asked[STATUS] == 2


async def test_what_may_be_as_old_as_scrapes_lie_apart_is_asked_at_each() -> None:
    async def slowly() -> list[str]:
        clock.passed += 0.5
        return ["well"]

    api, clock, source = make({STATUS: slowly})
    for clock.passed in (0.0, 30.0, 60.0):
        with source.round():
            await source.get(STATUS, max_age_seconds=30)
    assert api.asked[STATUS] == 3


async def test_a_large_answer_leaves_with_the_round() -> None:
    api, _clock, source = make({STATUS: [{"id": number, "name": "x"} for number in range(20_000)]})
    for _ in range(2):
        with source.round():
            await source.get(STATUS, max_age_seconds=60)
            await source.get(STATUS, max_age_seconds=60)
    assert api.asked[STATUS] == 2


async def test_of_many_answers_the_oldest_leave() -> None:
    paths = [f"/nodes/n/qemu/{number}/config" for number in range(30)]
    api, clock, source = make({path: [{"a": 1}] * 6_000 for path in paths})
    for path in paths:
        clock.passed += 1.0
        await source.get(path, max_age_seconds=600)
    await source.get(paths[-1], max_age_seconds=600)
    await source.get(paths[0], max_age_seconds=600)
    assert (api.asked[paths[-1]], api.asked[paths[0]]) == (1, 2)


async def test_a_question_outlives_the_reader_who_gave_up() -> None:
    answering = asyncio.Event()

    async def slowly() -> list[str]:
        await answering.wait()
        return ["late"]

    api, _clock, source = make({STATUS: slowly})
    with source.round():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await source.get(STATUS, max_age_seconds=60)
        waiting = asyncio.create_task(source.get(STATUS, max_age_seconds=60))
        await asyncio.sleep(0)
        answering.set()
        assert await waiting == ["late"]
    assert api.asked[STATUS] == 1


async def test_closing_ends_what_is_under_way() -> None:
    _api, _clock, source = make({STATUS: asyncio.Event().wait})
    reader = asyncio.create_task(source.get(STATUS))
    await asyncio.sleep(0)
    await source.close()
    with pytest.raises(asyncio.CancelledError):
        await reader
