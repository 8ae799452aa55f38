"""Quantities that move by themselves: the same at the same time in every process, so a restart changes nothing."""

from __future__ import annotations

import math
import zlib

_PERIODS_SECONDS = (86_400.0, 2_820.0, 370.0)
_WEIGHTS = (0.45, 0.35, 0.2)


class Wave:
    """A quantity that swings around its mean by up to `swing` (a share of the mean, below 1) and is never negative.

    `key` sets where in its periods it starts.
    """

    __slots__ = ("_mean", "_parts")

    def __init__(self, mean: float, swing: float, key: str) -> None:
        assert 0 <= swing < 1, swing
        self._mean = mean
        self._parts = tuple(
            (swing * weight, math.tau / period, spread(f"{key}/{period}") * math.tau)
            for weight, period in zip(_WEIGHTS, _PERIODS_SECONDS, strict=True)
        )

    def at(self, moment: float) -> float:
        """Return the value at a moment (seconds since the epoch)."""
        return self._mean * (1 + sum(part * math.sin(speed * moment + phase) for part, speed, phase in self._parts))

    def between(self, start: float, end: float) -> float:
        """Return the integral: what a counter gains at this rate. It never falls while `end` moves on."""
        if end <= start:
            return 0.0
        swung = sum(
            part / speed * (math.cos(speed * start + phase) - math.cos(speed * end + phase))
            for part, speed, phase in self._parts
        )
        return self._mean * (end - start + swung)


def spread(key: str) -> float:
    """Return a number from 0 to 1 that looks random and is always the same for a key."""
    return zlib.crc32(key.encode()) / 0x1_0000_0000
