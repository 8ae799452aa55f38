"""What is wrong with the simulated site at present: kept in `lab/state.json`, so that it outlives the process."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from hune.core.errors import Unavailable
from hune.core.files import write_atomically
from hune.core.layout import Layout
from hune.lab.hardware import MACHINES
from hune.lab.ports import PortState
from hune.lab.pve import faults
from hune.lab.pve.faults import PveState

Power = Literal["up", "refuse", "hang", "exporter"]
POWERS: tuple[Power, ...] = get_args(Power)

_EXPORTER_PORT = 9100
_MACHINE_PORT = 8006
_PORTS_TRIED = 200
_SPELLS_KEPT_SECONDS = 2400.0


@dataclass(slots=True)
class Spell:
    """A time during which a node was heated; `end` is None while it is."""

    start: float
    end: float | None = None

    def covers(self, moment: float) -> bool:
        return self.start <= moment and (self.end is None or moment < self.end)


@dataclass(slots=True)
class NodeState:
    """What is wrong with one node, and since when it is up; `power` tells how it answers.

    `up`: it does. `refuse`: nothing listens. `hang`: packets vanish. `exporter`: only its exporter is dead.
    `down_since` is when the machine died, None while it lives; `spells` are the last half hour's.
    """

    boot_time: float
    power: Power = "up"
    heat_celsius: float | None = None
    ports: dict[str, PortState] = field(default_factory=dict)
    down_since: float | None = None
    spells: list[Spell] = field(default_factory=list)

    def heat(self, celsius: float, now: float) -> None:
        """Note that it is heated from now on."""
        self.cool(now)
        self.heat_celsius = celsius
        self.spells.append(Spell(now))

    def cool(self, now: float) -> None:
        """Note that it is as warm as usual from now on."""
        self.heat_celsius = None
        self.spells = [spell for spell in self.spells if spell.end is None or spell.end > now - _SPELLS_KEPT_SECONDS]
        for spell in self.spells:
            spell.end = now if spell.end is None else spell.end


@dataclass(slots=True)
class LabState:
    """The whole lab: the node_exporter it runs, its ports, the same on each node's address, and its machines by name.

    `prefix` goes before the machines' names in the site, where the site has nodes of these names itself; `cluster` is
    the name of their Proxmox cluster.
    """

    exporter: str
    prefix: str
    exporter_port: int
    machine_port: int
    nodes: dict[str, NodeState]
    cluster: str = "lab"
    pve: PveState = field(default_factory=PveState)

    def save(self, layout: Layout) -> None:
        """Keep it; raises OSError with the old state untouched."""
        write_atomically(path(layout), json.dumps(asdict(self), indent=1) + "\n")


def path(layout: Layout) -> Path:
    """Return where the state is kept."""
    return layout.lab / "state.json"


def load(layout: Layout) -> LabState | None:
    """Return the kept state, or None if there is none that can be read."""
    try:
        data = json.loads(path(layout).read_text())
        nodes = {name: _node(data["nodes"][name]) for name in (machine.name for machine in MACHINES)}
        return LabState(
            str(data["exporter"]),
            str(data["prefix"]),
            int(data["exporter_port"]),
            int(data["machine_port"]),
            nodes,
            str(data["cluster"]),
            faults.parse(data["pve"]),
        )
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _node(data: dict[str, Any]) -> NodeState:
    if data["power"] not in POWERS:
        raise ValueError(data["power"])
    ports = {name: PortState(**port) for name, port in data["ports"].items()}
    spells = [Spell(float(spell["start"]), _number(spell["end"])) for spell in data["spells"]]
    down_since = _number(data["down_since"])
    if (down_since is None) != (data["power"] in ("up", "exporter")):
        raise ValueError(down_since)
    heat = _number(data["heat_celsius"])
    return NodeState(float(data["boot_time"]), data["power"], heat, ports, down_since, spells)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def fresh(
    *,
    now: float,
    exporter: str,
    is_free: Callable[[str, int], bool],
    taken: Collection[str] = (),
    taken_clusters: Collection[str] = (),
) -> LabState:
    """Return a lab without faults, run by that exporter on ports that are free on every node's address.

    `taken` and `taken_clusters` are the names of the site's own nodes and Proxmox clusters.
    Raises Unavailable if there are none.
    """
    addresses = [machine.address for machine in MACHINES]
    nodes = {machine.name: NodeState(now - machine.age_seconds) for machine in MACHINES}
    exporter_port = _free_port(_EXPORTER_PORT, addresses, is_free)
    prefix = "lab-" if {name.lower() for name in taken} & nodes.keys() else ""
    machine_port = _free_port(_MACHINE_PORT, addresses, is_free)
    cluster = "lab-cluster" if "lab" in taken_clusters else "lab"
    return LabState(exporter, prefix, exporter_port, machine_port, nodes, cluster)


def _free_port(first: int, addresses: Sequence[str], is_free: Callable[[str, int], bool]) -> int:
    for port in range(first, first + _PORTS_TRIED):
        if all(is_free(address, port) for address in addresses):
            return port
    raise Unavailable(
        f"no port from {first} to {first + _PORTS_TRIED - 1} is free on {', '.join(addresses)}",
        remedy="see what listens with: ss -ltnp",
    )
