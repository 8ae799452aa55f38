"""Whether a node's guests start with it.

pve_onboot_status{id="qemu/100",node="pve-01",type="qemu"} 1
"""

from __future__ import annotations

import functools

from hune.collect.pve.collector import Collection, Collector, Needs
from hune.collect.pve.compat.reading import RESOURCES, need, node_of, resources, row, value
from hune.collect.pve.families import Family, escape
from hune.collect.pve.rota import Pace, Rota
from hune.pve.errors import NotThere

_PATH = "/nodes/{node}/{id}/config"
_TTL_SECONDS = 600.0

_ONBOOT = Family(
    "pve_onboot_status",
    "gauge",
    "1 if a guest starts with its node, else 0; absent if its configuration doesn't say.",
    ("id", "node", "type"),
    _PATH,
    "VM.Audit on /vms/{vmid}",
)

# One call for each guest of what changes seldom: asked all at once the first time, then a few at a time.
_PACE = Pace(
    ttl_seconds=_TTL_SECONDS,
    keep_seconds=2 * _TTL_SECONDS,
    batch=100_000,
    at_once=16,
    budget_seconds=60.0,
    patience_seconds=30.0,
    again_seconds=15.0,
)


@functools.cache
def _rota(_node: str) -> Rota[str, tuple[str, ...]]:
    """Return the rota of a node's guests: a rota forgets what a round doesn't want."""
    return Rota(_PACE)


async def collect(run: Collection) -> None:
    """Ask for the configurations that are due; the rest is known."""
    node = await node_of(run)
    # This list costs Proxmox little; that of a node asks every running machine how it does.
    guests = {
        str(need(entry, "id", RESOURCES)): (entry.get("name"), entry.get("template"))
        for entry in await resources(run)
        if need(entry, "type", RESOURCES) in ("qemu", "lxc") and entry.get("node") == node
    }

    async def fetch(id_: str) -> tuple[str, ...]:
        path = _PATH.format(node=node, id=id_)
        config = row(await run.source.get(path), path)
        return (value(config["onboot"], path),) if "onboot" in config else ()

    known = await _rota(node).round(run.source, guests, fetch)
    run.out.write(_ONBOOT, "")
    for id_ in guests:
        for onboot in known.facts.get(id_, ()):
            run.out.write(_ONBOOT, _ONBOOT.line % (escape(id_), escape(node), id_.partition("/")[0], onboot))
    for error in known.errors.values():
        # One that was removed or moved a moment ago is no fault.
        if not isinstance(error, NotThere):
            run.missed(error)


COLLECTOR = Collector("config", "node", (_ONBOOT,), (Needs("VM.Audit", "/vms"),), collect)
