"""Backups as the logs of their tasks tell of them: for storages whose backups an account may not see.

A finished task's log never changes, so each is read once. Reading it takes no more than PVEAuditor has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from hune.collect.pve.answers import records
from hune.collect.pve.asking import ask, each
from hune.collect.pve.cluster import Cluster
from hune.collect.pve.collector import Collection
from hune.collect.pve.protection import Backup
from hune.collect.pve.rota import Pace, Rota
from hune.pve.errors import NotThere, PveError

TASKS = "/nodes/{node}/tasks"
LOG = "/nodes/{node}/tasks/{upid}/log"
_DAY = 86400.0
_TTL_SECONDS = 300.0
_LIMIT = 50
_WINDOW_SECONDS = 35 * _DAY
_LINES = "50000"
_PACE = Pace(ttl_seconds=60 * _DAY, keep_seconds=60 * _DAY, batch=20, at_once=2, patience_seconds=5.0)

_UPID = re.compile(r"UPID:[A-Za-z0-9_.:@!+-]{1,300}", re.ASCII)
_STARTED = re.compile(r"starting new backup job: vzdump (.*)")
_STORAGE = re.compile(r"--storage[ =](\S{1,100})")
_FINISHED = re.compile(r"Finished Backup of VM (\d{1,9})\b", re.ASCII)


@dataclass(frozen=True)
class Finished:
    """A task that has ended; `start` is when its backups were begun."""

    node: str
    upid: str
    start: float

    def __str__(self) -> str:
        return LOG.format(node=self.node, upid=quote(self.upid, safe=":@!+"))


@dataclass(frozen=True)
class Log:
    """What a task's log says: onto which storage, and which guests' backups were finished."""

    storage: str
    vmids: frozenset[int]


@dataclass(frozen=True)
class Runs:
    """What the logs say: each guest's latest backup by storage; `known_since` is None if a run may have been missed."""

    newest: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    known_since: float | None = None

    def backups(self, vmid: int, unlisted: frozenset[str]) -> tuple[Backup, ...]:
        """Return a guest's latest backup on each of the storages that can't be listed."""
        known = self.newest.get(vmid, {})
        return tuple(Backup(storage, time, None) for storage, time in known.items() if storage in unlisted)


def parse_tasks(node: str, answer: Any) -> tuple[list[Finished], float]:
    """Read the latest backups' tasks of a node; return those that ended, and since when none is missing."""
    tasks, since = [], 0.0
    entries = records(answer, TASKS.format(node=node))
    for entry in entries:
        start, upid = entry.amount("starttime"), entry.text("upid")
        if "endtime" in entry and _UPID.fullmatch(upid):
            tasks.append(Finished(node, upid, start))
    if len(entries) >= _LIMIT:
        since = min(entry.amount("starttime") for entry in entries)
    return tasks, since


def parse_log(answer: Any, where: str) -> Log:
    """Read a task's log. Raises BadAnswer."""
    storage, vmids = "", set()
    for line in records(answer, where):
        text = line.text("t", "")
        if started := _STARTED.search(text):
            found = _STORAGE.search(started[1])
            storage = found[1] if found else ""
        elif finished := _FINISHED.search(text):
            vmids.add(int(finished[1]))
    return Log(storage, frozenset(vmids))


class RunReader:
    """Reads tasks and their logs, each log once."""

    def __init__(self) -> None:
        self._rota: Rota[Finished, Log] = Rota(_PACE)

    async def read(self, run: Collection, cluster: Cluster) -> Runs:
        """Return what the logs of all nodes say; what could not be had is missed, and leaves `known_since` None."""
        tasks: list[Finished] = []
        sinces = [0.0]
        complete = all(node.online for node in cluster.nodes)
        oldest = run.source.clock.now() - _WINDOW_SECONDS

        async def ask_node(node: str) -> None:
            nonlocal complete
            params = {"typefilter": "vzdump", "limit": str(_LIMIT)}
            try:
                answer = await ask(run.source, TASKS.format(node=node), params, max_age_seconds=_TTL_SECONDS)
                ended, since = parse_tasks(node, answer)
            except PveError as error:
                complete = False
                run.missed(error)
            else:
                tasks.extend(task for task in ended if task.start >= oldest)
                sinces.append(since)

        async def read_log(task: Finished) -> Log:
            return parse_log(await run.source.get(str(task), {"limit": _LINES}, max_age_seconds=60), str(task))

        await each(cluster.online, ask_node)
        tasks.sort(key=lambda task: -task.start)
        known = await self._rota.round(run.source, dict.fromkeys(tasks), read_log)
        for error in known.errors.values():
            # Proxmox clears logs away after a while.
            if not isinstance(error, NotThere):
                run.missed(error)
        newest: dict[int, dict[str, float]] = {}
        for task in tasks:
            log = known.facts.get(task)
            if log is None:
                # What lies before it may have been overtaken by it.
                sinces.append(task.start + 1)
                continue
            for vmid in log.vmids:
                storages = newest.setdefault(vmid, {})
                storages[log.storage] = max(task.start, storages.get(log.storage, 0.0))
        return Runs(newest, max(*sinces, oldest) if complete else None)
