"""The cluster's quorum device, if it has one.

pve_qdevice_up{id="cluster/home"} 1
pve_qdevice_info{id="cluster/home",model="Net",algorithm="LMS",qnetd_host="10.0.0.9:5403",…} 1
"""

from __future__ import annotations

from hune.collect.pve.collector import Collection, Collector, Needs
from hune.collect.pve.compat.reading import STATUS, cluster_status, need, row
from hune.collect.pve.families import Family
from hune.pve.errors import Failed, Forbidden, NotThere

_PATH = "/cluster/config/qdevice"
_TTL_SECONDS = 30.0

_UP = Family(
    "pve_qdevice_up", "gauge", "1 if the quorum device is connected, else 0.", ("id",), _PATH, "Sys.Audit on /"
)
_INFO = Family(
    "pve_qdevice_info",
    "gauge",
    "What the quorum device is.",
    ("id", "model", "algorithm", "qnetd_host", "tie_breaker", "state"),
    _PATH,
    "Sys.Audit on /",
)
_FIELDS = ("Model", "Algorithm", "QNetd host", "Tie-breaker", "State")


async def collect(run: Collection) -> None:
    """Ask for the device; that Proxmox refuses to tell means that there is none."""
    name = next(
        (need(e, "name", STATUS) for e in await cluster_status(run) if need(e, "type", STATUS) == "cluster"), None
    )
    if name is None:
        return
    try:
        answer = await run.source.get(_PATH, max_age_seconds=_TTL_SECONDS)
    except (NotThere, Forbidden, Failed):
        return
    if not answer:
        return
    device = row(answer, _PATH)
    run.out.add(_UP, device.get("State") == "Connected", f"cluster/{name}")
    run.out.add(_INFO, 1, f"cluster/{name}", *(device.get(field, "") for field in _FIELDS))


COLLECTOR = Collector("qdevice", "cluster", (_UP, _INFO), (Needs("Sys.Audit"),), collect)
