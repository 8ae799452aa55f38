"""Backups as the lab's two jobs make them: every night to the backup server, every Sunday to the NAS.

What exists follows from the schedule, the retention and the time, and of those that somebody started (to the backup
server too) from when they ran; nothing else is kept. Times are UTC.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from hune.lab.pve.faults import PveState, Run
from hune.lab.pve.guests import GIB, GUESTS, MIB, Guest
from hune.lab.pve.wave import spread

DAY = 86_400
HOUR = 3_600
SLOT_SECONDS, WEEKLY_SLOT_SECONDS = 40, 300
NIGHTLY_ID, WEEKLY_ID = "backup-5f1c2b7a-9d30", "backup-c84e01d6-27fb"
NIGHTLY_STORAGE, WEEKLY_STORAGE = "pbs", "nas"
NIGHTLY_SECONDS = 2 * HOUR + 1800
WEEKLY_SECONDS = 4 * HOUR
_VERIFY_SECONDS = 6 * HOUR
KEEP_DAILY, KEEP_WEEKLY = 7, 4
_THURSDAY_TO_SUNDAY = 3  # the epoch began on a Thursday
_BYTES_PER_SECOND, _MOST_BYTES = 100e6, 40 * GIB

NIGHTLY_GUESTS = tuple(guest for guest in GUESTS if guest.is_backed_up)
WEEKLY_GUESTS = tuple(guest for guest in GUESTS if "database" in guest.tags)
_PLACE = {
    guest.vmid: index
    for home in {guest.home for guest in GUESTS}
    for index, guest in enumerate(guest for guest in NIGHTLY_GUESTS if guest.home == home)
}


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup; `taken` is when it began, `verified` is `ok`, `failed` or empty (not looked at yet, or never is)."""

    guest: Guest
    storage: str
    taken: float
    verified: str = ""
    is_whole: bool = True

    @property
    def size_bytes(self) -> int:
        """How large it is: the whole disk at the backup server, 1 until it is all there; on the NAS an archive."""
        if not self.is_whole:
            return 1
        if self.storage == NIGHTLY_STORAGE:
            return self.guest.disk_bytes + 437
        share = 0.18 + 0.2 * spread(f"archive/{self.guest.vmid}/{int(self.taken)}")
        return round(self.guest.disk_bytes * share) // MIB * MIB

    @property
    def volid(self) -> str:
        moment = time.gmtime(self.taken)
        kind = "vm" if self.guest.kind == "qemu" else "ct"
        if self.storage == NIGHTLY_STORAGE:
            return f"pbs:backup/{kind}/{self.guest.vmid}/{time.strftime('%Y-%m-%dT%H:%M:%SZ', moment)}"
        stamp = time.strftime("%Y_%m_%d-%H_%M_%S", moment)
        return f"nas:backup/vzdump-{self.guest.kind}-{self.guest.vmid}-{stamp}.{self.format}"

    @property
    def format(self) -> str:
        if self.storage == NIGHTLY_STORAGE:
            return "pbs-vm" if self.guest.kind == "qemu" else "pbs-ct"
        return "vma.zst" if self.guest.kind == "qemu" else "tar.zst"


def last_run(now: float, at_seconds: int, *, every_days: int = 1) -> float:
    """Return when a job last began that runs every day, or every Sunday, so many seconds after midnight."""
    offset = _THURSDAY_TO_SUNDAY * DAY * (every_days > 1) + at_seconds
    return (now - offset) // (every_days * DAY) * every_days * DAY + offset


def in_hand(pve: PveState, guest: Guest, now: float) -> Run | None:
    """Return the run that backs up a guest now, the nightly job's too; None if none does."""
    for run in (*pve.runs, *_nightly_runs(guest.home, now)):
        taken = _taken(run, guest)
        if taken is None or not taken <= now or (run.end is not None and run.end <= now):
            continue
        if run.vmid or now < taken + SLOT_SECONDS or (run.end is None and _PLACE[guest.vmid] == _last(run.node)):
            return run
    return None


def is_busy(pve: PveState, number: int, now: float) -> bool:
    """Return whether a node makes backups at a moment."""
    runs = (*pve.runs, *_nightly_runs(number, now))
    return any(run.node == number and run.start <= now and (run.end is None or now < run.end) for run in runs)


def written_bytes(pve: PveState, moment: float) -> float:
    """Return what those that somebody started take on the backup server; one that failed leaves nothing."""
    return sum(
        min((min(run.end or moment, moment) - run.start) * _BYTES_PER_SECOND, _MOST_BYTES)
        for run in pve.runs
        if run.start <= moment and not (run.has_failed and moment >= (run.end or 0))
    )


def _nightly_runs(home: int, now: float) -> Iterator[Run]:
    start = last_run(now, NIGHTLY_SECONDS)
    yield Run(home, "", start, end=start + run_seconds(home))


def _taken(run: Run, guest: Guest) -> float | None:
    """Return when a run comes to a guest; None if it has nothing to do with it."""
    if run.vmid:
        return run.start if run.vmid == str(guest.vmid) else None
    return run.start + _PLACE[guest.vmid] * SLOT_SECONDS if guest.is_backed_up and guest.home == run.node else None


def _last(home: int) -> int:
    return sum(guest.home == home for guest in NIGHTLY_GUESTS) - 1


def of_run(run: Run, guest: Guest, now: float) -> tuple[float, bool] | None:
    """Return when a run came to a guest, and whether its backup is all there; None if it didn't."""
    end = now if run.end is None else run.end
    taken = _taken(run, guest)
    if taken is None or taken > end:
        return None
    passed = not run.vmid and end >= taken + SLOT_SECONDS and _PLACE[guest.vmid] < _last(run.node)
    return taken, passed or (run.end is not None and run.is_good)


def run_seconds(home: int) -> int:
    """Return how long the nightly job takes on a node."""
    return SLOT_SECONDS * sum(guest.home == home for guest in NIGHTLY_GUESTS)


def backups(pve: PveState, guest: Guest, now: float, storage: str) -> list[Backup]:
    """Return a guest's backups on one storage, newest first."""
    taken = list(_nightly(guest, now) if storage == NIGHTLY_STORAGE else _weekly(guest, now))
    vmid = str(guest.vmid)
    if failed := pve.find("fail-backup", vmid) if storage == NIGHTLY_STORAGE else None:
        missed = last_run(failed.since, NIGHTLY_SECONDS)
        taken = [moment for moment in taken if moment < missed]
    if aged := pve.find("age-backup", vmid):
        newest = float(int(aged.since - (aged.value or 0.0) * DAY))
        taken = [newest, *(moment for moment in taken if moment < newest)] if taken else []
    if storage != NIGHTLY_STORAGE:
        return [Backup(guest, storage, moment) for moment in taken]
    looked_at, corrupt = last_run(now, _VERIFY_SECONDS), pve.find("corrupt-backup", vmid)
    found = [Backup(guest, storage, moment, "ok" if moment < looked_at else "") for moment in taken]
    if found and corrupt:
        found[0] = Backup(guest, storage, found[0].taken, "failed")
    # Those made by hand before a fault would belie it.
    since = max((fault.since for fault in (failed, aged, corrupt) if fault is not None), default=0.0)
    for run in pve.runs:
        begun = of_run(run, guest, now)
        if begun is not None and begun[0] >= since and (begun[1] or run.end is None):
            taken_at, is_whole = begun
            verified = "ok" if is_whole and taken_at < looked_at else ""
            found.append(Backup(guest, storage, taken_at, verified, is_whole))
    return sorted(found, key=lambda backup: -backup.taken)


def _nightly(guest: Guest, now: float) -> Iterator[float]:
    if not guest.is_backed_up:
        return
    newest = last_run(now - SLOT_SECONDS * (1 + _PLACE[guest.vmid]), NIGHTLY_SECONDS)
    weekly = 0
    for back in range(KEEP_DAILY + 7 * KEEP_WEEKLY):
        run = newest - back * DAY
        is_sunday = int(run // DAY) % 7 == _THURSDAY_TO_SUNDAY
        if back >= KEEP_DAILY and (not is_sunday or weekly >= KEEP_WEEKLY):
            continue
        weekly += back >= KEEP_DAILY
        yield run + _PLACE[guest.vmid] * SLOT_SECONDS


def _weekly(guest: Guest, now: float) -> Iterator[float]:
    if guest not in WEEKLY_GUESTS:
        return
    place = WEEKLY_GUESTS.index(guest) * WEEKLY_SLOT_SECONDS
    newest = last_run(now - place - WEEKLY_SLOT_SECONDS, WEEKLY_SECONDS, every_days=7)
    for back in range(KEEP_WEEKLY):
        yield newest - back * 7 * DAY + place
