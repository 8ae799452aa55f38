"""A node's replication jobs, and how each fares.

pve_replication_last_sync_timestamp_seconds{id="100-0"} 1786870800
pve_replication_info{id="100-0",type="local",source="node/pve-01",target="node/pve-02",guest="qemu/100"} 1
"""

from __future__ import annotations

import asyncio

from hune.collect.pve.collector import Collection, Collector, Needs
from hune.collect.pve.compat.reading import Row, need, node_of, row, rows, value
from hune.collect.pve.families import Family

_PATH = "/nodes/{node}/replication"


def _gauge(name: str, text: str, *labels: str) -> Family:
    return Family(f"pve_replication_{name}", "gauge", text, ("id", *labels), _PATH, "VM.Audit on /vms/{vmid}")


_GAUGES = {
    "duration": _gauge("duration_seconds", "How long the last replication of a job took."),
    "last_sync": _gauge("last_sync_timestamp_seconds", "When a job last succeeded; 0: never."),
    "last_try": _gauge("last_try_timestamp_seconds", "When a job last ran; 0: never."),
    "next_sync": _gauge("next_sync_timestamp_seconds", "When a job will run next."),
    "fail_count": _gauge("failed_syncs", "Failures of a job since it last succeeded."),
}
_INFO = _gauge("info", "What a job replicates.", "type", "source", "target", "guest")


async def collect(run: Collection) -> None:
    """Ask the node for its jobs; a list without their state makes it ask for each."""
    path = _PATH.format(node=await node_of(run))
    jobs = rows(await run.source.get(path), path)

    async def state(job: Row) -> Row:
        if not _GAUGES.keys().isdisjoint(job):
            return job
        status = f"{path}/{need(job, 'id', path)}/status"
        return row(await run.source.get(status), status)

    states = await asyncio.gather(*map(state, jobs))
    for key, family in _GAUGES.items():
        run.out.write(family, "")
        for job, known in zip(jobs, states, strict=True):
            if key in known:
                run.out.write(family, family.line % (str(need(job, "id", path)), value(known[key], path)))
    run.out.write(_INFO, "")
    for job in jobs:
        id_, kind, source, target, vmtype, guest = (
            need(job, key, path) for key in ("id", "type", "source", "target", "vmtype", "guest")
        )
        run.out.add(_INFO, 1, id_, kind, f"node/{source}", f"node/{target}", f"{vmtype}/{guest}")


COLLECTOR = Collector("replication", "node", (*_GAUGES.values(), _INFO), (Needs("VM.Audit", "/vms"),), collect)
