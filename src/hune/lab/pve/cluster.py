"""The cluster at one moment: who lives, who agrees, and which guest is where; a pure function of state and time.

High availability as Proxmox does it (https://pve.proxmox.com/pve-docs/chapter-ha-manager.html): a node that is gone for
a minute is fenced, and when its lock has expired after another one its guests are recovered elsewhere, if the rest of
the cluster has quorum.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from hune.lab.hardware import MACHINES, Machine
from hune.lab.pve.backups import in_hand
from hune.lab.pve.guests import GUESTS, Guest
from hune.lab.state import LabState, NodeState

FENCE_SECONDS = 60.0
RECOVERY_SECONDS = 120.0
RESTARTED_SECONDS = 130.0
SAMPLE_SECONDS = 10
"""How often Proxmox measures; between two samples its numbers stand still."""
_BOOT_SECONDS = 35.0
_START_SECONDS = 3.0

GuestStatus = Literal["running", "stopped", "unknown"]
NUMBERS = tuple(machine.number for machine in MACHINES)
_BY_NUMBER = {machine.number: machine for machine in MACHINES}


@dataclass(frozen=True, slots=True)
class Placed:
    """A guest where it is now, by number of the node; `hastate` is empty if it is not highly available.

    `is_paused`: a stopped virtual machine, started for its backup alone, of which no processor runs.
    """

    guest: Guest
    node: int
    status: GuestStatus
    started: float
    hastate: str = ""
    lock: str = ""
    is_paused: bool = False

    @property
    def is_running(self) -> bool:
        return self.status == "running" and not self.is_paused


class Cluster:
    """The lab's cluster at `now` (seconds since the epoch), as node `here` sees it."""

    def __init__(self, state: LabState, now: float, here: int = 1) -> None:
        self.state = state
        self.pve = state.pve
        self.now = now
        self.sampled = now // SAMPLE_SECONDS * SAMPLE_SECONDS
        self.here = here

    def machine(self, number: int) -> Machine:
        return _BY_NUMBER[number]

    def name(self, number: int) -> str:
        """Return a node's name as the site has it."""
        return self.state.prefix + _BY_NUMBER[number].name

    def number(self, name: str) -> int | None:
        """Return the number of a node by its name, `localhost` being the one that was asked; None if there is none."""
        if name == "localhost":
            return self.here
        return next((number for number in NUMBERS if self.name(number) == name), None)

    def node(self, number: int) -> NodeState:
        return self.state.nodes[_BY_NUMBER[number].name]

    def lives(self, number: int) -> bool:
        return self.node(number).down_since is None

    def sees(self, number: int) -> bool:
        """Return whether the asked node counts that one as a member."""
        return self.lives(number) and (number == self.here or not self.is_split)

    @property
    def is_split(self) -> bool:
        return self.pve.find("split", "cluster") is not None

    @cached_property
    def is_quorate(self) -> bool:
        return 2 * sum(self.sees(number) for number in NUMBERS) > len(NUMBERS)

    @property
    def master(self) -> int:
        """The node whose CRM decides."""
        return next((number for number in (2, 1, 3) if self.lives(number)), self.here)

    def down_seconds(self, number: int) -> float:
        """Return for how long a node has been dead, 0 while it lives."""
        since = self.node(number).down_since
        return 0.0 if since is None else max(0.0, self.now - since)

    def ha_node_state(self, number: int) -> str:
        """Return how the CRM sees a node: `online`, `unknown`, `fence`."""
        if self.sees(number):
            return "online"
        fencing = self.is_quorate and FENCE_SECONDS <= self.down_seconds(number) < RECOVERY_SECONDS
        return "fence" if fencing else "unknown"

    @cached_property
    def placed(self) -> dict[int, Placed]:
        """Every guest by VMID."""
        return {guest.vmid: self._place(guest) for guest in GUESTS}

    def guests_on(self, number: int, kind: str = "") -> list[Placed]:
        """Return the guests of a node, of one kind or of both, by VMID."""
        return [placed for placed in self.placed.values() if placed.node == number and kind in ("", placed.guest.kind)]

    def running_on(self, number: int) -> list[Placed]:
        return [placed for placed in self.guests_on(number) if placed.is_running]

    def sampled_uptime(self, number: int) -> int:
        return max(0, int(self.sampled - self.node(number).boot_time))

    def _place(self, guest: Guest) -> Placed:
        vmid = str(guest.vmid)
        asked_to_run = guest.running and self.pve.find("stop", vmid) is None
        runs = asked_to_run and self.pve.find("crash", vmid) is None
        hastate = ("started" if asked_to_run else "stopped") if guest.ha else ""
        if not self.lives(guest.home):
            return self._placed_without_home(guest, asked_to_run, hastate)
        started = self.pve.started.get(vmid, 0.0)
        boots = self.node(guest.home).boot_time + _BOOT_SECONDS + _START_SECONDS * (guest.vmid % 100)
        # What was recovered elsewhere has come back by live migration and kept running.
        if started < self.node(guest.home).boot_time and not (guest.ha and started):
            started = boots
        backup = in_hand(self.pve, guest, self.now)
        lock = "" if backup is None else "backup"
        if backup is not None and backup.stops and guest.kind == "lxc":
            runs = False
        if runs and started <= self.now:
            if not self.sees(guest.home):
                return Placed(guest, guest.home, "unknown", started, hastate)
            return Placed(guest, guest.home, "running", started, hastate, lock)
        if backup is not None and not backup.stops and guest.kind == "qemu" and self.sees(guest.home):
            return Placed(guest, guest.home, "running", backup.start, hastate, lock, is_paused=True)
        return Placed(guest, guest.home, "stopped", 0.0, hastate, lock)

    def _placed_without_home(self, guest: Guest, asked_to_run: bool, hastate: str) -> Placed:
        down = self.down_seconds(guest.home)
        if not (guest.ha and asked_to_run and self.is_quorate) or down < FENCE_SECONDS:
            return Placed(guest, guest.home, "unknown", 0.0, hastate)
        if down < RECOVERY_SECONDS:
            return Placed(guest, guest.home, "unknown", 0.0, "fence")
        if down < RESTARTED_SECONDS:
            return Placed(guest, guest.home, "unknown", 0.0, "recovery")
        started = self.recovered_at(guest)
        living = [number for number in NUMBERS if self.lives(number)]
        target = living[guest.vmid % len(living)]
        status: GuestStatus = "running" if self.sees(target) else "unknown"
        return Placed(guest, target, status, started, hastate)

    def recovered_at(self, guest: Guest) -> float:
        """Return when a highly available guest of a dead node is started on another."""
        since = self.node(guest.home).down_since
        assert since is not None
        return since + RESTARTED_SECONDS + guest.vmid % 7

    def survivors(self, numbers: Collection[int]) -> dict[str, float]:
        """Return, by VMID, when the guests of these dead nodes were started where they run now."""
        return {
            str(placed.guest.vmid): placed.started
            for placed in self.placed.values()
            if placed.guest.home in numbers and placed.node != placed.guest.home
        }
