"""Backup jobs, and the real age of each guest's last good backup on each storage.

hune_pve_backup_job_next_run_timestamp_seconds{backup_job="backup-nightly"} 1795312800
hune_pve_guest_backup_last_timestamp_seconds{id="qemu/100",storage="pbs"} 1795226404
hune_pve_guest_backup_last_verified{id="qemu/100",storage="pbs"} 1
hune_pve_backup_storage_listed{storage="pbs",node=""} 1
"""

from __future__ import annotations

from hune.collect.pve.archives import CONTENT, ArchiveReader, Known, OutOfReach
from hune.collect.pve.backup_jobs import INCLUDED, JOBS, Jobs, read_jobs
from hune.collect.pve.cluster import Guest, read_guests
from hune.collect.pve.collector import Collection, Collector, Needs
from hune.collect.pve.families import Exposition, Family
from hune.pve.errors import PveError

_JOB_PRIVILEGE = "Sys.Audit on /"
_LIST_PRIVILEGE = "Datastore.AllocateSpace on /storage/{storage} and VM.Backup on /vms/{vmid}"


def _job(name: str, text: str, *labels: str, source: str = JOBS) -> Family:
    return Family(f"hune_pve_backup_job_{name}", "gauge", text, ("backup_job", *labels), source, _JOB_PRIVILEGE)


def _guest(name: str, text: str) -> Family:
    return Family(f"hune_pve_guest_{name}", "gauge", text, ("id", "storage"), CONTENT, _LIST_PRIVILEGE)


_INFO = _job("info", "What a backup job is.", "storage", "schedule", "mode", "comment")
_ENABLED = _job("enabled", "1 if the job is enabled, else 0.")
_NEXT = _job("next_run_timestamp_seconds", "When the job runs next; absent while it is disabled.")
_GUESTS = _job("guests", "Guests that the job takes along now.", source=INCLUDED)
_LAST = _guest("backup_last_timestamp_seconds", "When the newest backup was made that isn't known to be bad.")
_VERIFIED = _guest(
    "backup_last_verified", "1 if the newest backup passed its verification, 0 if it failed; absent if nobody tried."
)
_SIZE = _guest("backup_last_size_bytes", "Size of the newest backup; absent where the storage doesn't tell.")
_COUNT = _guest("backups", "Backups of the guest.")
_LISTED = Family(
    "hune_pve_backup_storage_listed",
    "gauge",
    "1 if all backups on a storage are known; 0 if it could not be listed, or if the account may not see them.",
    ("storage", "node"),
    CONTENT,
    _LIST_PRIVILEGE,
)


def add_jobs(jobs: Jobs, guests: tuple[Guest, ...], out: Exposition) -> None:
    """Turn the jobs into samples."""
    for job in jobs.jobs:
        out.add(_INFO, 1, job.id, job.storage, job.schedule, job.mode, job.comment)
        out.add(_ENABLED, job.enabled, job.id)
        if job.enabled and job.next_run:
            out.add(_NEXT, job.next_run, job.id)
        out.add(_GUESTS, sum(jobs.left_out(job, guest) is not None for guest in guests), job.id)


def add_archives(known: Known, guests: tuple[Guest, ...], out: Exposition) -> None:
    """Turn the listings into samples: of guests that exist, by storage."""
    for place, listing in sorted(known.listings.items(), key=lambda item: str(item[0])):
        out.add(_LISTED, listing.complete, place.storage, place.node)
    for place in sorted(known.missing, key=str):
        out.add(_LISTED, 0, place.storage, place.node)
    for guest in guests:
        for storage, archives in known.archives(guest.vmid).items():
            labels = (guest.id, storage)
            if archives.good:
                out.add(_LAST, archives.good, *labels)
            if archives.verified is not None:
                out.add(_VERIFIED, archives.verified, *labels)
            if archives.size_bytes is not None:
                out.add(_SIZE, archives.size_bytes, *labels)
            out.add(_COUNT, archives.count, *labels)


def make(reader: ArchiveReader) -> Collector:
    """Return the collector."""

    async def collect(run: Collection) -> None:
        """Ask for the jobs and for the listings that are due; either counts without the other."""
        guests = await read_guests(run.source)
        try:
            add_jobs(await read_jobs(run), guests, run.out)
        except PveError as error:
            run.missed(error)
        known = await reader.read(run)
        add_archives(known, guests, run.out)
        for missing in known.missing.values():
            if missing is not None and not isinstance(missing, OutOfReach):
                run.missed(missing)

    needs = (Needs("Sys.Audit", "/"), Needs("Datastore.AllocateSpace", "/storage"), Needs("VM.Backup", "/vms"))
    families = (_INFO, _ENABLED, _NEXT, _GUESTS, _LAST, _VERIFIED, _SIZE, _COUNT, _LISTED)
    return Collector(name="backups", scope="cluster", families=families, needs=needs, collect=collect)
