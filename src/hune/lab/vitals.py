"""What a machine counts since it started: CPU time, packets, blocks, memory; it advances with the load."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from hune.lab.demand import DISKS_STALLED_RATIO, stalled_ratio
from hune.lab.hardware import CORES, MEMORY_KIB, ONBOARD, SFP_PORTS, Machine, Port

# How the busy time of a core splits on a hypervisor: guests run as user time.
_MODES = {"user": 0.62, "system": 0.29, "softirq": 0.07, "steal": 0.0, "nice": 0.0, "irq": 0.02}
_IOWAIT, _BACKUP_IOWAIT = 0.006, 0.2
_BYTES_PER_PACKET = 820
_SFP_BYTES_PER_SECOND = 22e6
_GUEST_BYTES_PER_SECOND = 60e3
_DISK_BYTES_PER_SECOND = 9e6
_BACKUP_BYTES_PER_SECOND = 200e6
_BACKUP_PORT = SFP_PORTS[1]
_LOAD_SETTLE_SECONDS = (60.0, 300.0, 900.0)


@dataclass(slots=True)
class Traffic:
    """Bytes a port has received and sent."""

    received: float = 0.0
    sent: float = 0.0


@dataclass(slots=True)
class CoreTime:
    """Seconds a core has spent busy, idle, and idle for want of what a disk is asked for."""

    busy: float = 0.0
    idle: float = 0.0
    waiting: float = 0.0

    def seconds(self, mode: str) -> float:
        """Return the seconds spent in a mode as `/proc/stat` names them."""
        others = {"idle": self.idle, "iowait": self.waiting}
        return others[mode] if mode in others else self.busy * _MODES[mode]


class Vitals:
    """The counters of one machine, from zero, moved on by `step`.

    They start at zero even for a machine that has been up for weeks: a counter that went back a little, when the lab
    itself is started again, would look like a huge increase.
    """

    def __init__(self, machine: Machine, rng: random.Random, boot_time: float) -> None:
        self.boot_time = boot_time
        self.cores = [CoreTime() for _ in range(CORES)]
        self.traffic: dict[str, Traffic] = {}
        self._ports: tuple[Port, ...] = ()
        self.carry(machine.ports)
        self.disk_read = 0.0
        self.disk_written = 0.0
        self.memory_used_ratio = self.usual_memory_ratio = machine.memory_used_ratio
        self.load_averages = [machine.busy * CORES] * 3
        self.stalled_seconds = 0.0
        self.disks_stalled_seconds = 0.0
        self.is_backing_up = False
        self._rng = rng

    def carry(self, ports: tuple[Port, ...]) -> None:
        """Count what passes these ports; new ones start at zero."""
        self._ports = ports
        self.traffic = {port.name: self.traffic.get(port.name, Traffic()) for port in ports}

    def step(self, seconds: float, loads: Sequence[float], carriers: set[str]) -> None:
        """Move on; `carriers` names the ports that have a link, and only they count traffic."""
        self._count(seconds, loads, carriers)
        running = sum(loads)
        for index, settle in enumerate(_LOAD_SETTLE_SECONDS):
            share = min(1.0, seconds / settle)
            self.load_averages[index] += (running - self.load_averages[index]) * share
        missing = self.usual_memory_ratio - self.memory_used_ratio
        self.memory_used_ratio += missing * min(1.0, seconds / 60) + self._rng.gauss(0, 1e-4)

    def _count(self, seconds: float, loads: Sequence[float], carriers: set[str]) -> None:
        waits = _BACKUP_IOWAIT if self.is_backing_up else _IOWAIT
        for core, load in zip(self.cores, loads, strict=True):
            core.busy += load * seconds
            core.idle += (1 - load) * (1 - waits) * seconds
            core.waiting += (1 - load) * waits * seconds
        load = sum(loads) / CORES
        self.stalled_seconds += seconds * stalled_ratio(load)
        self.disks_stalled_seconds += seconds * (DISKS_STALLED_RATIO if self.is_backing_up else stalled_ratio(load) / 3)
        vary = self._rng.uniform
        for port in self._ports:
            rate = _usual_rate(port)
            if rate and port.name in carriers:
                amount = rate * seconds * load
                counts = self.traffic[port.name]
                counts.received += amount * vary(0.6, 1.4)
                counts.sent += amount * vary(0.6, 1.4)
        amount = _DISK_BYTES_PER_SECOND * seconds * load
        self.disk_read += amount * vary(0.6, 1.4)
        self.disk_written += 1.7 * amount * vary(0.6, 1.4)
        if self.is_backing_up:
            read = _BACKUP_BYTES_PER_SECOND * seconds * vary(0.8, 1.2)
            self.disk_read += read
            if _BACKUP_PORT in carriers:
                self.traffic[_BACKUP_PORT].sent += read / 2

    def packets(self, counted: float) -> int:
        """Return how many packets made that many bytes."""
        return int(counted / _BYTES_PER_PACKET)

    @property
    def memory_used_kib(self) -> int:
        return round(MEMORY_KIB * min(max(self.memory_used_ratio, 0.05), 0.97))


def _usual_rate(port: Port) -> float:
    """Return bytes per second and direction at full load."""
    if port.name in SFP_PORTS:
        return _SFP_BYTES_PER_SECOND
    if port.guest is not None:
        return _GUEST_BYTES_PER_SECOND * (1 + port.guest % 7)
    return 3e6 if port.name in (ONBOARD, "vmbr0") else 2e4
