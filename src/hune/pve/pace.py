"""How many calls a cluster gets at once: fewer while it is slow or fails, one more for each round that goes well."""

from __future__ import annotations

import asyncio
from collections import deque

from hune.core.clock import Clock

# A call is slow if it takes so many times what its kind takes, and so long that it matters.
_SLOW_FACTOR = 4.0
_SLOW_SECONDS = 1.0
# Calls that fail together are one sign, not many.
_BETWEEN_CUTS_SECONDS = 1.0


class Pace:
    """Additive increase, multiplicative decrease, between 1 and `ceiling` calls at once; turns come in order."""

    def __init__(self, ceiling: int, clock: Clock) -> None:
        self._clock = clock
        self._ceiling = float(max(1, ceiling))
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._usual: dict[str, float] = {}
        self._cut_at = float("-inf")
        self.limit = self._ceiling
        self.running = 0

    @property
    def waiting(self) -> int:
        """Calls that wait for their turn."""
        return len(self._waiting)

    async def take(self, patience_seconds: float) -> None:
        """Wait for a turn; the caller ends it with `release`. Raises TimeoutError if none comes in time."""
        if not self._waiting and self.running < int(self.limit):
            self.running += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(patience_seconds):
                await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                # It came in the same moment: the next one gets it.
                self.release()
            elif turn in self._waiting:
                self._waiting.remove(turn)
            raise

    def release(self) -> None:
        """End a turn."""
        self.running -= 1
        self._wake()

    def went_well(self, kind: str, seconds: float) -> None:
        """Note a call that was answered; one that took far longer than its kind does slows the pace."""
        usual = self._usual.get(kind, seconds)
        # The usual is the best that was seen, forgotten slowly.
        self._usual[kind] = min(seconds, usual * 1.05)
        if seconds > max(_SLOW_SECONDS, usual * _SLOW_FACTOR):
            self.went_badly()
            return
        self.limit = min(self._ceiling, self.limit + 1.0 / self.limit)
        self._wake()

    def went_badly(self) -> None:
        """Note a time-out or a sign of overload: half as many from now on."""
        now = self._clock.monotonic()
        if now - self._cut_at >= _BETWEEN_CUTS_SECONDS:
            self._cut_at = now
            self.limit = max(1.0, self.limit / 2)

    def _wake(self) -> None:
        while self._waiting and self.running < int(self.limit):
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                self.running += 1
