"""Facts about many things, refreshed a few at a time: who is due, who is left in peace, what is still good."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Container, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary
from zlib import crc32

from hune.collect.pve.asking import bare, each
from hune.collect.pve.source import Source
from hune.core.clock import Clock
from hune.pve.errors import PveError, TimedOut

Key = TypeVar("Key", bound=Hashable)
Fact = TypeVar("Fact")


@dataclass(frozen=True)
class Pace:
    """How a rota asks.

    A fact is refreshed after `ttl_seconds` (less up to a quarter, by key, so that not all are due together) and good
    for `keep_seconds`. One round asks for `batch` things at most, `at_once` at a time, starts nothing after
    `budget_seconds`, and waits `patience_seconds` for each; what takes longer goes on as one of the `at_once`, and a
    later round finds what it brought. What failed is asked again after `again_seconds`, doubled each time, up to
    `keep_seconds`.
    """

    ttl_seconds: float
    keep_seconds: float
    batch: int = 200
    at_once: int = 8
    budget_seconds: float = 4.0
    patience_seconds: float = 3.0
    again_seconds: float = 60.0


@dataclass
class Round(Generic[Key, Fact]):
    """What is known after a round: facts that are still good, and the latest error of what could not be had."""

    facts: dict[Key, Fact] = field(default_factory=dict)
    errors: dict[Key, PveError] = field(default_factory=dict)


@dataclass
class _Entry(Generic[Fact]):
    mark: Hashable
    fetched: float = float("-inf")
    fact: Fact | None = None
    again: float = 0.0
    failures: int = 0
    error: PveError | None = None


class Rota(Generic[Key, Fact]):
    """Facts by key, for each source of its own."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._desks: WeakKeyDictionary[Source, _Desk[Key, Fact]] = WeakKeyDictionary()

    async def round(
        self,
        source: Source,
        wanted: Mapping[Key, Hashable],
        fetch: Callable[[Key], Awaitable[Fact]],
        *,
        askable: Container[Key] | None = None,
    ) -> Round[Key, Fact]:
        """Refresh what is due and return what is known of the wanted.

        A value of `wanted` that changed makes its key due at once. What isn't `askable` now (if that is given) isn't
        asked, and stays known. `fetch` reads from the source, whose end ends it too, and raises PveError.
        """
        desk = self._desks.get(source)
        if desk is None:
            desk = self._desks[source] = _Desk(self._pace, source.clock)
        return await desk.round(wanted, fetch, wanted if askable is None else askable)


class _Desk(Generic[Key, Fact]):
    """What is known of one source, and what is being asked of it."""

    def __init__(self, pace: Pace, clock: Clock) -> None:
        self._pace = pace
        self._clock = clock
        self._known: dict[Key, _Entry[Fact]] = {}
        self._under_way: dict[Key, asyncio.Task[None]] = {}

    async def round(
        self, wanted: Mapping[Key, Hashable], fetch: Callable[[Key], Awaitable[Fact]], askable: Container[Key]
    ) -> Round[Key, Fact]:
        known, pace, start = self._known, self._pace, self._clock.monotonic()
        for key in known.keys() - wanted.keys():
            del known[key]
        for key, mark in wanted.items():
            entry = known.setdefault(key, _Entry(mark))
            if entry.mark != mark:
                # What was known is good until the new is; it only is due at once.
                known[key] = _Entry(mark, fact=entry.fact, fetched=entry.fetched - pace.ttl_seconds)

        async def refresh(key: Key) -> None:
            if self._clock.monotonic() - start > pace.budget_seconds:
                return
            task = self._under_way.get(key)
            if task is None:
                # What earlier rounds did not wait for counts: what hangs must not take every place.
                if len(self._under_way) >= pace.at_once:
                    return
                task = asyncio.create_task(self._refresh(key, known[key], fetch), name=f"refresh {key}")
                self._under_way[key] = task
                task.add_done_callback(lambda done: self._over(key, done))
            await asyncio.wait({task}, timeout=pace.patience_seconds)
            waiting = None if task.done() else known.get(key)
            if waiting is not None and waiting.fact is None:
                waiting.error = TimedOut(f"{key}: no answer within {pace.patience_seconds:g} s; still waiting for it")

        due = [key for key in wanted if key in askable and self._is_due(key, start)]
        due.sort(key=lambda key: known[key].fetched)
        await each(due[: pace.batch], refresh, at_once=pace.at_once)

        result: Round[Key, Fact] = Round()
        now = self._clock.monotonic()
        for key in wanted:
            found = known.get(key)
            if found is None:
                continue
            if found.fact is not None and now - found.fetched <= pace.keep_seconds:
                result.facts[key] = found.fact
            if found.error is not None:
                result.errors[key] = found.error
        return result

    async def _refresh(self, key: Key, entry: _Entry[Fact], fetch: Callable[[Key], Awaitable[Fact]]) -> None:
        try:
            fact = await fetch(key)
        except PveError as error:
            entry.error = bare(error)
            entry.failures += 1
            wait = self._pace.again_seconds * 2 ** min(entry.failures - 1, 10)
            entry.again = self._clock.monotonic() + min(wait, self._pace.keep_seconds)
        else:
            entry.fact, entry.error, entry.failures = fact, None, 0
            entry.fetched = self._clock.monotonic()

    def _over(self, key: Key, task: asyncio.Task[None]) -> None:
        self._under_way.pop(key, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            task.get_loop().call_exception_handler({"message": f"{task.get_name()} failed", "exception": error})

    def _is_due(self, key: Key, now: float) -> bool:
        entry = self._known[key]
        if now < entry.again:
            return False
        early = crc32(repr(key).encode()) % 1024 / 4096
        return entry.fact is None or now - entry.fetched >= self._pace.ttl_seconds * (1 - early)
