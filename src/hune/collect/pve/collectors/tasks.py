"""Tasks that failed in the last day, and what keeps a guest busy now (so that a rule can explain what it sees).

hune_pve_tasks_failed{node="pve-01",type="vzdump"} 2
hune_pve_task_last_failure_timestamp_seconds{node="pve-01",type="vzdump"} 1795226412
hune_pve_backups_failing{node="pve-01"} 1
hune_pve_guest_busy{id="qemu/100",node="pve-01",reason="backup"} 1
hune_pve_guest_stopped_timestamp_seconds{id="qemu/101",node="pve-01"} 1795226500
hune_pve_tasks_running{node="pve-01",type="vzdump"} 1
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from hune.collect.pve.answers import records
from hune.collect.pve.asking import ask, ask_nodes, each
from hune.collect.pve.cluster import RESOURCES, Guest, read_guests
from hune.collect.pve.collector import Collection, Collector, Needs
from hune.collect.pve.families import Exposition, Family
from hune.pve.errors import PveError

_RECENT = "/cluster/tasks"
_FAILED = "/nodes/{node}/tasks"
_PRIVILEGE = "Sys.Audit on /nodes/{node}"
_RECENT_TTL_SECONDS = 10.0
_FAILED_TTL_SECONDS = 60.0
_WINDOW_SECONDS = 86400
_LIMIT = 500

_FAILURES = Family(
    "hune_pve_tasks_failed",
    "gauge",
    "Tasks that ended with an error in the last 24 hours (of the last 500 errors of the node).",
    ("node", "type"),
    _FAILED,
    _PRIVILEGE,
)
_LAST = Family(
    "hune_pve_task_last_failure_timestamp_seconds",
    "gauge",
    "When the latest of them ended.",
    ("node", "type"),
    _FAILED,
    _PRIVILEGE,
)
_FAILING = Family(
    "hune_pve_backups_failing",
    "gauge",
    "Backup tasks of the last 24 hours that failed and were not followed by one that succeeded: of the same guest, or "
    "of a job where a job failed. Absent where none failed.",
    ("node",),
    _FAILED,
    _PRIVILEGE,
)
_RUNNING = Family(
    "hune_pve_tasks_running",
    "gauge",
    "Tasks that run now; absent where none does.",
    ("node", "type"),
    _RECENT,
    _PRIVILEGE,
)
_BUSY = Family(
    "hune_pve_guest_busy",
    "gauge",
    "1 while a guest is being backed up, migrated, restored, cloned, rolled back, snapshotted, or its disk moved.",
    ("id", "node", "reason"),
    f"{_RECENT}, {RESOURCES}",
    "VM.Audit on /vms/{vmid}",
)
_STOPPED = Family(
    "hune_pve_guest_stopped_timestamp_seconds",
    "gauge",
    "When somebody stopped or shut down a guest, 0 if it was started since; absent if the cluster's list of recent "
    "tasks doesn't tell of either any more.",
    ("id", "node"),
    _RECENT,
    "VM.Audit on /vms/{vmid}",
)
# What a task's type and a guest's lock mean for somebody who looks at the guest.
_REASONS = {
    "vzdump": "backup",
    "qmigrate": "migration",
    "vzmigrate": "migration",
    "hamigrate": "migration",
    "qmrestore": "restore",
    "vzrestore": "restore",
    "qmclone": "clone",
    "vzclone": "clone",
    "qmsnapshot": "snapshot",
    "vzsnapshot": "snapshot",
    "qmdelsnapshot": "snapshot",
    "vzdelsnapshot": "snapshot",
    "qmrollback": "rollback",
    "vzrollback": "rollback",
    "qmmove": "disk-move",
    "move_volume": "disk-move",
}
_STOPS = frozenset(("qmstop", "qmshutdown", "qmsuspend", "vzstop", "vzshutdown", "vzsuspend", "hastop"))
_STARTS = frozenset(("qmstart", "qmresume", "vzstart", "vzresume", "hastart"))
_LOCKS = {
    "backup": "backup",
    "migrate": "migration",
    "create": "restore",
    "clone": "clone",
    "snapshot": "snapshot",
    "snapshot-delete": "snapshot",
    "rollback": "rollback",
    "disk": "disk-move",
}


def parse_recent(answer: Any, guests: tuple[Guest, ...], out: Exposition) -> None:
    """Turn an answer of `/cluster/tasks` and the guests' locks into samples. Raises BadAnswer.

    A backup of many guests is one task without a guest's number: there the lock tells which one is at it. One that
    was killed leaves its lock behind: that excuses nothing.
    """
    by_number = {str(guest.vmid): guest for guest in guests}
    busy: set[tuple[str, str, str]] = set()
    running: Counter[tuple[str, str]] = Counter()
    latest: dict[Guest, tuple[float, bool]] = {}
    for task in records(answer, _RECENT):
        kind = task.text("type")
        guest = by_number.get(task.text("id", "").removeprefix("vm:").removeprefix("ct:"))
        if "endtime" not in task:
            running[task.text("node"), kind] += 1
            if guest is not None and kind in _REASONS:
                busy.add((guest.id, guest.node, _REASONS[kind]))
        # A start that failed is one all the same: the guest is meant to run.
        elif guest is not None and (kind in _STARTS or (kind in _STOPS and task.text("status", "") == "OK")):
            latest[guest] = max(latest.get(guest, (0.0, False)), (task.amount("endtime"), kind in _STOPS))
    for guest in guests:
        if guest.lock in _LOCKS and (guest.lock != "backup" or (guest.node, "vzdump") in running):
            busy.add((guest.id, guest.node, _LOCKS[guest.lock]))
    for labels, count in sorted(running.items()):
        out.add(_RUNNING, count, *labels)
    for who in sorted(busy):
        out.add(_BUSY, 1, *who)
    for guest, (when, was_stop) in latest.items():
        out.add(_STOPPED, when if was_stop else 0, guest.id, guest.node)


def parse_failed(node: str, answer: Any, since: float, out: Exposition) -> frozenset[str]:
    """Turn an answer of `/nodes/{node}/tasks?errors=1` into samples; return the types that failed. Raises BadAnswer."""
    count: Counter[str] = Counter()
    last: dict[str, float] = {}
    for task in records(answer, _FAILED.format(node=node)):
        status = task.text("status", "")
        # A task without an end still runs.
        if "endtime" not in task or not _has_failed(status):
            continue
        kind, end = task.text("type"), task.amount("endtime")
        if end >= since:
            count[kind] += 1
            last[kind] = max(end, last.get(kind, 0))
    for kind in sorted(count):
        out.add(_FAILURES, count[kind], node, kind)
        out.add(_LAST, last[kind], node, kind)
    return frozenset(count)


def parse_backups(node: str, answer: Any, since: float, out: Exposition) -> None:
    """Turn an answer of `/nodes/{node}/tasks?typefilter=vzdump` into a sample. Raises BadAnswer.

    A task is of the guest that its `id` names, or of a job if that is empty.
    """
    ended = [task for task in records(answer, _FAILED.format(node=node)) if "endtime" in task]
    good: dict[str, float] = {}
    for task in ended:
        if not _has_failed(task.text("status", "")):
            good[task.text("id", "")] = max(task.amount("endtime"), good.get(task.text("id", ""), 0))
    failing = [
        task
        for task in ended
        if _has_failed(task.text("status", ""))
        and task.amount("endtime") >= since
        and task.amount("endtime") > good.get(task.text("id", ""), 0)
    ]
    out.add(_FAILING, len(failing), node)


def _has_failed(status: str) -> bool:
    """Return whether a task that ended so failed; warnings are no failures."""
    return status != "OK" and not status.startswith("WARNINGS")


async def collect(run: Collection) -> None:
    """Ask for the tasks that run, and each node for its failures."""
    try:
        guests = await read_guests(run.source)
        out = Exposition()
        parse_recent(await run.source.get(_RECENT, max_age_seconds=_RECENT_TTL_SECONDS), guests, out)
    except PveError as error:
        run.missed(error)
    else:
        run.out.extend(out)
    since = run.source.clock.now() - _WINDOW_SECONDS

    failed: list[str] = []

    def parse(node: str, answer: Any, out: Exposition) -> None:
        if "vzdump" in parse_failed(node, answer, since, out):
            failed.append(node)

    # No `since` in the question: Proxmox compares it with a task's start, and an answer is found again by its question.
    newest = {"errors": "1", "limit": str(_LIMIT)}
    await ask_nodes(run, _FAILED, parse, newest, max_age_seconds=_FAILED_TTL_SECONDS)

    async def ask_backups(node: str) -> None:
        path, params, out = _FAILED.format(node=node), {"typefilter": "vzdump", "limit": "50"}, Exposition()
        try:
            parse_backups(node, await ask(run.source, path, params, max_age_seconds=_FAILED_TTL_SECONDS), since, out)
        except PveError as error:
            run.missed(error)
        else:
            run.out.extend(out)

    await each(sorted(failed), ask_backups)


COLLECTOR = Collector(
    name="tasks",
    scope="cluster",
    families=(_FAILURES, _LAST, _FAILING, _RUNNING, _BUSY, _STOPPED),
    needs=(Needs("Sys.Audit", "/nodes"), Needs("VM.Audit", "/vms")),
    collect=collect,
)
