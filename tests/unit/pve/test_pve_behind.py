"""Nodes that others are asked about: tried once they are silent, left alone for a while, and asked again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from hune.core.clock import SystemClock
from hune.pve.behind import Behind

SILENT_SECONDS = 0.02
PATIENT = 600.0
NODE = "pve-02"


class Clock(SystemClock):
    """A clock that goes on whenever it is looked at, by so much that a node was silent meanwhile, unless it stands."""

    stands = False
    _time = 1000.0

    def monotonic(self) -> float:
        if not self.stands:
            self._time += SILENT_SECONDS
        return self._time

    def step(self, seconds: float) -> None:
        self._time += seconds


class Cluster:
    """What `Behind` asks: `answers` is what comes of a trial, which `gate` lets through."""

    def __init__(self) -> None:
        self.answers: bool | None = False
        self.gate = asyncio.Event()
        self.gate.set()
        self.tried: list[str] = []
        self._trial = asyncio.Condition()
        self.cancelled = 0

    async def attempt(self, node: str) -> bool | None:
        self.tried.append(node)
        async with self._trial:
            self._trial.notify_all()
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return self.answers

    async def was_tried(self, times: int = 1) -> None:
        async with self._trial:
            await self._trial.wait_for(lambda: len(self.tried) >= times)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
async def behind(cluster: Cluster, clock: Clock) -> AsyncIterator[Behind]:
    made = Behind(cluster.attempt, clock)
    yield made
    await made.close()


async def waits(behind: Behind, node: str = NODE, *, seconds: float = PATIENT) -> float | None:
    """Wait for an answer that never comes, as a call does; return after how long the waiting was ended, if it was."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        async with asyncio.timeout(seconds) as limit:
            with behind.watching(node, limit, SILENT_SECONDS):
                await asyncio.Event().wait()
    except TimeoutError:
        took = loop.time() - began
        return took if took < seconds else None
    raise AssertionError


async def test_node_nobody_asked_about_is_not_silent(behind: Behind) -> None:
    assert not behind.is_silent(NODE)


async def test_all_who_wait_for_a_silent_node_are_told_by_one_trial(behind: Behind, cluster: Cluster) -> None:
    ended = await asyncio.gather(*(waits(behind) for _ in range(20)))
    assert all(seconds is not None for seconds in ended)
    assert cluster.tried == [NODE]
    assert behind.is_silent(NODE)


async def test_who_waits_for_another_node_is_left_alone(behind: Behind, cluster: Cluster) -> None:
    silent = asyncio.create_task(waits(behind))
    async with asyncio.timeout(PATIENT) as limit:
        before = limit.when()
        with behind.watching("pve-03", limit, PATIENT):
            assert await silent is not None
            assert limit.when() == before
    assert cluster.tried == [NODE]
    assert not behind.is_silent("pve-03")


async def end(waiting: asyncio.Task[float | None]) -> None:
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


@pytest.mark.parametrize("answers", [True, None])
async def test_node_that_answers_a_trial_or_that_nobody_can_judge_is_waited_for(
    behind: Behind, cluster: Cluster, answers: bool | None
) -> None:
    cluster.answers = answers
    waiting = asyncio.create_task(waits(behind))
    # It is tried again for as long as it says nothing else.
    await cluster.was_tried(3)
    assert not waiting.done()
    assert not behind.is_silent(NODE)
    await end(waiting)


async def test_quick_answer_needs_no_trial(behind: Behind, cluster: Cluster, clock: Clock) -> None:
    clock.stands = True
    async with asyncio.timeout(PATIENT) as limit:
        with behind.watching(NODE, limit, SILENT_SECONDS):
            await asyncio.sleep(0)
    clock.step(60.0)
    await asyncio.sleep(3 * SILENT_SECONDS)
    assert cluster.tried == []


async def test_answer_to_another_call_puts_the_trial_off(behind: Behind, cluster: Cluster, clock: Clock) -> None:
    clock.stands = True
    waiting = asyncio.create_task(waits(behind))
    for _ in range(4):
        await asyncio.sleep(2 * SILENT_SECONDS)
        clock.step(0.9 * SILENT_SECONDS)
        behind.answered(NODE)
    assert cluster.tried == []
    clock.stands = False
    assert await waiting is not None


async def test_answer_while_the_trial_runs_outweighs_it(behind: Behind, cluster: Cluster, clock: Clock) -> None:
    cluster.gate.clear()
    waiting = asyncio.create_task(waits(behind))
    await cluster.was_tried()
    clock.stands = True
    behind.answered(NODE)
    cluster.answers = False
    cluster.gate.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not behind.is_silent(NODE)
    await end(waiting)


async def test_silence_lasts_longer_each_time_but_never_long(behind: Behind, clock: Clock) -> None:
    lasted = []
    for _ in range(8):
        assert await waits(behind) is not None
        clock.stands, seconds = True, 0.0
        while behind.is_silent(NODE):
            clock.step(0.25)
            seconds += 0.25
        clock.stands = False
        lasted.append(seconds)
    assert 2.25 <= lasted[0] <= 5.25
    assert all(14.75 <= seconds <= 30.25 for seconds in lasted[4:])


async def test_answer_ends_the_silence_and_forgets_the_failures(behind: Behind, clock: Clock) -> None:
    for _ in range(5):
        await waits(behind)
        clock.step(31)
    await waits(behind)
    assert behind.is_silent(NODE)
    behind.answered(NODE)
    assert not behind.is_silent(NODE)
    await waits(behind)
    clock.step(5.1)
    assert not behind.is_silent(NODE)


async def test_call_about_no_node_is_nobodys_business(behind: Behind, cluster: Cluster) -> None:
    behind.answered("")
    assert await waits(behind, "", seconds=3 * SILENT_SECONDS) is None
    assert cluster.tried == []
    assert not behind.is_silent("")


async def test_limit_that_has_expired_already_is_no_fault(behind: Behind, cluster: Cluster) -> None:
    cluster.gate.clear()
    impatient = asyncio.create_task(waits(behind, seconds=2 * SILENT_SECONDS))
    patient = asyncio.create_task(waits(behind))
    assert await impatient is None
    cluster.gate.set()
    assert await patient is not None


async def test_closing_ends_trials_and_condemns_nobody(behind: Behind, cluster: Cluster) -> None:
    cluster.gate.clear()
    waiting = asyncio.create_task(waits(behind))
    await cluster.was_tried()
    # Nobody waits any more: else it would be tried anew.
    await end(waiting)
    await behind.close()
    assert cluster.cancelled == 1
    assert not behind.is_silent(NODE)
    await behind.close()
