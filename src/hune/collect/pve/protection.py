"""Is a guest protected? Covered by a job × backed up within the job's period × verified × replicated × under HA.

Pure: facts in, verdict out. What is not known is not unprotected.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import tzinfo
from enum import StrEnum

from hune.collect.pve.cluster import Guest
from hune.collect.pve.schedule import Due, Schedule, due


class Aspect(StrEnum):
    """What a verdict is made of."""

    COVERED = "covered"
    FRESH = "fresh"
    VERIFIED = "verified"
    REPLICATED = "replicated"
    HA = "ha"


class State(StrEnum):
    """How it stands with an aspect."""

    OK = "ok"
    PARTIAL = "partial"
    """Covered, but not with all disks."""
    PENDING = "pending"
    """New: no job has been due since."""
    NONE = "none"
    """There is none: no job, no backup, no verification, no replication, no HA."""
    LATE = "late"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Outcome(StrEnum):
    """The verdict in one word."""

    PROTECTED = "protected"
    UNPROTECTED = "unprotected"
    PENDING = "pending"
    EXCLUDED = "excluded"
    """By tag, or because it is a template."""
    IDLE = "idle"
    """Stopped, not meant to run, and in no job that is enabled."""
    UNKNOWN = "unknown"


class Code(StrEnum):
    """Why; a catalogue puts it into words, with the reason's `about` filled in."""

    EXCLUDED_BY_TAG = "excluded-by-tag"
    TEMPLATE = "template"
    STOPPED_WITHOUT_JOB = "stopped-without-job"
    STATUS_UNKNOWN = "status-unknown"
    NOT_IN_A_JOB = "not-in-a-job"
    ONLY_IN_DISABLED_JOBS = "only-in-disabled-jobs"
    DISKS_LEFT_OUT = "disks-left-out"
    JOBS_UNKNOWN = "jobs-unknown"
    SCHEDULE_NOT_UNDERSTOOD = "schedule-not-understood"
    BACKUPS_NOT_LISTED = "backups-not-listed"
    NEVER_BACKED_UP = "never-backed-up"
    BACKUP_LATE = "backup-late"
    FIRST_BACKUP_PENDING = "first-backup-pending"
    VERIFICATION_FAILED = "verification-failed"
    REPLICATION_FAILING = "replication-failing"
    REPLICATION_UNKNOWN = "replication-unknown"
    NOT_REPLICATED = "not-replicated"
    HA_ERROR = "ha-error"
    HA_UNKNOWN = "ha-unknown"
    NOT_UNDER_HA = "not-under-ha"


@dataclass(frozen=True)
class Policy:
    """What a site asks of protection."""

    excluded_tags: tuple[str, ...] = ("nobackup",)
    required: frozenset[Aspect] = frozenset({Aspect.COVERED, Aspect.FRESH, Aspect.VERIFIED})
    """What a guest must have. A backup that nobody verified passes; one whose verification failed doesn't."""
    accept_partial: bool = False
    """A job that leaves disks out covers a guest all the same."""
    grace_least_seconds: float = 7200.0
    grace_most_seconds: float = 43200.0

    def grace_seconds(self, period_seconds: float) -> float:
        """Return how long after its time a backup may still be missing: a quarter of the period, within bounds."""
        return min(max(period_seconds / 4, self.grace_least_seconds), self.grace_most_seconds)

    def expects(self, schedule: Schedule, now: float, zone: tzinfo) -> Due | None:
        """Return the run whose backup must be there by now; None if none was due in years."""
        latest = due(schedule, now, zone)
        return due(schedule, now - self.grace_seconds(latest.period_seconds), zone) if latest else None


@dataclass(frozen=True)
class Cover:
    """A job that takes a guest along; `due` is the run whose backup must be there, None if none was due yet."""

    job: str
    storage: str
    due: Due | None
    understood: bool = True
    """Its schedule could be read."""
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Backup:
    """The newest good backup of a guest on a storage: the newest whose verification has not failed."""

    storage: str
    time: float
    verified: bool | None
    newer_failed: bool = False
    """A newer one is there, whose verification failed."""


@dataclass(frozen=True)
class Copies:
    """Replication of a guest: enabled jobs, and those of them that fail."""

    jobs: int
    failing: tuple[str, ...]


@dataclass(frozen=True)
class Facts:
    """All that is known of one guest; None: could not be had."""

    guest: Guest
    covers: tuple[Cover, ...] | None
    disabled_jobs: tuple[str, ...] = ()
    backups: tuple[Backup, ...] = ()
    listed: frozenset[str] = frozenset()
    """Storages whose backups are known, all of them."""
    runs_known_since: float | None = None
    """Since when the logs of tasks tell of every backup that was made; `backups` has what they tell."""
    failed_everywhere: tuple[str, ...] = ()
    """Storages on which every backup of the guest failed its verification."""
    replication: Copies | None = None
    ha_state: str | None = None
    """Its state under HA, empty if it isn't."""
    ha_wants_running: bool = False
    onboot: bool = False
    created: float = 0.0


@dataclass(frozen=True)
class Reason:
    """One reason: a code, and what it is about (a job, a storage, disks), for a catalogue's words."""

    code: Code
    about: str = ""
    since: float = 0.0
    """The time of the last good backup, or of the run that should have made one; 0: says nothing."""


@dataclass(frozen=True)
class Verdict:
    """The verdict on a guest. `protected` is None where there is nothing to say yes or no to."""

    guest: Guest
    outcome: Outcome
    aspects: dict[Aspect, State] = field(default_factory=dict)
    reasons: tuple[Reason, ...] = ()

    @property
    def protected(self) -> bool | None:
        return {Outcome.PROTECTED: True, Outcome.UNPROTECTED: False}.get(self.outcome)


_BAD = {
    Aspect.COVERED: frozenset({State.NONE}),
    Aspect.FRESH: frozenset({State.LATE, State.NONE}),
    Aspect.VERIFIED: frozenset({State.FAILED}),
    Aspect.REPLICATED: frozenset({State.FAILED, State.NONE}),
    Aspect.HA: frozenset({State.FAILED, State.NONE}),
}


def judge(facts: Facts, policy: Policy) -> Verdict:
    """Return the verdict on one guest."""
    guest, reasons = facts.guest, list[Reason]()
    aspects = {
        Aspect.COVERED: _covered(facts, reasons),
        Aspect.FRESH: _fresh(facts, reasons),
        Aspect.VERIFIED: _verified(facts, reasons),
        Aspect.REPLICATED: _replicated(facts, policy, reasons),
        Aspect.HA: _ha(facts, policy, reasons),
    }
    tags = sorted(guest.tags & {tag.lower() for tag in policy.excluded_tags})
    if tags:
        return Verdict(guest, Outcome.EXCLUDED, aspects, (Reason(Code.EXCLUDED_BY_TAG, tags[0]),))
    if guest.template:
        return Verdict(guest, Outcome.EXCLUDED, aspects, (Reason(Code.TEMPLATE),))
    if aspects[Aspect.COVERED] is State.NONE and not (facts.onboot or facts.ha_wants_running):
        # On a node that died a guest is what it was before.
        status = guest.last_status if guest.status == "unknown" else guest.status
        if status == "stopped":
            return Verdict(guest, Outcome.IDLE, aspects, (Reason(Code.STOPPED_WITHOUT_JOB),))
        if not status:
            return Verdict(guest, Outcome.UNKNOWN, aspects, (Reason(Code.STATUS_UNKNOWN), *reasons))
    required = {aspect: aspects[aspect] for aspect in policy.required}
    bad = {aspect for aspect, state in required.items() if state in _BAD[aspect]}
    if required.get(Aspect.COVERED) is State.PARTIAL and not policy.accept_partial:
        bad.add(Aspect.COVERED)
    if bad:
        outcome = Outcome.UNPROTECTED
    elif State.UNKNOWN in required.values():
        outcome = Outcome.UNKNOWN
    elif State.PENDING in required.values():
        outcome = Outcome.PENDING
    else:
        outcome = Outcome.PROTECTED
    return Verdict(guest, outcome, aspects, tuple(reasons))


def _covered(facts: Facts, reasons: list[Reason]) -> State:
    if facts.covers is None:
        reasons.append(Reason(Code.JOBS_UNKNOWN))
        return State.UNKNOWN
    if not facts.covers:
        code = Code.ONLY_IN_DISABLED_JOBS if facts.disabled_jobs else Code.NOT_IN_A_JOB
        reasons.append(Reason(code, ", ".join(facts.disabled_jobs)))
        return State.NONE
    # What one job leaves out another one may take along.
    left_out = set(facts.covers[0].left_out).intersection(*(cover.left_out for cover in facts.covers))
    if left_out:
        reasons.append(Reason(Code.DISKS_LEFT_OUT, ", ".join(sorted(left_out))))
        return State.PARTIAL
    return State.OK


def _fresh(facts: Facts, reasons: list[Reason]) -> State:
    if facts.covers is None:
        return State.UNKNOWN
    states = {_fresh_by(cover, facts, reasons) for cover in facts.covers}
    return _first_of(states, (State.NONE, State.LATE, State.UNKNOWN, State.PENDING, State.OK), State.NONE)


def _fresh_by(cover: Cover, facts: Facts, reasons: list[Reason]) -> State:
    """Return how it stands with one job: each must have left a backup on its own storage."""
    backups = [backup for backup in facts.backups if not cover.storage or backup.storage == cover.storage]
    newest = max((backup.time for backup in backups), default=0.0)
    if not cover.understood:
        reasons.append(Reason(Code.SCHEDULE_NOT_UNDERSTOOD, cover.job))
        return State.UNKNOWN
    if cover.due is None:
        reasons.append(Reason(Code.FIRST_BACKUP_PENDING, cover.job))
        return State.PENDING
    if newest >= cover.due.at:
        return State.OK
    listed = cover.storage in facts.listed if cover.storage else bool(facts.listed)
    told = facts.runs_known_since is not None and facts.runs_known_since <= cover.due.at
    if not listed and not told:
        reasons.append(Reason(Code.BACKUPS_NOT_LISTED, cover.storage))
        return State.UNKNOWN
    if facts.created > cover.due.at:
        reasons.append(Reason(Code.FIRST_BACKUP_PENDING, cover.job))
        return State.PENDING
    if listed and not newest:
        reasons.append(Reason(Code.NEVER_BACKED_UP, cover.job, cover.due.at))
        return State.NONE
    reasons.append(Reason(Code.BACKUP_LATE, cover.job, newest))
    return State.LATE


def _verified(facts: Facts, reasons: list[Reason]) -> State:
    failed = sorted({*facts.failed_everywhere, *(backup.storage for backup in facts.backups if backup.newer_failed)})
    reasons.extend(Reason(Code.VERIFICATION_FAILED, storage) for storage in failed)
    if failed:
        return State.FAILED
    if not facts.backups:
        return State.NONE if facts.listed else State.UNKNOWN
    # Only a Proxmox Backup Server verifies: nothing is wrong with a backup of which nobody says so.
    return State.OK if any(backup.verified for backup in facts.backups) else State.NONE


def _replicated(facts: Facts, policy: Policy, reasons: list[Reason]) -> State:
    copies = facts.replication
    if copies is None:
        reasons.append(Reason(Code.REPLICATION_UNKNOWN))
        return State.UNKNOWN
    if copies.failing:
        reasons.extend(Reason(Code.REPLICATION_FAILING, job) for job in copies.failing)
        return State.FAILED
    if not copies.jobs and Aspect.REPLICATED in policy.required:
        reasons.append(Reason(Code.NOT_REPLICATED))
    return State.OK if copies.jobs else State.NONE


def _ha(facts: Facts, policy: Policy, reasons: list[Reason]) -> State:
    if facts.ha_state is None:
        reasons.append(Reason(Code.HA_UNKNOWN))
        return State.UNKNOWN
    if facts.ha_state == "error":
        reasons.append(Reason(Code.HA_ERROR))
        return State.FAILED
    if facts.ha_state in ("", "ignored"):
        if Aspect.HA in policy.required:
            reasons.append(Reason(Code.NOT_UNDER_HA))
        return State.NONE
    return State.OK


def _first_of(states: Iterable[State], order: tuple[State, ...], otherwise: State) -> State:
    present = set(states)
    return next((state for state in order if state in present), otherwise)
