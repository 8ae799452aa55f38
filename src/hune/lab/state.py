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

Power = Literal["up", "refuse", "hang", "exporter"]
POWERS: tuple[Power, ...] = get_args(Power)

_EXPORTER_PORT = 9100
_MACHINE_PORT = 8006
_PORTS_TRIED = 200


@dataclass(slots=True)
class NodeState:
    """What is wrong with one node, and since when it is up; `power` tells how it answers.

    `up`: it does. `refuse`: nothing listens. `hang`: packets vanish. `exporter`: only its exporter is dead.
    """

    boot_time: float
    power: Power = "up"
    heat_celsius: float | None = None
    ports: dict[str, PortState] = field(default_factory=dict)


@dataclass(slots=True)
class LabState:
    """The whole lab: the node_exporter it runs, its ports, the same on each node's address, and its machines by name.

    `prefix` goes before the machines' names in the site, where the site has nodes of these names itself.
    """

    exporter: str
    prefix: str
    exporter_port: int
    machine_port: int
    nodes: dict[str, NodeState]

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
            str(data["exporter"]), str(data["prefix"]), int(data["exporter_port"]), int(data["machine_port"]), nodes
        )
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _node(data: dict[str, Any]) -> NodeState:
    if data["power"] not in POWERS:
        raise ValueError(data["power"])
    ports = {name: PortState(**port) for name, port in data["ports"].items()}
    heat = data["heat_celsius"]
    return NodeState(float(data["boot_time"]), data["power"], None if heat is None else float(heat), ports)


def fresh(*, now: float, exporter: str, is_free: Callable[[str, int], bool], taken: Collection[str] = ()) -> LabState:
    """Return a lab without faults, run by that exporter on ports that are free on every node's address.

    `taken` are the names of the site's own nodes.
    Raises Unavailable if there are none.
    """
    addresses = [machine.address for machine in MACHINES]
    nodes = {machine.name: NodeState(now - machine.age_seconds) for machine in MACHINES}
    exporter_port = _free_port(_EXPORTER_PORT, addresses, is_free)
    prefix = "lab-" if {name.lower() for name in taken} & nodes.keys() else ""
    return LabState(exporter, prefix, exporter_port, _free_port(_MACHINE_PORT, addresses, is_free), nodes)


def _free_port(first: int, addresses: Sequence[str], is_free: Callable[[str, int], bool]) -> int:
    for port in range(first, first + _PORTS_TRIED):
        if all(is_free(address, port) for address in addresses):
            return port
    raise Unavailable(
        f"no port from {first} to {first + _PORTS_TRIED - 1} is free on {', '.join(addresses)}",
        remedy="see what listens with: ss -ltnp",
    )
