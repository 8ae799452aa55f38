"""Trials of endpoints in the background: is a silent one dead, does a dead one work again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Iterator

from hune.core.clock import Clock
from hune.pve.endpoints import Door, Endpoints
from hune.pve.errors import PveError

# An endpoint that failed just now is not tried again for every call that would like to use it.
_BETWEEN_TRIALS_SECONDS = 1.0

Attempt = Callable[[Door], Awaitable[PveError | None]]


class Revival:
    """Owns one task for each endpoint in trouble, and one for each trial; `close` ends them."""

    def __init__(self, endpoints: Endpoints, attempt: Attempt, clock: Clock) -> None:
        """`attempt` asks a door something cheap and returns why it fails, None if it works."""
        self._endpoints = endpoints
        self._attempt = attempt
        self._clock = clock
        self._trials: dict[Door, asyncio.Task[None]] = {}
        self._vigils: dict[Door, asyncio.Task[None]] = {}

    def dead(self, door: Door, error: PveError) -> None:
        """Leave a door alone, and try it in the background, more and more seldom, until it works."""
        self._endpoints.failed(door, error.message.removeprefix(f"{door}: "), error.remedy)
        self._watch(door)

    @contextlib.contextmanager
    def watching(self, door: Door, silent_seconds: float) -> Iterator[None]:
        """Try a door that is waited for whenever it has said nothing, to anybody, for so long."""
        loop, asked_at = asyncio.get_running_loop(), self._clock.monotonic()
        handle: asyncio.TimerHandle

        def look() -> None:
            nonlocal handle
            silent = self._clock.monotonic() - max(asked_at, door.answered_at)
            if silent >= silent_seconds:
                self._try(door)
                silent = 0.0
            handle = loop.call_later(silent_seconds - silent, look)

        handle = loop.call_later(silent_seconds, look)
        try:
            yield
        finally:
            handle.cancel()

    def introduce(self, doors: Iterable[Door]) -> None:
        """Try doors that were not used yet."""
        for door in doors:
            self._try(door)

    async def any_of(self, doors: Iterable[Door], patience_seconds: float) -> None:
        """Try doors in trouble now, and return when the first works or all have failed."""
        now = self._clock.monotonic()
        trials = {
            self._try(door) for door in doors if door in self._trials or now - door.tried_at >= _BETWEEN_TRIALS_SECONDS
        }
        try:
            async with asyncio.timeout(patience_seconds):
                while trials and not any(self._endpoints.is_usable(door) for door in doors):
                    _, trials = await asyncio.wait(trials, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            return

    async def close(self) -> None:
        """End everything under way."""
        tasks = [*self._vigils.values(), *self._trials.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _watch(self, door: Door) -> None:
        if door not in self._vigils:
            task = asyncio.create_task(self._revive(door), name=f"pve {door}: until it works")
            self._vigils[door] = task
            task.add_done_callback(lambda _: self._vigils.pop(door, None))

    async def _revive(self, door: Door) -> None:
        while door.is_dead:
            await self._clock.sleep(door.backoff.next())
            if door.is_dead:
                await asyncio.wait({self._try(door)})

    def _try(self, door: Door) -> asyncio.Task[None]:
        """Return the trial of a door that is under way, or begin one."""
        task = self._trials.get(door)
        if task is None:
            task = asyncio.create_task(self._trial(door), name=f"pve {door}: trial")
            self._trials[door] = task
            task.add_done_callback(lambda _: self._trials.pop(door, None))
        return task

    async def _trial(self, door: Door) -> None:
        error = await self._attempt(door)
        if error is None:
            self._endpoints.worked(door)
            return
        self.dead(door, error)
        # Whoever still waits for an answer of it asks another.
        for limit in door.calls:
            if not limit.expired():
                limit.reschedule(asyncio.get_running_loop().time())
