"""Waiting longer after each failure, with jitter so that many don't return at once."""

from __future__ import annotations

import random


class Backoff:
    """Delays in seconds: `initial` × `factor`ⁿ up to `ceiling`, each drawn from the upper half of its range."""

    def __init__(
        self,
        *,
        initial: float = 0.5,
        ceiling: float = 30.0,
        factor: float = 2.0,
        rng: random.Random | None = None,
    ) -> None:
        self._initial = initial
        self._ceiling = ceiling
        self._factor = factor
        self._rng = rng or random.Random()  # noqa: S311 - jitter, not cryptography
        self.failures = 0

    def next(self) -> float:
        """Count a failure and return how many seconds to wait before the next try."""
        # The exponent is bounded: 2.0 ** 2000 would overflow after a long outage.
        full = min(self._ceiling, self._initial * self._factor ** min(self.failures, 64))
        self.failures += 1
        return full * self._rng.uniform(0.5, 1.0)

    def reset(self) -> None:
        """Forget the failures after a success."""
        self.failures = 0
