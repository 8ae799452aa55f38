"""One simulated machine: what it counts and measures, written into its tree."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from hune.lab import procfs, sysfs
from hune.lab.climate import Climate
from hune.lab.demand import Demand
from hune.lab.hardware import Machine, Port
from hune.lab.ports import PortState
from hune.lab.state import NodeState
from hune.lab.tree import Tree
from hune.lab.vitals import Vitals

# Each rename costs a write to the disk, so most files move with every fifth tick only.
_SLOW_EVERY = 5
_LONGEST_STEP_SECONDS = 60.0


class Node:
    """A machine's `/sys`, `/proc` and `/` below `root`.

    Its methods write files: call them from one thread that may block. Each raises OSError if the disk refuses.
    """

    def __init__(
        self,
        machine: Machine,
        state: NodeState,
        root: Path,
        *,
        now: Callable[[], float],
        rng: random.Random,
        prefix: str = "",
        demand: Demand | None = None,
    ) -> None:
        self.name = prefix + machine.name
        self.machine = machine
        self.state = state
        self._tree = Tree(root)
        self._now = now
        self._rng = rng
        self._ticks = 0
        self._demand = demand or Demand(machine.busy, machine.memory_used_ratio)
        self._start()

    @property
    def root(self) -> Path:
        return self._tree.root

    @property
    def celsius(self) -> float:
        """What the CPU package shows."""
        return self._climate.readings().package / 1000

    @property
    def _ports(self) -> tuple[Port, ...]:
        return self.machine.ports + self._demand.ports

    def port_state(self, port: Port) -> PortState:
        return self.state.ports.get(port.name, PortState())

    def lay(self) -> None:
        """Write the whole tree as it is now."""
        files, links = sysfs.build(self.machine, self._ports, self.state.ports, self._climate.readings())
        proc = procfs.steady(self.machine) | procfs.fast(self._vitals) | procfs.slow(self._vitals)
        everything = _below("sys", files) | _below("proc", proc) | _below("root", procfs.root_files())
        self._tree.lay(everything, _below("sys", links))

    def reboot(self) -> None:
        """Start anew: everything counts from zero, cables and heat stay as they are."""
        self.state.boot_time = self._now()
        self.state.ports = {
            name: PortState(port.plugged, enabled=True, slow=port.slow, changes=int(port.plugged))
            for name, port in self.state.ports.items()
        }
        self._start()
        self.lay()

    def tick(self, seconds: float) -> None:
        """Let time pass and write what changed."""
        seconds = min(seconds, _LONGEST_STEP_SECONDS)
        self._climate.step(seconds)
        carriers = {port.name for port in self._ports if self.port_state(port).carrier}
        self._vitals.step(seconds, self._climate.loads, carriers)
        self._put("sys", sysfs.temperatures(self._climate.readings()))
        self._put("proc", procfs.fast(self._vitals))
        self._ticks += 1
        if self._ticks % _SLOW_EVERY == 0:
            self._put("sys", sysfs.frequencies(self._climate.loads))
            self._put("proc", procfs.slow(self._vitals))

    def expect(self, demand: Demand) -> None:
        """Let the machine be as busy as its guests make it from now on; their ports come and go."""
        old, new = set(self._demand.ports), set(demand.ports)
        for port in old - new:
            self._tree.prune(f"sys/{sysfs.port_link(port)}", f"sys/{port.path}")
        for port in sorted(new - old, key=lambda port: port.index):
            files = sysfs.port_files(port, self.port_state(port))
            self._tree.grow(_below("sys", files), {f"sys/{sysfs.port_link(port)}": f"../../{port.path}"})
        self._demand = demand
        self._follow()

    def heat(self, celsius: float) -> float:
        """Take the package and the hottest core to a temperature; return when: just before the package's rename."""
        self.state.heat(celsius, self._now())
        self._climate.heat(celsius)
        return self._show_temperatures()

    def cool(self) -> float:
        """Return to the usual temperatures; return when: just before the package's rename."""
        self.state.cool(self._now())
        self._climate.cool()
        return self._show_temperatures()

    def set_port(self, port: Port, state: PortState) -> float:
        """Change a port; return when: just before its first file changes."""
        old = sysfs.port_files(port, self.port_state(port))
        new = sysfs.port_files(port, state)
        self.state.ports[port.name] = state
        moment = self._now()
        for path in old.keys() - new.keys():
            self._tree.drop(f"sys/{path}")
        self._put("sys", {path: content for path, content in new.items() if old.get(path) != content})
        return moment

    def _start(self) -> None:
        self._climate = Climate(self.machine, self._rng)
        if self.state.heat_celsius is not None:
            self._climate.heat(self.state.heat_celsius)
        self._vitals = Vitals(self.machine, self._rng, self.state.boot_time)
        self._follow()

    def _follow(self) -> None:
        self._climate.usual = self._demand.load
        self._vitals.usual_memory_ratio = self._demand.memory_ratio
        self._vitals.is_backing_up = self._demand.is_backing_up
        self._vitals.carry(self._ports)

    def _show_temperatures(self) -> float:
        files = sysfs.temperatures(self._climate.readings())
        moment = self._now()
        self._put("sys", files)
        return moment

    def _put(self, top: str, files: dict[str, str]) -> None:
        for path, content in files.items():
            self._tree.put(f"{top}/{path}", content)


def _below(top: str, files: dict[str, str]) -> dict[str, str]:
    return {f"{top}/{path}": content for path, content in files.items()}
