"""Answers of one cluster: each endpoint asked once for all who want it, and kept for as long as its readers allow."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

from hune.core.clock import Clock
from hune.pve.errors import PveError

_LARGE = 20_000
_MOST = 200_000
"""Values of answers that may stay between rounds: one answer's, and all of them; a value takes about 100 bytes."""
_OLD_RATIO = 0.9
"""Of the age that its reader allows, how old an answer may be.

Ages are multiples of the time between scrapes: without it, chance decides whether one that is allowed 30 s serves a
second scrape after 30 s, and is 60 s old before the next.
"""

_moments = itertools.count(1)
_round_began: ContextVar[int] = ContextVar("round_began", default=0)

Key = tuple[str, tuple[tuple[str, str], ...], str]


class Api(Protocol):
    """What a source needs of a client."""

    async def get(self, path: str, params: Mapping[str, str] | None = None, *, node: str = "") -> Any:
        """Return the `data` of an answer; `node` names the node to ask directly, empty for any.

        Raises PveError.
        """


@dataclass
class _Kept:
    """What a question brought: an answer, or an error that holds for the round."""

    answer: Any
    error: PveError | None
    moment: int
    fetched: float
    weight: int
    max_age_seconds: float = 0.0

    def result(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.answer


class Source:
    """Reads from one cluster; the same question is asked once at a time, and its answer kept.

    A fetch belongs to the source, not to whoever waits for it: a reader who runs out of time leaves it running, and the
    next one finds the answer. `close` ends what is under way.
    """

    def __init__(self, api: Api, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._kept: dict[Key, _Kept] = {}
        self._under_way: dict[Key, asyncio.Task[_Kept]] = {}
        self._open_rounds = 0

    @property
    def clock(self) -> Clock:
        """Return the clock that ages the answers."""
        return self._clock

    @contextlib.contextmanager
    def round(self) -> Iterator[None]:
        """Make everything that is read inside, and by tasks made inside, one round: what it asks, it asks once.

        A round inside a round is part of it. Large answers stay only while a round is open.
        """
        token = _round_began.set(_round_began.get() or next(_moments))
        self._open_rounds += 1
        try:
            yield
        finally:
            _round_began.reset(token)
            self._open_rounds -= 1
            self._tidy()

    async def get(
        self, path: str, params: Mapping[str, str] | None = None, *, max_age_seconds: float = 0.0, node: str = ""
    ) -> Any:
        """Return the `data` of an answer that came in this round, or is younger than `max_age_seconds` (by a tenth).

        Raises PveError, in one round the same one for the same question. The caller must not change what it gets.
        """
        key: Key = (path, tuple(sorted((params or {}).items())), node)
        kept = self._kept.get(key)
        if kept is None or not self._holds(kept, max_age_seconds):
            task = self._under_way.get(key)
            if task is None:
                task = asyncio.create_task(self._fetch(key, params), name=f"GET {path}")
                self._under_way[key] = task
                task.add_done_callback(lambda done: self._over(key, done))
            kept = await asyncio.shield(task)
        kept.max_age_seconds = max(kept.max_age_seconds, max_age_seconds)
        return kept.result()

    def _holds(self, kept: _Kept, max_age_seconds: float) -> bool:
        if 0 < _round_began.get() < kept.moment:
            return True
        return kept.error is None and self._clock.monotonic() - kept.fetched <= _OLD_RATIO * max_age_seconds

    async def _fetch(self, key: Key, params: Mapping[str, str] | None) -> _Kept:
        path, _, node = key
        answer, error = None, None
        try:
            answer = await self._api.get(path, params, node=node)
        except PveError as failed:
            error = failed
        kept = _Kept(answer, error, next(_moments), self._clock.monotonic(), _weight(answer))
        self._kept[key] = kept
        return kept

    def _over(self, key: Key, task: asyncio.Task[_Kept]) -> None:
        self._under_way.pop(key, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            task.get_loop().call_exception_handler({"message": f"{task.get_name()} failed", "exception": error})
        self._tidy()

    def _tidy(self) -> None:
        """Between rounds: drop errors, large answers, and what no reader would take any more; then the oldest."""
        if self._open_rounds:
            return
        now = self._clock.monotonic()
        good = {
            key: kept
            for key, kept in self._kept.items()
            if kept.error is None and kept.weight <= _LARGE and now - kept.fetched <= _OLD_RATIO * kept.max_age_seconds
        }
        total = sum(kept.weight for kept in good.values())
        for key in sorted(good, key=lambda key: good[key].fetched) if total > _MOST else ():
            total -= good.pop(key).weight
            if total <= _MOST:
                break
        self._kept = good

    async def close(self) -> None:
        """End every fetch under way."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _weight(answer: Any) -> int:
    """Return about how many values an answer is made of; long text counts as several."""
    if isinstance(answer, list):
        return 1 + len(answer) * _weight(answer[0]) if answer else 1
    if isinstance(answer, dict):
        return 1 + sum(map(_weight, answer.values()))
    return 1 + len(answer) // 100 if isinstance(answer, str) else 1
