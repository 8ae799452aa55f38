"""What a request holds: samples as columns, and beside them what isn't one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from hune.store.wire.labels import Identity

Integers = npt.NDArray[np.int64]

STALE = 0x7FF0000000000002
"""The bits of a stale marker: the series has ended here. Source: model/value of Prometheus."""

EARLIEST_MS, LATEST_MS = 1 << 35, (1 << 42) - 1
"""1971 to 2109: nothing else is stored, and every time within takes six bytes."""


class Slots(Protocol):
    """Gives each series a small number, its slot."""

    by_key: dict[bytes, int]
    """By the bytes of labels that were parsed once; only `admit` adds to it."""

    def admit(self, key: bytes, identity: Identity) -> int:
        """Return the slot of a series, under which the bytes of its labels are known from now on."""
        ...


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a metric is, as its exporter says."""

    metric: str
    kind: int
    help: str
    unit: str


@dataclass(slots=True)
class Batch:
    """The samples of a request: of which series, when (milliseconds), and the bits of their values."""

    slots: Integers
    times: Integers
    bits: Integers
    metadata: list[Metadata] = field(default_factory=list)
    histograms: int = 0
    exemplars: int = 0

    def __len__(self) -> int:
        return len(self.times)

    def keep(self, good: npt.NDArray[np.bool_]) -> None:
        """Leave out all samples but those."""
        self.slots, self.times, self.bits = self.slots[good], self.times[good], self.bits[good]


class Columns:
    """Collects samples, one by one or many at once."""

    def __init__(self) -> None:
        self._parts: list[tuple[Integers, Integers, Integers]] = []
        self._slots: list[int] = []
        self._times: list[int] = []
        self._values: list[float] = []

    def add(self, slot: int, time: int, value: float) -> None:
        self._slots.append(slot)
        self._times.append(time)
        self._values.append(value)

    def add_all(self, slots: Integers, times: Integers, bits: Integers) -> None:
        self._parts.append((slots, times, bits))

    def batch(self) -> Batch:
        """Return all that was collected."""
        if self._slots or not self._parts:
            values: npt.NDArray[np.float64] = np.array(self._values, np.float64)
            self.add_all(np.array(self._slots, np.int64), np.array(self._times, np.int64), values.view(np.int64))
        if len(self._parts) == 1:
            return Batch(*self._parts[0])
        slots, times, bits = zip(*self._parts, strict=True)
        return Batch(np.concatenate(slots), np.concatenate(times), np.concatenate(bits))


def tails(data: Sequence[bytes], slots: Sequence[int], columns: Columns, *, size: int) -> list[int]:
    """Read samples that are the last `size` bytes of series, 18 with a value or 9 without; return which weren't.

    A sample of today is 18 bytes: tag, length, tag, eight bytes of value, tag, six bytes of time; one of the value 0
    lacks the nine of the value. Anything else is for the general parser.
    """
    rows = np.frombuffer(b"".join([one[-size:] for one in data]), np.uint8).reshape(-1, size)
    good = (rows[:, 0] == 0x12) & (rows[:, 1] == size - 2) & (rows[:, size - 7] == 0x10)
    if size == VALUED:
        good &= rows[:, 2] == 0x09
    good &= (rows[:, size - 6 : size - 1] >= 0x80).all(axis=1) & (rows[:, size - 1] < 0x80)
    wrong: list[int] = []
    numbers = np.array(slots, np.int64)
    if not good.all():
        wrong = np.flatnonzero(~good).tolist()
        rows, numbers = rows[good], numbers[good]
    times = (rows[:, size - 6 :].astype(np.int64) & 0x7F) @ _POWERS
    if size == VALUED:
        bits = np.ascontiguousarray(rows[:, 3:11]).view("<i8").reshape(-1).astype(np.int64, copy=False)
    else:
        bits = np.zeros(len(rows), np.int64)
    columns.add_all(numbers, times, bits)
    return wrong


VALUED, ZERO = 18, 9
_POWERS = np.array([1 << (7 * place) for place in range(6)], np.int64)
