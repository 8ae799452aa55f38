"""Backup jobs: what they take along, when they run."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, timedelta, timezone, tzinfo
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from hune.collect.pve.answers import Record, record, records
from hune.collect.pve.asking import ask, each
from hune.collect.pve.cluster import Guest
from hune.collect.pve.collector import Collection
from hune.pve.errors import PveError

JOBS = "/cluster/backup"
INCLUDED = "/cluster/backup/{job}/included_volumes"
TIME = "/nodes/{node}/time"
_TTL_SECONDS = 300.0
_INCLUDED_TTL_SECONDS = 900.0
_ZONE_TTL_SECONDS = 86400.0


@dataclass(frozen=True)
class BackupJob:
    """A backup job; `schedule` is a calendar event, `vmids` and `pool` what it selects if not `all_guests`."""

    id: str
    enabled: bool
    schedule: str
    storage: str
    node: str
    mode: str
    comment: str
    next_run: float
    all_guests: bool
    vmids: frozenset[int]
    exclude: frozenset[int]
    pool: str

    def selects(self, guest: Guest) -> bool:
        """Return whether the job takes a guest along, as far as its own fields tell."""
        if self.node and self.node != guest.node:
            return False
        if guest.vmid in self.exclude:
            return False
        if self.all_guests:
            return True
        return guest.pool == self.pool if self.pool else guest.vmid in self.vmids


@dataclass(frozen=True)
class Included:
    """What Proxmox says a job takes along: by guest's number, the disks that it leaves out."""

    left_out: Mapping[int, tuple[str, ...]]


def parse_jobs(answer: Any) -> list[BackupJob]:
    """Read an answer of `/cluster/backup`. Raises BadAnswer."""
    jobs = []
    for entry in records(answer, JOBS):
        # Before Proxmox VE 7.2 a job had days and a time.
        schedule = entry.text("schedule", "") or f"{entry.text('dow', '')} {entry.text('starttime', '')}".strip()
        jobs.append(
            BackupJob(
                id=entry.text("id"),
                enabled=entry.flag("enabled", True),
                schedule=schedule,
                storage=entry.text("storage", ""),
                node=entry.text("node", ""),
                mode=entry.text("mode", "snapshot"),
                comment=entry.text("comment", ""),
                next_run=entry.amount("next-run", 0),
                all_guests=entry.flag("all", False),
                vmids=_numbers(entry, "vmid"),
                exclude=_numbers(entry, "exclude"),
                pool=entry.text("pool", ""),
            )
        )
    return jobs


def _numbers(entry: Record, key: str) -> frozenset[int]:
    numbers = re.split(r"[;, ]+", entry.page(key, ""))
    return frozenset(int(number) for number in numbers if number.isdecimal() and number.isascii() and len(number) < 10)


def parse_included(answer: Any, where: str) -> Included:
    """Read an answer of `included_volumes`: guests, and below each its volumes. Raises BadAnswer."""
    left_out: dict[int, tuple[str, ...]] = {}
    for guest in record(answer, where).records("children"):
        volumes = guest.records("children")
        missing = (_short(volume) for volume in volumes if not volume.flag("included") and _is_disk(volume))
        # The variables that a BIOS guest keeps of an UEFI that it doesn't use are no loss.
        left_out[guest.whole("id")] = tuple(disk for disk in missing if not disk.startswith("efidisk"))
    return Included(left_out)


def _is_disk(volume: Record) -> bool:
    """Return whether a volume lies in a storage of Proxmox; what a container mounts of its host never is backed up."""
    name = volume.text("name", "")
    return ":" in name and not name.startswith("/") and ":iso/" not in name and "cloudinit" not in name


def _short(volume: Record) -> str:
    """Return the disk's name in the configuration (`scsi1`): Proxmox puts the guest's number before it."""
    return volume.text("id").rpartition(":")[2]


@dataclass(frozen=True)
class Jobs:
    """All jobs, and what Proxmox says of each one's guests; a job that isn't in `included` could not be asked for."""

    jobs: tuple[BackupJob, ...]
    included: Mapping[str, Included]

    def left_out(self, job: BackupJob, guest: Guest) -> tuple[str, ...] | None:
        """Return the disks that a job leaves out of a guest; None if the job doesn't take the guest along."""
        told = self.included.get(job.id)
        if told is not None:
            return told.left_out.get(guest.vmid)
        return () if job.selects(guest) else None


async def read_jobs(run: Collection) -> Jobs:
    """Ask for the jobs and what each includes. Raises PveError if the jobs can't be had."""
    jobs = parse_jobs(await ask(run.source, JOBS, max_age_seconds=_TTL_SECONDS))
    included: dict[str, Included] = {}

    async def ask_job(job: BackupJob) -> None:
        path = INCLUDED.format(job=quote(job.id, safe=""))
        try:
            answer = await ask(run.source, path, max_age_seconds=_INCLUDED_TTL_SECONDS)
            included[job.id] = parse_included(answer, path)
        except PveError as error:
            run.missed(error)

    await each(jobs, ask_job)
    return Jobs(tuple(jobs), included)


def parse_zone(answer: Any, where: str) -> tzinfo:
    """Read an answer of `/nodes/{node}/time`: the zone in which schedules are meant. Raises BadAnswer."""
    time = record(answer, where)
    name = time.text("timezone", "")
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        # This machine doesn't know the zone, or has no list of them: the offset of today must do.
        offset = timedelta(seconds=round((time.whole("localtime") - time.whole("time")) / 900) * 900)
        return timezone(offset) if abs(offset) < timedelta(hours=24) else UTC


async def read_zone(run: Collection, nodes: list[str]) -> tzinfo:
    """Return the cluster's time zone, UTC if no node tells it."""
    for node in nodes[:3]:
        path = TIME.format(node=node)
        try:
            answer = await ask(run.source, path, max_age_seconds=_ZONE_TTL_SECONDS)
            # A zone is a file.
            return await asyncio.to_thread(parse_zone, answer, path)
        except PveError as error:
            run.missed(error)
    return UTC
