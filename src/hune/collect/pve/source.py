"""Answers of one cluster: each endpoint asked once for all who want it, and kept for as long as its reader allows."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from hune.core.clock import Clock
from hune.pve.errors import PveError


class Api(Protocol):
    """What a source needs of a client."""

    async def get(self, path: str, params: Mapping[str, str] | None = None, *, node: str = "") -> Any:
        """Return the `data` of an answer; `node` names the node to ask directly, empty for any.

        Raises PveError.
        """


@dataclass
class _Kept:
    fetched: float
    answer: Any


class Source:
    """Reads from one cluster; the same question is asked once at a time, and its answer kept.

    A fetch belongs to the source, not to whoever waits for it: a reader who runs out of time leaves it running, and the
    next one finds the answer. `close` ends what is under way.
    """

    def __init__(self, api: Api, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._kept: dict[tuple[str, tuple[tuple[str, str], ...], str], _Kept] = {}
        self._under_way: dict[tuple[str, tuple[tuple[str, str], ...], str], asyncio.Task[Any]] = {}

    @property
    def clock(self) -> Clock:
        """Return the clock that ages the answers."""
        return self._clock

    async def get(
        self, path: str, params: Mapping[str, str] | None = None, *, max_age_seconds: float = 0.0, node: str = ""
    ) -> Any:
        """Return the `data` of an answer that is not older than `max_age_seconds` (0: asked by this round of readers).

        Raises PveError. The caller must not change what it gets.
        """
        key = (path, tuple(sorted((params or {}).items())), node)
        kept = self._kept.get(key)
        if kept is not None and self._clock.monotonic() - kept.fetched <= max_age_seconds:
            return kept.answer
        task = self._under_way.get(key)
        if task is None:
            task = asyncio.create_task(self._fetch(key, path, params, node), name=f"GET {path}")
            self._under_way[key] = task
            task.add_done_callback(lambda done: self._over(key, done))
        return await asyncio.shield(task)

    async def _fetch(self, key: Any, path: str, params: Mapping[str, str] | None, node: str) -> Any:
        answer = await self._api.get(path, params, node=node)
        self._kept[key] = _Kept(self._clock.monotonic(), answer)
        return answer

    def _over(self, key: Any, task: asyncio.Task[Any]) -> None:
        self._under_way.pop(key, None)
        if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, PveError):
            task.get_loop().call_exception_handler({"message": f"{task.get_name()} failed", "exception": error})

    async def close(self) -> None:
        """End every fetch under way."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
