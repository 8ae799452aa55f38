"""The Proxmox VE version of each node, and whether the nodes differ.

hune_pve_node_version_info{node="pve-01",version="9.0.3",release="9.0",repoid="025864202ebb6109"} 1
hune_pve_versions 2
"""

from __future__ import annotations

from typing import Any

from hune.collect.pve.answers import record
from hune.collect.pve.asking import ask_nodes
from hune.collect.pve.collector import Collection, Collector
from hune.collect.pve.families import Exposition, Family

_PATH = "/nodes/{node}/version"
_TTL_SECONDS = 600.0

_INFO = Family(
    "hune_pve_node_version_info",
    "gauge",
    "Version of Proxmox VE on a node.",
    ("node", "version", "release", "repoid"),
    _PATH,
)
_VERSIONS = Family(
    "hune_pve_versions",
    "gauge",
    "Different versions of Proxmox VE among the nodes that answered: more than 1 while some are not upgraded.",
    (),
    _PATH,
)


async def collect(run: Collection) -> None:
    """Ask each node for its version."""
    seen: set[tuple[str, str]] = set()

    def parse(node: str, answer: Any, out: Exposition) -> None:
        version = record(answer, _PATH.format(node=node))
        number, repoid = version.text("version"), version.text("repoid", "")
        out.add(_INFO, 1, node, number, version.text("release", ""), repoid)
        seen.add((number, repoid))

    await ask_nodes(run, _PATH, parse, max_age_seconds=_TTL_SECONDS)
    if seen:
        run.out.add(_VERSIONS, len(seen))


COLLECTOR = Collector(name="versions", scope="cluster", families=(_INFO, _VERSIONS), needs=(), collect=collect)
