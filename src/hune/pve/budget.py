"""The load budget of a cluster: so many calls a minute, as a token bucket."""

from __future__ import annotations

from hune.core.clock import Clock

_BURST_RATIO = 0.25


class Budget:
    """Allows `per_minute` calls in any minute, a quarter of them at once; 0 allows everything.

    A bucket of a quarter that fills with three quarters a minute: the two together never exceed the budget.
    """

    def __init__(self, per_minute: float, clock: Clock) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._size = max(1.0, per_minute * _BURST_RATIO)
        # Of less than two calls a minute the bucket alone would be all there is.
        self._per_second = max(per_minute - self._size, per_minute / 2) / 60
        self._tokens = self._size
        self._filled = clock.monotonic()

    def reserve(self, patience_seconds: float) -> float | None:
        """Take a turn and return in how many seconds it comes; None, and nothing taken, if that is too long."""
        if not self.per_minute:
            return 0.0
        self._fill()
        wait = max(0.0, (1.0 - self._tokens) / self._per_second)
        if wait > patience_seconds:
            return None
        self._tokens -= 1.0
        return wait

    def spend(self) -> None:
        """Count a call that can't wait (a login, a second try): later ones wait for it."""
        if self.per_minute:
            self._fill()
            self._tokens -= 1.0

    def give_back(self) -> None:
        """Return a turn that was not used."""
        if self.per_minute:
            self._tokens = min(self._size, self._tokens + 1.0)

    @property
    def left(self) -> float:
        """Calls that could be made now; below 0, calls that wait. Infinite without a budget."""
        if not self.per_minute:
            return float("inf")
        self._fill()
        return self._tokens

    def _fill(self) -> None:
        now = self._clock.monotonic()
        self._tokens = min(self._size, self._tokens + (now - self._filled) * self._per_second)
        self._filled = now
