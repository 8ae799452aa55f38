"""How much nodes and guests use: load, memory, traffic; at any moment of the last half hour or now.

A node's load swings around what its machine is used to, rises with the guests it takes over, and is near all of it
while the node is heated. Its guests share it, so they are busy when it is warm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from hune.lab.demand import DISKS_STALLED_RATIO, Demand, stalled_ratio
from hune.lab.hardware import CORES, MEMORY_KIB
from hune.lab.hardware import GUESTS as RUNNING
from hune.lab.pve.backups import is_busy
from hune.lab.pve.cluster import Cluster, Placed
from hune.lab.pve.guests import GIB, GUESTS, Guest
from hune.lab.pve.wave import Wave, spread

MEMORY_BYTES = MEMORY_KIB * 1024
SWAP_BYTES = 8_388_604 * 1024
_HOST_BYTES = 2.4 * GIB
_HEATED_LOAD = 0.97
_MAX_USUAL_LOAD = 0.6
_GUESTS_SHARE = 0.82
_BACKUP_LOAD = 0.06
_KB = 1000.0


@dataclass(frozen=True, slots=True)
class GuestUsage:
    """What a running guest uses; `cpu` is a share of its own cores, the rest bytes since it started."""

    cpu: float
    memory: int
    disk: int
    received: int
    sent: int
    read: int
    written: int
    uptime: int


class Usage:
    """What everything uses at `moment`, in the cluster as it stands now."""

    def __init__(self, cluster: Cluster, moment: float) -> None:
        self._cluster = cluster
        self._moment = moment
        self._asked: dict[int, Mapping[int, float]] = {}

    def load(self, number: int) -> float:
        """Return the share of a node's cores that is busy."""
        node = self._cluster.node(number)
        if any(spell.covers(self._moment) for spell in node.spells):
            return _HEATED_LOAD
        running = len(self._cluster.running_on(number)) / RUNNING
        usual = _wave(self._cluster.machine(number).busy, 0.35, f"load/{number}").at(self._moment)
        busy = usual * (0.3 + 0.7 * running) + _BACKUP_LOAD * self._is_backing_up(number)
        return min(busy, _MAX_USUAL_LOAD)

    def waiting(self, number: int) -> float:
        """Return the share of a node's processor time that waits for disks."""
        return (0.2 if self._is_backing_up(number) else 0.006) * (1 - self.load(number))

    def memory(self, number: int) -> int:
        """Return the bytes of a node's memory that are in use."""
        guests = sum(self._guest_memory(placed.guest) for placed in self._cluster.running_on(number))
        return round(min(_HOST_BYTES + guests, 0.97 * MEMORY_BYTES))

    def demand(self, number: int) -> Demand:
        """Return what a node's guests ask of its machine."""
        there = [placed for placed in self._cluster.guests_on(number) if placed.status == "running"]
        ports = tuple(port for placed in there for port in placed.guest.ports)
        return Demand(self.load(number), self.memory(number) / MEMORY_BYTES, ports, self._is_backing_up(number))

    def guest(self, placed: Placed) -> GuestUsage:
        """Return what a running guest uses."""
        guest, start, end = placed.guest, placed.started, max(placed.started, self._moment)
        shares = self._shares(placed.node)
        cores = shares[guest.vmid] * self.load(placed.node) * CORES * _GUESTS_SHARE
        traffic, disk = _wave(*_traffic(guest)), _wave(*_disk_rate(guest))
        received, blocks = traffic.between(start, end), disk.between(start, end)
        return GuestUsage(
            cpu=min(cores / guest.cores, 1.0),
            memory=round(self._guest_memory(guest)),
            disk=self.disk(guest),
            received=int(received),
            sent=int(received * (0.4 + spread(f"sent/{guest.vmid}"))),
            read=int(blocks * 0.55),
            written=int(blocks),
            uptime=int(end - start),
        )

    def disk(self, guest: Guest) -> int:
        """Return the bytes that a guest's files take."""
        filled = 0.2 + 0.45 * spread(f"disk/{guest.vmid}")
        return int(_wave(guest.disk_bytes * filled, 0.01, f"disk/{guest.vmid}").at(self._moment))

    def pressure(self, placed: Placed) -> dict[str, float]:
        """Return the shares of time (in percent) that a guest's tasks waited for CPU, disk and memory."""
        load = self.load(placed.node)
        waiting = 100 * stalled_ratio(load) * (0.5 + spread(f"psi/{placed.guest.vmid}"))
        disk = 1.5 * load + 20 * DISKS_STALLED_RATIO * self._is_backing_up(placed.node)
        shares = _pressures(waiting, disk * spread(f"io/{placed.guest.vmid}"))
        return shares | {"pressurecpufull": 0.0} if placed.guest.kind == "qemu" else shares

    def node_pressure(self, number: int) -> dict[str, float]:
        """Return the same of a whole node."""
        load = self.load(number)
        return _pressures(100 * stalled_ratio(load), load + 100 * DISKS_STALLED_RATIO * self._is_backing_up(number))

    def _is_backing_up(self, number: int) -> bool:
        return is_busy(self._cluster.pve, number, self._moment)

    def _shares(self, number: int) -> Mapping[int, float]:
        """Return what share of the node's work each of its running guests does, by VMID."""
        if number not in self._asked:
            asked = {
                placed.guest.vmid: _wave(*_appetite(placed.guest)).at(self._moment)
                for placed in self._cluster.running_on(number)
            }
            whole = sum(asked.values())
            self._asked[number] = {vmid: part / whole for vmid, part in asked.items()}
        return self._asked[number]

    def _guest_memory(self, guest: Guest) -> float:
        home = self._cluster.machine(guest.home)
        share = (home.memory_used_ratio * MEMORY_BYTES - _HOST_BYTES) / _configured(guest.home)
        return _wave(guest.memory_bytes, 0.12, f"memory/{guest.vmid}").at(self._moment) * min(share, 0.85)


def _pressures(cpu: float, disk: float) -> dict[str, float]:
    values = {"cpusome": cpu, "iosome": disk, "iofull": disk * 0.8, "memorysome": 0.0, "memoryfull": 0.0}
    return {f"pressure{name}": round(value, 2) for name, value in values.items()}


@cache
def _wave(mean: float, swing: float, key: str) -> Wave:
    return Wave(mean, swing, key)


@cache
def _configured(home: int) -> int:
    """Return the memory that a node's running guests were given."""
    return sum(guest.memory_bytes for guest in GUESTS if guest.home == home and guest.running)


def _appetite(guest: Guest) -> tuple[float, float, str]:
    return guest.cores * (0.3 + spread(f"cpu/{guest.vmid}")), 0.5, f"cpu/{guest.vmid}"


def _traffic(guest: Guest) -> tuple[float, float, str]:
    return (2 + 9 * (guest.vmid % 7)) * _KB, 0.8, f"net/{guest.vmid}"


def _disk_rate(guest: Guest) -> tuple[float, float, str]:
    return (15 + 60 * spread(f"blocks/{guest.vmid}")) * _KB, 0.7, f"blocks/{guest.vmid}"
