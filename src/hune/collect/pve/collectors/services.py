"""Whether the services of Proxmox VE run on each node.

hune_pve_service_running{node="pve-01",service="pveproxy"} 1
hune_pve_service_enabled{node="pve-01",service="pveproxy"} 1
"""

from __future__ import annotations

from typing import Any

from hune.collect.pve.answers import records
from hune.collect.pve.asking import ask_nodes
from hune.collect.pve.collector import Collection, Collector, Needs
from hune.collect.pve.families import Exposition, Family

_PATH = "/nodes/{node}/services"
_PRIVILEGE = "Sys.Audit on /nodes/{node}"
_TTL_SECONDS = 60.0
"""The node asks systemd for each of its two dozen services."""

_RUNNING = Family(
    "hune_pve_service_running", "gauge", "1 if the service runs, else 0.", ("node", "service"), _PATH, _PRIVILEGE
)
_ENABLED = Family(
    "hune_pve_service_enabled",
    "gauge",
    "1 if the service is meant to run: only then a stopped one is a fault. Absent if Proxmox VE is too old to say.",
    ("node", "service"),
    _PATH,
    _PRIVILEGE,
)
_MEANT_TO_RUN = frozenset(
    {"enabled", "enabled-runtime", "static", "linked", "linked-runtime", "indirect", "generated", "alias"}
)


def parse(node: str, answer: Any, out: Exposition) -> None:
    """Turn an answer of `/nodes/{node}/services` into samples. Raises BadAnswer."""
    for service in records(answer, _PATH.format(node=node)):
        name, unit = service.text("service"), service.text("unit-state", "")
        out.add(_RUNNING, service.text("state", "") == "running", node, name)
        if unit and unit != "unknown":
            out.add(_ENABLED, unit in _MEANT_TO_RUN, node, name)


async def collect(run: Collection) -> None:
    """Ask each node for its services."""
    await ask_nodes(run, _PATH, parse, max_age_seconds=_TTL_SECONDS)


COLLECTOR = Collector(
    name="services",
    scope="cluster",
    families=(_RUNNING, _ENABLED),
    needs=(Needs("Sys.Audit", "/nodes"),),
    collect=collect,
)
