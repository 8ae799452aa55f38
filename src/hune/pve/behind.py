"""Nodes that others are asked about: a node that is gone costs whoever passes questions on to it its patience.

Proxmox counts a dead node as a member for a while, and each question about it then waits for a time-out of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from hune.core.backoff import Backoff
from hune.core.clock import Clock

Attempt = Callable[[str], Awaitable[bool | None]]


@dataclass
class _Node:
    """How a node fares that others are asked about; it is asked nothing before `until`."""

    answered_at: float = float("-inf")
    until: float = float("-inf")
    backoff: Backoff = field(default_factory=lambda: Backoff(initial=5.0, ceiling=30.0))
    calls: set[asyncio.Timeout] = field(default_factory=set)


class Behind:
    """Owns one task for each node that is tried; `close` ends them."""

    def __init__(self, attempt: Attempt, clock: Clock) -> None:
        """`attempt` asks something cheap about a node: True if it answers, False if not, None if nobody can say."""
        self._attempt = attempt
        self._clock = clock
        self._nodes: dict[str, _Node] = {}
        self._trials: dict[str, asyncio.Task[None]] = {}

    def is_silent(self, node: str) -> bool:
        """Return whether it is known that nothing comes of asking about a node now."""
        known = self._nodes.get(node)
        return known is not None and self._clock.monotonic() < known.until

    def answered(self, node: str) -> None:
        """Note that something was said of a node."""
        if node:
            known = self._nodes.setdefault(node, _Node())
            known.answered_at, known.until = self._clock.monotonic(), float("-inf")
            known.backoff.reset()

    @contextlib.contextmanager
    def watching(self, node: str, limit: asyncio.Timeout, silent_seconds: float) -> Iterator[None]:
        """Try a node once it has said nothing, to anybody, for so long; end the waiting if that fails too."""
        if not node:
            yield
            return
        known = self._nodes.setdefault(node, _Node())
        loop, asked_at = asyncio.get_running_loop(), self._clock.monotonic()
        handle: asyncio.TimerHandle

        def look() -> None:
            nonlocal handle
            silent = self._clock.monotonic() - max(asked_at, known.answered_at)
            if silent >= silent_seconds:
                if not self.is_silent(node):
                    self._try(node)
                silent = 0.0
            handle = loop.call_later(silent_seconds - silent, look)

        handle = loop.call_later(silent_seconds, look)
        known.calls.add(limit)
        try:
            yield
        finally:
            known.calls.discard(limit)
            handle.cancel()

    def _try(self, node: str) -> None:
        if node not in self._trials:
            self._trials[node] = task = asyncio.create_task(self._trial(node), name=f"pve {node}: trial from afar")
            task.add_done_callback(lambda _: self._trials.pop(node, None))

    async def _trial(self, node: str) -> None:
        known, began = self._nodes[node], self._clock.monotonic()
        answers = await self._attempt(node)
        if answers:
            self.answered(node)
        elif answers is False and known.answered_at < began:
            known.until = self._clock.monotonic() + known.backoff.next()
            for limit in known.calls:
                if not limit.expired():
                    limit.reschedule(asyncio.get_running_loop().time())

    async def close(self) -> None:
        """End the trials under way."""
        tasks = list(self._trials.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
