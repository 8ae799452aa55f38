"""What is dead is tried again in the background, more and more seldom, until it works."""

import asyncio

from hune.pve.access import Endpoint
from hune.pve.endpoints import Door, Endpoints
from hune.pve.errors import PveError, Unreachable
from hune.pve.revival import Revival
from support.stepped_clock import SteppedClock, settle

REFUSED = Unreachable("10.0.0.1:8006: connection refused")


class Cluster:
    """Doors that are dead until they are taken out of `dead`."""

    def __init__(self, count: int = 1) -> None:
        self.clock = SteppedClock()
        self.endpoints = Endpoints("lab", [Endpoint(f"10.0.0.{number}") for number in range(1, count + 1)], self.clock)
        self.dead = set(self.endpoints.doors)
        self.trials: list[tuple[float, Door]] = []
        self.tried = asyncio.Event()
        self.revival = Revival(self.endpoints, self.attempt, self.clock)

    async def attempt(self, door: Door) -> PveError | None:
        self.trials.append((self.clock.monotonic(), door))
        self.tried.set()
        await asyncio.sleep(0)
        return REFUSED if door in self.dead else None


async def test_trials_come_more_and_more_seldom_but_never_stop() -> None:
    cluster = Cluster()
    (door,) = cluster.endpoints.doors
    cluster.revival.dead(door, REFUSED)
    await cluster.clock.advance(600)
    pauses = [later[0] - earlier[0] for earlier, later in zip(cluster.trials, cluster.trials[1:], strict=False)]
    assert pauses[0] <= 2
    assert max(pauses) <= 30
    assert min(pauses[-5:]) >= 15
    await cluster.revival.close()


async def test_door_that_works_again_is_opened_and_left_in_peace() -> None:
    cluster = Cluster()
    (door,) = cluster.endpoints.doors
    cluster.revival.dead(door, REFUSED)
    assert door.trouble == "connection refused"
    await cluster.clock.advance(10)
    cluster.dead.clear()
    await cluster.clock.advance(60)
    assert door.trouble == ""
    tried = len(cluster.trials)
    await cluster.clock.advance(600)
    assert len(cluster.trials) == tried
    await cluster.revival.close()


async def test_silent_door_is_tried_and_its_calls_are_set_free() -> None:
    cluster = Cluster()
    (door,) = cluster.endpoints.doors
    limit = asyncio.timeout(3600)
    freed = False

    async def call() -> None:
        nonlocal freed
        try:
            async with limit:
                door.calls.add(limit)
                await asyncio.Event().wait()
        except TimeoutError:
            freed = True

    task = asyncio.create_task(call())
    await settle()
    with cluster.revival.watching(door, 0.01):
        cluster.clock.step(0.02)
        await asyncio.wait({task}, timeout=120)
    assert freed
    assert door.is_dead
    await cluster.revival.close()


async def test_door_that_answers_others_is_not_suspected_until_it_stops() -> None:
    cluster = Cluster()
    (door,) = cluster.endpoints.doors
    with cluster.revival.watching(door, 0.01):
        for _ in range(5):
            cluster.clock.step(0.005)
            cluster.endpoints.worked(door)
            await asyncio.sleep(0.02)
        assert cluster.trials == []
        cluster.clock.step(0.02)
        await asyncio.wait_for(cluster.tried.wait(), timeout=120)
    await cluster.revival.close()


async def test_who_needs_a_door_waits_for_the_first_that_works_and_shares_trials() -> None:
    cluster = Cluster(3)
    for door in cluster.endpoints.doors:
        cluster.revival.dead(door, REFUSED)
    cluster.clock.step(1.0)
    cluster.dead.discard(cluster.endpoints.doors[1])
    await asyncio.gather(*(cluster.revival.any_of(cluster.endpoints.doors, 10.0) for _ in range(50)))
    assert not cluster.endpoints.doors[1].trouble
    assert len(cluster.trials) == 3
    await cluster.revival.close()


async def test_who_needs_a_door_that_failed_just_now_does_not_wait() -> None:
    cluster = Cluster()
    cluster.revival.dead(cluster.endpoints.doors[0], REFUSED)
    await cluster.revival.any_of(cluster.endpoints.doors, 10.0)
    assert cluster.trials == []
    await cluster.revival.close()
