"""Fewer calls at once while a cluster is slow, more while it does well."""

import asyncio

import pytest

from hune.pve.pace import Pace
from support.stepped_clock import SteppedClock, settle


async def test_calls_beyond_the_limit_wait_and_come_in_order() -> None:
    pace, came = Pace(2, SteppedClock()), list[int]()

    async def call(number: int) -> None:
        await pace.take(60.0)
        came.append(number)

    tasks = [asyncio.create_task(call(number)) for number in range(5)]
    await settle()
    assert (came, pace.running, pace.waiting) == ([0, 1], 2, 3)
    for _ in range(3):
        pace.release()
        await settle()
    assert came == [0, 1, 2, 3, 4]
    await asyncio.gather(*tasks)


async def test_whoever_waits_too_long_leaves_the_queue() -> None:
    pace = Pace(1, SteppedClock())
    await pace.take(0.0)
    with pytest.raises(TimeoutError):
        await pace.take(0.0)
    assert pace.waiting == 0
    pace.release()
    await pace.take(0.0)
    assert pace.running == 1


async def test_turn_that_comes_to_one_who_was_cancelled_goes_to_the_next() -> None:
    pace = Pace(1, SteppedClock())
    await pace.take(0.0)
    first, second = (asyncio.create_task(pace.take(60.0)) for _ in range(2))
    await settle()
    pace.release()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await second
    assert (pace.running, pace.waiting) == (1, 0)


def test_time_outs_halve_it_and_those_at_once_count_as_one() -> None:
    clock = SteppedClock()
    pace = Pace(16, clock)
    for _ in range(10):
        pace.went_badly()
    assert pace.limit == 8
    for _ in range(10):
        clock.step(1.0)
        pace.went_badly()
    assert pace.limit == 1


def test_answers_raise_it_by_one_a_round_up_to_the_ceiling() -> None:
    clock = SteppedClock()
    pace = Pace(4, clock)
    for _ in range(3):
        clock.step(1.0)
        pace.went_badly()
    limits = []
    for _ in range(30):
        pace.went_well("/version", 0.01)
        limits.append(pace.limit)
    assert limits == sorted(limits)
    assert limits[0] == 2
    assert limits[-1] == 4


def test_answer_far_slower_than_its_kind_slows_the_pace() -> None:
    clock = SteppedClock()
    pace = Pace(8, clock)
    pace.went_well("/cluster/resources", 0.2)
    pace.went_well("/cluster/resources", 0.7)
    assert pace.limit == 8
    clock.step(5)
    pace.went_well("/cluster/resources", 2.0)
    assert pace.limit == 4


def test_kind_that_is_always_slow_is_not_held_against_a_cluster() -> None:
    pace = Pace(8, SteppedClock())
    for _ in range(10):
        pace.went_well("/nodes/{node}/storage/{storage}/content", 5.0)
    assert pace.limit == 8
