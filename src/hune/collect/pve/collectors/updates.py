"""Packages of each node that wait for an upgrade; absent where the account may not ask (it takes Sys.Modify).

hune_pve_updates_pending{node="pve-01"} 17
hune_pve_updates_security_pending{node="pve-01"} 3
"""

from __future__ import annotations

from typing import Any

from hune.collect.pve.answers import records
from hune.collect.pve.asking import ask_nodes
from hune.collect.pve.collector import Collection, Collector, Needs
from hune.collect.pve.families import Exposition, Family
from hune.pve.errors import Forbidden

_PATH = "/nodes/{node}/apt/update"
_PRIVILEGE = "Sys.Modify on /nodes/{node}"
_TTL_SECONDS = 21600.0

_PENDING = Family(
    "hune_pve_updates_pending", "gauge", "Packages that wait for an upgrade.", ("node",), _PATH, _PRIVILEGE
)
_SECURITY = Family(
    "hune_pve_updates_security_pending",
    "gauge",
    "Those of them that come from a security archive; absent if no package's origin names one.",
    ("node",),
    _PATH,
    _PRIVILEGE,
)


def parse(node: str, answer: Any, out: Exposition) -> None:
    """Turn an answer of `/nodes/{node}/apt/update` into samples. Raises BadAnswer."""
    packages = records(answer, _PATH.format(node=node))
    out.add(_PENDING, len({package.text("Package") for package in packages}), node)
    security = {package.text("Package") for package in packages if "security" in package.text("Origin", "").lower()}
    if security:
        out.add(_SECURITY, len(security), node)


async def collect(run: Collection) -> None:
    """Ask each node for its pending packages."""
    await ask_nodes(run, _PATH, parse, max_age_seconds=_TTL_SECONDS, optional=Forbidden)


COLLECTOR = Collector(
    name="updates",
    scope="cluster",
    families=(_PENDING, _SECURITY),
    needs=(Needs("Sys.Modify", "/nodes"),),
    collect=collect,
)
