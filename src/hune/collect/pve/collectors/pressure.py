"""Pressure stall information of nodes and guests, and what a guest really takes of its host's memory (Proxmox VE 9).

hune_pve_guest_pressure_ratio{id="qemu/100",node="pve-01",resource="io",kind="full"} 0.0213
hune_pve_guest_memory_host_bytes{id="qemu/100",node="pve-01"} 4403044352
hune_pve_node_pressure_ratio{node="pve-01",resource="cpu",kind="some"} 0.004
"""

from __future__ import annotations

from typing import Any

from hune.collect.pve.answers import Record, records
from hune.collect.pve.asking import ask_nodes
from hune.collect.pve.collector import Collection, Collector, Needs
from hune.collect.pve.families import Exposition, Family
from hune.pve.errors import BadAnswer, NotThere

_QEMU = "/nodes/{node}/qemu"
_LXC = "/nodes/{node}/lxc"
_RRD = "/nodes/{node}/rrddata"
_GUESTS_TTL_SECONDS = 10.0
_NODE_TTL_SECONDS = 60.0
"""Proxmox adds a point a minute."""

_GUEST = Family(
    "hune_pve_guest_pressure_ratio",
    "gauge",
    "Share of the last ten seconds in which some (or all: full) tasks of a running guest waited for a resource.",
    ("id", "node", "resource", "kind"),
    f"{_QEMU}, {_LXC}",
    "VM.Audit on /vms/{vmid}",
)
_MEMORY = Family(
    "hune_pve_guest_memory_host_bytes",
    "gauge",
    "Memory that a running virtual machine takes of its host, its own overhead included.",
    ("id", "node"),
    _QEMU,
    "VM.Audit on /vms/{vmid}",
)
_NODE = Family(
    "hune_pve_node_pressure_ratio",
    "gauge",
    "Share of the time in which some (or all: full) tasks of a node waited for a resource, as of the last minute.",
    ("node", "resource", "kind"),
    _RRD,
    "Sys.Audit on /nodes/{node}",
)
_FIELDS = tuple(
    (f"pressure{resource}{kind}", resource, kind) for resource in ("cpu", "io", "memory") for kind in ("some", "full")
)


def _ratio(entry: Record, field: str) -> float:
    percent = entry.amount(field)
    if percent > 100:
        raise BadAnswer(f"{entry.where}: {field} is {percent:g}, more than 100 percent")
    return round(percent / 100, 6)


def parse_guests(kind: str, node: str, answer: Any, out: Exposition) -> None:
    """Turn an answer of `/nodes/{node}/qemu` or `/lxc` into samples. Raises BadAnswer."""
    for guest in records(answer, f"/nodes/{node}/{kind}"):
        if guest.text("status", "") != "running":
            continue
        name = f"{kind}/{guest.whole('vmid')}"
        for field, resource, extent in _FIELDS:
            if field in guest:
                out.add(_GUEST, _ratio(guest, field), name, node, resource, extent)
        if "memhost" in guest:
            out.add(_MEMORY, guest.amount("memhost"), name, node)


def parse_node(node: str, answer: Any, out: Exposition) -> None:
    """Turn an answer of `/nodes/{node}/rrddata` into samples: the last row that has them. Raises BadAnswer."""
    rows = records(answer, _RRD.format(node=node))
    # The youngest rows are still empty; older ones than these would tell of another time.
    for row in reversed(rows[-5:]):
        found = [field for field in _FIELDS if field[0] in row]
        for field, resource, kind in found:
            out.add(_NODE, _ratio(row, field), node, resource, kind)
        if found:
            return


async def collect(run: Collection) -> None:
    """Ask each node for its guests and for its own last minutes."""
    for kind, path in (("qemu", _QEMU), ("lxc", _LXC)):

        def parse(node: str, answer: Any, out: Exposition, kind: str = kind) -> None:
            parse_guests(kind, node, answer, out)

        await ask_nodes(run, path, parse, max_age_seconds=_GUESTS_TTL_SECONDS)
    window = {"timeframe": "hour", "cf": "AVERAGE"}
    await ask_nodes(run, _RRD, parse_node, window, max_age_seconds=_NODE_TTL_SECONDS, optional=NotThere)


COLLECTOR = Collector(
    name="pressure",
    scope="cluster",
    families=(_GUEST, _MEMORY, _NODE),
    needs=(Needs("VM.Audit", "/vms"), Needs("Sys.Audit", "/nodes")),
    collect=collect,
)
