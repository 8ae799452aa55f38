"""Backups that somebody starts, and ends: well or not. A node makes one at a time, as vzdump's lock has it."""

from __future__ import annotations

from typing import Any

from hune.core.errors import InputError
from hune.lab.hardware import MACHINES
from hune.lab.pve.backups import DAY, in_hand
from hune.lab.pve.cluster import Cluster
from hune.lab.pve.faults import Run
from hune.lab.pve.guests import BY_VMID
from hune.lab.pve.naming import find_guest, shown
from hune.lab.state import LabState

Event = dict[str, Any]
_KEPT, _KEPT_SECONDS = 50, 14 * DAY
_DOWN_SECONDS = 20.0
"""How long a virtual machine doesn't run that is stopped for its backup: it is started again while that is made."""


def begin(state: LabState, wanted: str, *, stops: bool, now: float) -> Event:
    """Start to back up a guest, or all of a node; return what happened. Raises InputError if that is impossible."""
    numbers = {machine.name: machine.number for machine in MACHINES}
    number = numbers.get(wanted.lower().removeprefix(state.prefix), 0)
    guest = None if number else find_guest(wanted)
    number = guest.home if guest else number
    cluster = Cluster(state, now)
    if not cluster.lives(number):
        raise InputError(f"{cluster.name(number)}: dead, so nothing can be backed up there", remedy="hune lab revive")
    if any(run.end is None and run.node == number for run in state.pve.runs):
        raise InputError(f"{cluster.name(number)}: makes a backup already", remedy="end it with: hune lab end-backup")
    if guest and in_hand(state.pve, guest, now):
        raise InputError(f"{guest.id} {guest.name}: being backed up already", remedy="try again in a minute")
    if stops and not (guest and cluster.placed[guest.vmid].is_running):
        raise InputError(
            f"{wanted}: nothing that could be stopped", remedy="name a guest that runs, or leave out --stop"
        )
    run = Run(number, str(guest.vmid) if guest else "", now, stops)
    kept = [old for old in state.pve.runs if old.end is None or old.end > now - _KEPT_SECONDS]
    state.pve.runs = [*kept[1 - _KEPT :], run]
    if stops and guest and guest.kind == "qemu":
        state.pve.started[run.vmid] = now + _DOWN_SECONDS
    return {"time": now} | describe(state, run)


def end(state: LabState, wanted: str, *, failed: bool, now: float) -> list[Event]:
    """End the backups that run, or the one of that guest or node; return what happened.

    Raises InputError if there is none.
    """
    running = [run for run in state.pve.runs if run.end is None and (not wanted or wanted.lower() in names(state, run))]
    if wanted and not running:
        raise InputError(f"{wanted}: no backup runs that was started by hand", remedy="see: hune lab status")
    for run in running:
        finish(state, run, is_good=not failed, now=now)
    return [{"time": now} | describe(state, run) for run in running]


def finish(state: LabState, run: Run, *, is_good: bool, now: float) -> None:
    """Note that a backup is over; the container that was stopped for it starts."""
    run.end, run.is_good = now, is_good
    if run.stops and BY_VMID[int(run.vmid)].kind == "lxc":
        state.pve.started[run.vmid] = now


def undo(state: LabState, wanted: str, now: float) -> list[Run]:
    """End well what runs and forget what failed, all of it or that of a guest or node; return which."""
    undone = [
        run
        for run in state.pve.runs
        if (run.end is None or run.has_failed) and (not wanted or wanted.lower() in {*names(state, run), "backup"})
    ]
    for run in undone:
        if run.end is None:
            finish(state, run, is_good=True, now=now)
        else:
            state.pve.runs.remove(run)
    return undone


def interrupt(state: LabState, number: int, now: float) -> None:
    """Note that the backups of a node that dies have failed."""
    for run in state.pve.runs:
        if run.node == number and run.end is None:
            finish(state, run, is_good=False, now=now)


def noteworthy(state: LabState) -> list[Event]:
    """Return the backups that run or failed, as `hune lab status --json` shows them."""
    return [describe(state, run) for run in state.pve.runs if run.end is None or run.has_failed]


def describe(state: LabState, run: Run) -> Event:
    """Return a backup as `hune lab status --json` shows it."""
    text = "being backed up" if run.end is None else "backed up" if run.is_good else "backup failed"
    return {"fault": "backup", "subject": subject(state, run), "value": None, "since": run.start, "text": text}


def subject(state: LabState, run: Run) -> str:
    """Return what is backed up, as people call it."""
    return shown(state, run.vmid or next(machine.name for machine in MACHINES if machine.number == run.node))


def names(state: LabState, run: Run) -> set[str]:
    """Return, in small letters, the names that a backup is meant by."""
    return {name.lower() for name in (subject(state, run), *subject(state, run).split(" "), run.vmid) if name}
