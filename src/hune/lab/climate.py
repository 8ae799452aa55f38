"""How busy and how warm a machine is, second by second."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from hune.lab.hardware import CORES, Machine

# Degrees that each core differs from the mean of the die, and lies below the hottest one while heated.
_CORE_OFFSETS = (0.6, 1.4, -0.3, 2.2, 0.0, -1.1)
_GAPS = (3.0, 1.0, 4.0, 0.0, 2.0, 5.0)
_HOTTEST = _GAPS.index(0.0)
_IDLE_CELSIUS = 40.0
_FULL_LOAD_CELSIUS = 26.0
_DIE_SECONDS = 5.0
_DISK_SECONDS = 120.0
_MAX_NORMAL_LOAD = 0.6
_HEATED_LOAD = 0.97
_WOBBLE = 0.4


@dataclass(frozen=True, slots=True)
class Readings:
    """What the sensors show, in thousandths of a degree Celsius as the kernel writes it."""

    cores: tuple[int, ...]
    nvme: int
    nvme_controller: int

    @property
    def package(self) -> int:
        return max(self.cores)


class Climate:
    """Load and temperatures that wander around a mean and return to it; heat overrides them.

    The mean load is `usual`, which may be set.

    Cores show whole degrees, as coretemp does, except the heated one: it shows the temperature asked for and stays
    within 0.4 °C of it.
    """

    def __init__(self, machine: Machine, rng: random.Random) -> None:
        self._machine = machine
        self._rng = rng
        self._heat: float | None = None
        self._wobble = 0.0
        self.usual = machine.busy
        self._shared = machine.busy
        self.loads = [machine.busy] * CORES
        self._die = [self._settled(core) for core in range(CORES)]
        self._disk = 37.0 + 12.0 * machine.busy

    @property
    def load(self) -> float:
        """The share of all cores that is busy, 0 to 1."""
        return sum(self.loads) / CORES

    def heat(self, celsius: float) -> None:
        """Take the hottest core to a temperature at once and keep it there."""
        self._heat = celsius
        self._wobble = 0.0
        self.loads = [_HEATED_LOAD] * CORES

    def cool(self) -> None:
        """Return to the usual load and temperatures at once."""
        self._heat = None
        self._shared = self.usual
        self.loads = [min(self.usual, _MAX_NORMAL_LOAD)] * CORES
        self._die = [self._settled(core) for core in range(CORES)]

    def step(self, seconds: float) -> None:
        """Let time pass."""
        self._shared = self._wander(self._shared, self.usual, seconds, settle=90.0, spread=0.02)
        for core in range(CORES):
            if self._heat is not None:
                self.loads[core] = min(1.0, _HEATED_LOAD + self._rng.uniform(-0.02, 0.02))
            else:
                load = self._wander(self.loads[core], self._shared, seconds, settle=8.0, spread=0.07)
                self.loads[core] = min(max(load, 0.01), _MAX_NORMAL_LOAD)
            self._die[core] += (self._settled(core) - self._die[core]) * _share(seconds, _DIE_SECONDS)
        self._wobble = self._wander(self._wobble, 0.0, seconds, settle=4.0, spread=0.25)
        self._wobble = min(max(self._wobble, -_WOBBLE), _WOBBLE)
        disk = 37.0 + 12.0 * self.load + self._rng.gauss(0.0, 0.3)
        self._disk += (disk - self._disk) * _share(seconds, _DISK_SECONDS)

    def readings(self) -> Readings:
        """Return what the sensors show now."""
        if self._heat is None:
            cores = [round(celsius) * 1000 for celsius in self._die]
        else:
            top = round(self._heat + self._wobble, 1)
            cores = [math.floor(top - gap) * 1000 for gap in _GAPS]
            cores[_HOTTEST] = round(top * 1000)
        # An NVMe disk reports whole kelvins.
        disk = math.floor(self._disk) * 1000 + 850
        return Readings(tuple(cores), disk, disk + 7000)

    def _settled(self, core: int) -> float:
        return (
            _IDLE_CELSIUS + self._machine.warmth_celsius + _CORE_OFFSETS[core] + _FULL_LOAD_CELSIUS * self.loads[core]
        )

    def _wander(self, value: float, mean: float, seconds: float, *, settle: float, spread: float) -> float:
        """Return the next value of an Ornstein-Uhlenbeck process with that time constant and standard deviation."""
        kept = math.exp(-seconds / settle)
        return mean + (value - mean) * kept + self._rng.gauss(0.0, spread * math.sqrt(1 - kept * kept))


def _share(seconds: float, settle: float) -> float:
    return 1 - math.exp(-seconds / settle)
