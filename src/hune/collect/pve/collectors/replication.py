"""Storage replication of all nodes: when a guest's disks were last copied, how long it took, what failed.

hune_pve_replication_last_sync_timestamp_seconds{id="qemu/100",node="pve-01",replication_job="100-0",…} 1795253412
hune_pve_replication_failures{id="qemu/100",node="pve-01",replication_job="100-0",target="pve-02"} 3
hune_pve_replication_error_info{id="qemu/100",replication_job="100-0",…,error="…no route to host"} 1
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hune.collect.pve.answers import records
from hune.collect.pve.asking import ask_nodes
from hune.collect.pve.collector import Collection, Collector, Needs
from hune.collect.pve.families import Exposition, Family

_PATH = "/nodes/{node}/replication"
_LABELS = ("replication_job", "id", "node", "target")
_TTL_SECONDS = 30.0


def _gauge(name: str, text: str, *labels: str) -> Family:
    return Family(f"hune_pve_replication_{name}", "gauge", text, (*_LABELS, *labels), _PATH, "VM.Audit on /vms/{vmid}")


_ENABLED = _gauge("enabled", "1 if the job is enabled, else 0.")
_RUNNING = _gauge("running", "1 while the job runs, else 0.")
_FAILURES = _gauge("failures", "Runs that failed since the last one that didn't.")
_LAST_SYNC = _gauge("last_sync_timestamp_seconds", "When the disks were last copied; absent before the first time.")
_LAST_TRY = _gauge("last_try_timestamp_seconds", "When the job last ran, well or not; absent before the first time.")
_NEXT_SYNC = _gauge("next_sync_timestamp_seconds", "When the job runs next; absent while it is disabled.")
_DURATION = _gauge("duration_seconds", "How long the last run took.")
_ERROR = _gauge("error_info", "What the last run failed of; absent while it succeeds.", "error")


@dataclass(frozen=True)
class Replication:
    """State of one job."""

    job: str
    guest: str
    node: str
    target: str
    enabled: bool
    running: bool
    failures: float
    last_sync: float
    last_try: float
    next_sync: float
    duration: float | None
    error: str


def parse(node: str, answer: Any) -> list[Replication]:
    """Read an answer of `/nodes/{node}/replication`. Raises BadAnswer."""
    jobs = []
    for job in records(answer, _PATH.format(node=node)):
        error = job.text("error", "")
        jobs.append(
            Replication(
                job=job.text("id"),
                guest=f"{job.text('vmtype', 'qemu')}/{job.whole('guest')}",
                node=node,
                target=job.text("target", ""),
                enabled=not job.flag("disable", False),
                running="pid" in job,
                failures=job.amount("fail_count", 0),
                last_sync=job.amount("last_sync", 0),
                last_try=job.amount("last_try", 0),
                next_sync=job.amount("next_sync", 0),
                duration=job.amount("duration") if "duration" in job else None,
                error=error,
            )
        )
    return jobs


async def read_replication(run: Collection) -> list[Replication]:
    """Ask each node for its jobs; what could not be had is missed. Raises PveError."""
    jobs: list[Replication] = []

    def take(node: str, answer: Any, _: Exposition) -> None:
        jobs.extend(parse(node, answer))

    await ask_nodes(run, _PATH, take, max_age_seconds=_TTL_SECONDS)
    return jobs


def add(job: Replication, out: Exposition) -> None:
    """Turn a job's state into samples."""
    labels = (job.job, job.guest, job.node, job.target)
    out.add(_ENABLED, job.enabled, *labels)
    out.add(_RUNNING, job.running, *labels)
    out.add(_FAILURES, job.failures, *labels)
    times = ((_LAST_SYNC, job.last_sync), (_LAST_TRY, job.last_try), (_NEXT_SYNC, job.next_sync if job.enabled else 0))
    for family, time in times:
        if time:
            out.add(family, time, *labels)
    if job.duration is not None:
        out.add(_DURATION, job.duration, *labels)
    if job.error:
        out.add(_ERROR, 1, *labels, job.error)


async def collect(run: Collection) -> None:
    """Ask each node for its jobs."""
    for job in await read_replication(run):
        add(job, run.out)


COLLECTOR = Collector(
    name="replication-jobs",
    scope="cluster",
    families=(_ENABLED, _RUNNING, _FAILURES, _LAST_SYNC, _LAST_TRY, _NEXT_SYNC, _DURATION, _ERROR),
    needs=(Needs("VM.Audit", "/vms"),),
    collect=collect,
)
