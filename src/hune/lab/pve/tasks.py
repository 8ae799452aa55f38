"""The tasks of the last days: nightly backups, package lists, recoveries; what failed, failed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hune.lab.pve import backups
from hune.lab.pve.cluster import NUMBERS, Cluster
from hune.lab.pve.faults import Run
from hune.lab.pve.guests import GUESTS
from hune.lab.pve.routes import ON_NODE, ApiError, Ask, Route
from hune.lab.pve.wave import spread

Row = dict[str, Any]
_DAYS_KEPT = 14
_IN_CLUSTER_LIST = 25
_UPDATE_SECONDS = 3 * backups.HOUR + 1020


@dataclass(frozen=True, slots=True)
class Task:
    """A task; `end` is 0 while it runs, and `status` empty then."""

    node: str
    type: str
    id: str
    start: int
    end: int = 0
    status: str = ""
    user: str = "root@pam"
    boot: int = 0

    @property
    def pid(self) -> int:
        return 2_000 + int(spread(f"pid/{self.node}/{self.type}/{self.start}/{self.id}") * 4_000_000)

    @property
    def pstart(self) -> int:
        """When its process began, in hundredths of a second since the node was started."""
        return max(0, self.start - self.boot) * 100

    @property
    def upid(self) -> str:
        return f"UPID:{self.node}:{self.pid:08X}:{self.pstart:08X}:{self.start:08X}:{self.type}:{self.id}:{self.user}:"

    def row(self) -> Row:
        """Return it as a list of tasks shows it."""
        row: Row = {
            "id": self.id,
            "node": self.node,
            "pid": self.pid,
            "pstart": self.pstart,
            "starttime": self.start,
            "type": self.type,
            "upid": self.upid,
            "user": self.user,
        }
        if self.end:
            row |= {"endtime": self.end, "status": self.status}
        return row


def tasks(cluster: Cluster, number: int) -> list[Task]:
    """Return a node's tasks, newest first."""
    found = [
        *_backups(cluster, number),
        *_weekly_backups(cluster, number),
        *_backups_started(cluster, number),
        *_updates(cluster, number),
        *_starts(cluster, number),
    ]
    return sorted(found, key=lambda task: -task.start)


def _made(cluster: Cluster, number: int, kind: str, start: float, **more: Any) -> Task:
    return Task(
        cluster.name(number), kind, more.pop("id", ""), int(start), boot=int(cluster.node(number).boot_time), **more
    )


def _backups(cluster: Cluster, number: int) -> Iterator[Task]:
    newest = backups.last_run(cluster.now, backups.NIGHTLY_SECONDS)
    failed = {
        backups.last_run(fault.since, backups.NIGHTLY_SECONDS)
        for fault in cluster.pve.faults
        if fault.kind == "fail-backup" and int(fault.subject) // 100 == number
    }
    for back in range(_DAYS_KEPT):
        start = newest - back * backups.DAY
        end = start + backups.run_seconds(number)
        if end > cluster.now:
            yield _made(cluster, number, "vzdump", start)
        else:
            status = "job errors" if start in failed else "OK"
            yield _made(cluster, number, "vzdump", start, end=int(end), status=status)


def _weekly_backups(cluster: Cluster, number: int) -> Iterator[Task]:
    newest = backups.last_run(cluster.now, backups.WEEKLY_SECONDS, every_days=7)
    for back in range(0, _DAYS_KEPT, 7):
        start = newest - back * backups.DAY
        end = start + backups.WEEKLY_SLOT_SECONDS * len(backups.WEEKLY_GUESTS)
        if end > cluster.now:
            yield _made(cluster, number, "vzdump", start)
        else:
            yield _made(cluster, number, "vzdump", start, end=int(end), status="OK")


def _backups_started(cluster: Cluster, number: int) -> Iterator[Task]:
    for run in cluster.pve.runs:
        if run.node != number:
            continue
        end = None if run.end is None else int(run.end)
        status = "" if end is None else "OK" if run.is_good else "job errors"
        yield _made(cluster, number, "vzdump", run.start, id=run.vmid, end=end or 0, status=status)


def _updates(cluster: Cluster, number: int) -> Iterator[Task]:
    newest = backups.last_run(cluster.now - 60, _UPDATE_SECONDS + 60 * number)
    for back in range(_DAYS_KEPT):
        start = newest - back * backups.DAY
        yield _made(cluster, number, "aptupdate", start, end=int(start) + 7, status="OK")


def _starts(cluster: Cluster, number: int) -> Iterator[Task]:
    boot = cluster.node(number).boot_time
    if cluster.now - boot < _DAYS_KEPT * backups.DAY:
        yield _made(cluster, number, "startall", boot + 30, end=int(boot) + 130, status="OK")
    for placed in cluster.guests_on(number):
        guest = placed.guest
        kind = "qmstart" if guest.kind == "qemu" else "vzstart"
        asked = cluster.pve.started.get(str(guest.vmid), 0.0)
        # What a backup stops it starts again by itself.
        by_backup = any(run.stops and run.vmid == str(guest.vmid) and run.start < asked for run in cluster.pve.runs)
        asked_for = not by_backup and (guest.home != number or asked > boot)
        if placed.is_running and asked_for and placed.started <= cluster.now:
            moment = placed.started
            yield _made(cluster, number, kind, moment, id=str(guest.vmid), end=int(moment) + 3, status="OK")
        stopped = cluster.pve.find("stop", str(guest.vmid))
        if stopped is not None:
            kind = kind.replace("start", "stop")
            yield _made(
                cluster, number, kind, stopped.since, id=str(guest.vmid), end=int(stopped.since) + 2, status="OK"
            )


def _listed(ask: Ask) -> list[Row]:
    params = ask.params
    since, until = ask.integer("since", 0), ask.integer("until", 1 << 40)
    limit, first = ask.integer("limit", 50), ask.integer("start", 0)
    vmid, kind, user = params.get("vmid"), params.get("typefilter"), params.get("userfilter")
    rows = []
    for task in tasks(ask.cluster, ask.node):
        if not task.end and params.get("source", "archive") == "archive":
            continue
        if task.end and params.get("source") == "active" and task.end < ask.cluster.now - 300:
            continue
        if ask.flag("errors") and task.status in ("", "OK"):
            continue
        if vmid not in (None, task.id) or kind not in (None, task.type) or (user or "") not in task.user:
            continue
        if since <= task.start <= until:
            rows.append(task.row())
    return rows[first : first + limit]


def _in_cluster(ask: Ask) -> list[Row]:
    rows: list[Row] = []
    for number in NUMBERS:
        if ask.cluster.sees(number):
            rows += [task.row() | {"saved": "1"} for task in tasks(ask.cluster, number)[:_IN_CLUSTER_LIST]]
    return sorted(rows, key=lambda row: -int(row["starttime"]))


def _status(ask: Ask) -> Row:
    for task in tasks(ask.cluster, ask.node):
        if task.upid == ask.path["upid"]:
            row = task.row()
            row.pop("endtime", None)
            if status := row.pop("status", ""):
                return row | {"exitstatus": status, "status": "stopped"}
            return row | {"status": "running"}
    raise ApiError(500, f"unable to parse worker upid '{ask.path['upid']}'")


def _log(ask: Ask) -> list[Row]:
    """Return the lines of a task's log, `limit` of them from `start` on."""
    for task in tasks(ask.cluster, ask.node):
        if task.upid == ask.path["upid"]:
            first, limit = ask.integer("start", 0), ask.integer("limit", 50)
            lines = list(_lines(ask.cluster, ask.node, task))
            return [{"n": first + n, "t": text} for n, text in enumerate(lines[first : first + limit], 1)]
    raise ApiError(500, f"unable to parse worker upid '{ask.path['upid']}'")


def _lines(cluster: Cluster, number: int, task: Task) -> Iterator[str]:
    if task.type == "vzdump":
        yield from _backup_lines(cluster, number, task)
    if task.end:
        yield "TASK OK" if task.status == "OK" else f"TASK ERROR: {task.status}"


def _backup_lines(cluster: Cluster, number: int, task: Task) -> Iterator[str]:
    run = next((run for run in cluster.pve.runs if (run.node, int(run.start)) == (number, task.start)), None)
    if run is not None:
        yield from _lines_of_run(cluster, run)
        return
    is_weekly = task.start % backups.DAY == backups.WEEKLY_SECONDS
    storage = backups.WEEKLY_STORAGE if is_weekly else backups.NIGHTLY_STORAGE
    seconds = backups.WEEKLY_SLOT_SECONDS if is_weekly else backups.SLOT_SECONDS
    yield f"INFO: starting new backup job: vzdump --all 1 --mode snapshot --quiet 1 --storage {storage}"
    for place, guest in enumerate(
        backups.WEEKLY_GUESTS if is_weekly else [one for one in backups.NIGHTLY_GUESTS if one.home == number]
    ):
        begun = task.start + place * seconds
        if begun > cluster.now:
            return
        if guest.home != number:
            continue
        yield f"INFO: Starting Backup of VM {guest.vmid} ({guest.kind})"
        failure = cluster.pve.find("fail-backup", str(guest.vmid))
        if failure is not None and backups.last_run(failure.since, backups.NIGHTLY_SECONDS) == task.start:
            yield f"ERROR: Backup of VM {guest.vmid} failed - backup write data failed: command error: stream closed"
        elif begun + seconds <= cluster.now:
            yield f"INFO: Finished Backup of VM {guest.vmid} (00:{seconds // 60:02}:{seconds % 60:02})"
    if task.end:
        yield f"INFO: Backup job finished {'successfully' if task.status == 'OK' else 'with errors'}"


def _lines_of_run(cluster: Cluster, run: Run) -> Iterator[str]:
    what, mode = run.vmid or "--all 1", "stop" if run.stops else "snapshot"
    yield f"INFO: starting new backup job: vzdump {what} --mode {mode} --storage {backups.NIGHTLY_STORAGE}"
    for guest in GUESTS:
        found = backups.of_run(run, guest, cluster.now)
        if found is None:
            continue
        yield f"INFO: Starting Backup of VM {guest.vmid} ({guest.kind})"
        if found[1]:
            yield f"INFO: Finished Backup of VM {guest.vmid} (00:00:{backups.SLOT_SECONDS:02})"
        elif run.end is not None:
            yield f"ERROR: Backup of VM {guest.vmid} failed - backup write data failed: command error: stream closed"
    if run.end is not None:
        yield f"INFO: Backup job finished {'successfully' if run.is_good else 'with errors'}"


ROUTES = [
    Route("/cluster/tasks", _in_cluster),
    Route(f"{ON_NODE}/tasks", _listed),
    Route(f"{ON_NODE}/tasks/{{upid}}/status", _status),
    Route(f"{ON_NODE}/tasks/{{upid}}/log", _log),
]
