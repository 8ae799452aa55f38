"""Whether nodes are online, the cluster has quorum, guests run and storages are available.

pve_up{id="node/pve-01"} 1
pve_up{id="qemu/100"} 0
"""

from __future__ import annotations

from hune.collect.pve.collector import Collection, Collector, Needs
from hune.collect.pve.compat.reading import RESOURCES, STATUS, cluster_status, need, resources, value
from hune.collect.pve.families import Family, escape
from hune.pve.errors import BadAnswer

_UP = Family(
    "pve_up",
    "gauge",
    "1 if a node is online, a guest runs, a storage is available, the cluster has quorum; else 0.",
    ("id",),
    f"{STATUS}, {RESOURCES}",
    "Sys.Audit on /",
)
_WORKS = {"qemu": "running", "lxc": "running", "storage": "available"}


async def collect(run: Collection) -> None:
    """Ask for the cluster's status and resources."""
    lines = []
    for entry in await cluster_status(run):
        kind = need(entry, "type", STATUS)
        if kind == "node":
            id_, up = need(entry, "id", STATUS), value(need(entry, "online", STATUS), STATUS)
        elif kind == "cluster":
            id_, up = f"cluster/{need(entry, 'name', STATUS)}", value(need(entry, "quorate", STATUS), STATUS)
        else:
            raise BadAnswer(f"{STATUS}: an entry of type {kind!a:.40}", path=STATUS)
        lines.append(f'{{id="{escape(str(id_))}"}} {up}\n')
    for entry in await resources(run):
        works = _WORKS.get(str(need(entry, "type", RESOURCES)))
        if works is not None:
            up = "1" if need(entry, "status", RESOURCES) == works else "0"
            lines.append(f'{{id="{escape(str(need(entry, "id", RESOURCES)))}"}} {up}\n')
    run.out.write(_UP, _UP.name.join(["", *lines]))


COLLECTOR = Collector("status", "cluster", (_UP,), (Needs("Sys.Audit"), Needs("VM.Audit", "/vms")), collect)
