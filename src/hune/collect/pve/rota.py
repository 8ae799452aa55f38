"""Facts about many things, refreshed a few at a time: who is due, who is left in peace, what is still good."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary
from zlib import crc32

from hune.collect.pve.asking import each
from hune.collect.pve.source import Source
from hune.pve.errors import PveError, TimedOut

Key = TypeVar("Key", bound=Hashable)
Fact = TypeVar("Fact")


@dataclass(frozen=True)
class Pace:
    """How a rota asks.

    A fact is refreshed after `ttl_seconds` (less up to a quarter, by key, so that not all are due together) and good
    for `keep_seconds`. One round asks for `batch` things at most, `at_once` at a time, starts nothing after
    `budget_seconds`, and waits `patience_seconds` for each. What failed is asked again after `again_seconds`, doubled
    each time, up to `keep_seconds`.
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
    fetched: float = -1.0
    fact: Fact | None = None
    again: float = 0.0
    failures: int = 0
    error: PveError | None = None


class Rota(Generic[Key, Fact]):
    """Facts by key, for each source of its own."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._known: WeakKeyDictionary[Source, dict[Key, _Entry[Fact]]] = WeakKeyDictionary()

    async def round(
        self, source: Source, wanted: Mapping[Key, Hashable], fetch: Callable[[Key], Awaitable[Fact]]
    ) -> Round[Key, Fact]:
        """Refresh what is due and return what is known of the wanted.

        A value of `wanted` that changed makes its key due at once. `fetch` raises PveError; what it is still waiting
        for when patience ends must go on without it (as `Source.get` does).
        """
        known, clock, pace = self._known.setdefault(source, {}), source.clock, self._pace
        start = clock.monotonic()
        for key in known.keys() - wanted.keys():
            del known[key]
        for key, mark in wanted.items():
            entry = known.setdefault(key, _Entry(mark))
            if entry.mark != mark:
                known[key] = _Entry(mark, fact=entry.fact, fetched=entry.fetched - pace.ttl_seconds)

        async def refresh(key: Key) -> None:
            entry = known.get(key)
            if entry is None or clock.monotonic() - start > pace.budget_seconds:
                return
            try:
                async with asyncio.timeout(pace.patience_seconds):
                    entry.fact = await fetch(key)
            except TimeoutError:
                entry.error = TimedOut(f"{key}: no answer within {pace.patience_seconds:g} s")
            except PveError as error:
                entry.error = error
            else:
                entry.fetched, entry.failures, entry.error = clock.monotonic(), 0, None
                return
            entry.failures += 1
            wait = min(pace.again_seconds * 2 ** min(entry.failures - 1, 10), pace.keep_seconds)
            entry.again = clock.monotonic() + wait

        due = [key for key in wanted if self._is_due(key, known[key], start)]
        due.sort(key=lambda key: known[key].fetched)
        await each(due[: pace.batch], refresh, at_once=pace.at_once)

        result: Round[Key, Fact] = Round()
        now = clock.monotonic()
        for key, entry in known.items():
            if entry.fact is not None and now - entry.fetched <= pace.keep_seconds:
                result.facts[key] = entry.fact
            if entry.error is not None:
                result.errors[key] = entry.error
        return result

    def _is_due(self, key: Key, entry: _Entry[Fact], now: float) -> bool:
        if now < entry.again:
            return False
        early = crc32(repr(key).encode()) % 1024 / 4096
        return entry.fact is None or now - entry.fetched >= self._pace.ttl_seconds * (1 - early)
