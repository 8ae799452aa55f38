"""The protection verdict: is each guest backed up, lately, well, and by which standards?

hune_guest_protected{id="qemu/100",node="pve-01",name="web"} 1
hune_guest_protection{id="qemu/101",aspect="fresh",state="late"} 1
hune_guest_protection_reason{id="qemu/101",reason="backup-late",about="backup-nightly"} 1

`hune_guest_protected` is there only where there is something to say: not for a guest that is excluded, too new, idle,
or of which too little is known. `hune_guest_protection{aspect="verdict"}` tells which it is.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import tzinfo
from typing import Any

from hune.collect.pve.answers import records
from hune.collect.pve.archives import CONTENT, ArchiveReader, Known
from hune.collect.pve.backup_jobs import INCLUDED, JOBS, BackupJob, Jobs, read_jobs, read_zone
from hune.collect.pve.backup_runs import LOG, RunReader, Runs
from hune.collect.pve.cluster import Guest, read_cluster, read_guests
from hune.collect.pve.collector import Collection, Collector, Needs
from hune.collect.pve.collectors.ha import CURRENT, TTL_SECONDS, guest_id
from hune.collect.pve.collectors.replication import Replication, read_replication
from hune.collect.pve.families import Exposition, Family
from hune.collect.pve.guest_config import GuestConfig, read_configs
from hune.collect.pve.protection import Copies, Cover, Facts, Policy, Verdict, judge
from hune.collect.pve.schedule import NotASchedule, parse
from hune.pve.errors import PveError

_SOURCES = f"{JOBS}, {INCLUDED}, {CONTENT}, {LOG}, /nodes/{{node}}/replication, {CURRENT}"
_AT_ONE_GO = 500
_PRIVILEGE = "Sys.Audit on /, Datastore.AllocateSpace on /storage, VM.Audit and VM.Backup on /vms"

_PROTECTED = Family(
    "hune_guest_protected",
    "gauge",
    "1 if the guest has what its protection asks for, 0 if something is missing; absent if there is nothing to judge "
    "or too little known.",
    ("id", "node", "name"),
    _SOURCES,
    _PRIVILEGE,
)
_ASPECT = Family(
    "hune_guest_protection",
    "gauge",
    "1 for the state of each aspect: verdict (protected, unprotected, pending, excluded, idle, unknown), covered, "
    "fresh, verified, replicated, ha (ok, partial, pending, none, late, failed, unknown).",
    ("id", "aspect", "state"),
    _SOURCES,
    _PRIVILEGE,
)
_REASON = Family(
    "hune_guest_protection_reason",
    "gauge",
    "1 for each reason of the verdict; about names the job, storage, disks or tag.",
    ("id", "reason", "about"),
    _SOURCES,
    _PRIVILEGE,
)


def add(verdict: Verdict, out: Exposition) -> None:
    """Turn a verdict into samples."""
    guest = verdict.guest
    if verdict.protected is not None:
        out.add(_PROTECTED, verdict.protected, guest.id, guest.node, guest.name)
    out.add(_ASPECT, 1, guest.id, "verdict", verdict.outcome.value)
    for aspect, state in verdict.aspects.items():
        out.add(_ASPECT, 1, guest.id, aspect.value, state.value)
    for code, about in sorted({(reason.code.value, reason.about) for reason in verdict.reasons}):
        out.add(_REASON, 1, guest.id, code, about)


def parse_services(answer: Any) -> dict[str, tuple[str, str]]:
    """Return the state and the requested state of each guest under HA. Raises BadAnswer."""
    return {
        guest_id(entry.text("sid")): (entry.text("state", "unknown"), entry.text("request_state", ""))
        for entry in records(answer, CURRENT)
        if entry.text("type", "") == "service"
    }


def cover_of(job: BackupJob, policy: Policy, now: float, zone: tzinfo) -> Cover:
    """Return what a job that leaves nothing out means to a guest."""
    try:
        return Cover(job.id, job.storage, policy.expects(parse(job.schedule), now, zone))
    except NotASchedule:
        return Cover(job.id, job.storage, None, understood=False)


def copies_of(jobs: list[Replication]) -> Copies:
    """Return how it stands with a guest's replication."""
    enabled = [job for job in jobs if job.enabled]
    return Copies(len(enabled), tuple(job.job for job in enabled if job.failures > 0))


async def read_verdicts(run: Collection, archives: ArchiveReader, logs: RunReader, policy: Policy) -> list[Verdict]:
    """Return the verdict on every guest; what could not be had is missed. Raises PveError if the guests can't be."""
    guests, cluster = await read_guests(run.source), await read_cluster(run.source)
    now, zone = run.source.clock.now(), await read_zone(run, cluster.online)
    jobs = await _or_none(run, read_jobs(run))
    covers = {job.id: cover_of(job, policy, now, zone) for job in jobs.jobs if job.enabled} if jobs else {}
    known = await _or_none(run, archives.read(run)) or Known({}, {})
    # Where backups may not be seen, the logs of their tasks may be.
    hidden = {cover.storage for cover in covers.values()} - known.storages()
    runs = await logs.read(run, cluster) if hidden else Runs()
    services = await _or_none(run, _read_services(run))
    configs = (await read_configs(run.source, guests, cluster.online)).facts
    problems = len(run.problems)
    by_guest: defaultdict[str, list[Replication]] = defaultdict(list)
    for job in await read_replication(run):
        by_guest[job.guest].append(job)
    # A node that could not tell may have jobs of any guest on it.
    told = len(run.problems) == problems
    facts = _Gatherer(jobs, covers, known, runs, services, configs)
    verdicts = []
    for number, guest in enumerate(guests):
        if number % _AT_ONE_GO == 0:
            # Ten thousand guests take a second, in which others want to be served.
            await asyncio.sleep(0)
        copies = by_guest.get(guest.id, [])
        replication = copies_of(copies) if copies or (told and guest.node in cluster.online) else None
        verdicts.append(judge(facts.of(guest, replication), policy))
    return verdicts


class _Gatherer:
    """Puts together what is known of each guest."""

    def __init__(
        self,
        jobs: Jobs | None,
        covers: Mapping[str, Cover],
        known: Known,
        runs: Runs,
        services: Mapping[str, tuple[str, str]] | None,
        configs: Mapping[str, GuestConfig],
    ) -> None:
        self._jobs, self._known, self._runs, self._services, self._configs = jobs, known, runs, services, configs
        self._covers = covers
        self._listed = known.storages()
        self._unlisted = frozenset(cover.storage for cover in covers.values()) - self._listed

    def of(self, guest: Guest, replication: Copies | None) -> Facts:
        covers, disabled = self._jobs_of(guest)
        backups, bad = self._known.backups(guest.vmid)
        if self._unlisted:
            backups += self._runs.backups(guest.vmid, self._unlisted)
        state, requested = ("", "") if self._services is None else self._services.get(guest.id, ("", ""))
        config = self._configs.get(guest.id)
        return Facts(
            guest=guest,
            covers=covers,
            disabled_jobs=disabled,
            backups=backups,
            listed=self._listed,
            runs_known_since=self._runs.known_since,
            failed_everywhere=bad,
            replication=replication,
            ha_state=None if self._services is None else state,
            ha_wants_running=requested == "started",
            onboot=config.onboot if config else False,
            created=max(config.created if config else 0.0, guest.appeared),
        )

    def _jobs_of(self, guest: Guest) -> tuple[tuple[Cover, ...] | None, tuple[str, ...]]:
        """Return the enabled jobs that take a guest along (None: not known), and the disabled ones that would."""
        if self._jobs is None:
            return None, ()
        covers, disabled = [], []
        for job in self._jobs.jobs:
            left_out = self._jobs.left_out(job, guest)
            if left_out is None:
                continue
            if not job.enabled:
                disabled.append(job.id)
            elif left_out:
                covers.append(replace(self._covers[job.id], left_out=left_out))
            else:
                covers.append(self._covers[job.id])
        return tuple(covers), tuple(disabled)


async def _or_none(run: Collection, reading: Any) -> Any:
    try:
        return await reading
    except PveError as error:
        run.missed(error)
        return None


async def _read_services(run: Collection) -> dict[str, tuple[str, str]]:
    return parse_services(await run.source.get(CURRENT, max_age_seconds=TTL_SECONDS))


def make(archives: ArchiveReader, policy: Policy) -> Collector:
    """Return the collector."""
    logs = RunReader()

    async def collect(run: Collection) -> None:
        """Judge every guest."""
        for verdict in await read_verdicts(run, archives, logs, policy):
            add(verdict, run.out)

    needs = (
        Needs("Sys.Audit", "/"),
        Needs("VM.Audit", "/vms"),
        Needs("Datastore.AllocateSpace", "/storage"),
        Needs("VM.Backup", "/vms"),
    )
    return Collector(
        name="protection", scope="cluster", families=(_PROTECTED, _ASPECT, _REASON), needs=needs, collect=collect
    )
