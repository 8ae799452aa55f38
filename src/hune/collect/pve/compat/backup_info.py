"""Guests that no backup job covers.

pve_not_backed_up_total{id="cluster/home"} 1
pve_not_backed_up_info{id="qemu/102"} 1
"""

from __future__ import annotations

from hune.collect.pve.collector import Collection, Collector, Needs
from hune.collect.pve.compat.reading import STATUS, cluster_status, need, rows
from hune.collect.pve.families import Family
from hune.pve.errors import BadAnswer

_PATH = "/cluster/backup-info/not-backed-up"
_TTL_SECONDS = 300.0
"""Proxmox reads every guest's configuration and every job for it."""

_TOTAL = Family(
    "pve_not_backed_up_total", "gauge", "Guests that no backup job covers.", ("id",), _PATH, "VM.Audit on /vms"
)
_INFO = Family(
    "pve_not_backed_up_info", "gauge", "1 for each guest that no backup job covers.", ("id",), _PATH, "VM.Audit on /vms"
)


async def collect(run: Collection) -> None:
    """Ask for the guests, and for a name to put their number under: the cluster's, or the lone node's."""
    guests = rows(await run.source.get(_PATH, max_age_seconds=_TTL_SECONDS), _PATH)
    status = await cluster_status(run)
    if not status:
        raise BadAnswer(f"{STATUS}: empty", path=STATUS)
    run.out.add(_TOTAL, len(guests), f"cluster/{need(status[0], 'name', STATUS)}")
    run.out.write(_INFO, "")
    for guest in guests:
        run.out.add(_INFO, 1, f"{need(guest, 'type', _PATH)}/{need(guest, 'vmid', _PATH)}")


COLLECTOR = Collector("backup-info", "cluster", (_TOTAL, _INFO), (Needs("VM.Audit", "/vms"),), collect)
