"""What the hub knows of an alert: incoming notifications, and episodes from firing to resolved."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from hune.alerting.holds import Hold

SEVERITIES = ("critical", "warning", "info")


class State(StrEnum):
    """Of an episode: `unknown` is one that nobody confirms and nobody has measured as clear."""

    FIRING = "firing"
    UNKNOWN = "unknown"
    RESOLVED = "resolved"


class Ending(StrEnum):
    """Why an episode is over."""

    MEASURED = "measured"
    """Prometheus measured it as clear."""
    DECLARED = "declared"
    """Alertmanager said so, of an alert that isn't of Hune's catalogue."""
    EXPIRED = "expired"
    """It was only meant to live for minutes, or nobody has known anything of it for days."""
    UNWATCHED = "unwatched"
    """What it was about isn't part of the site any more."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """One alert of a notification, as somebody sent it; times in seconds since the epoch.

    `starts_at` is None for one without: it is new each time.
    """

    firing: bool
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: float | None
    ends_at: float | None = None

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.labels)

    @property
    def value(self) -> float | None:
        return number(self.annotations.get("value"))


@dataclass(frozen=True, slots=True)
class Episode:
    """One alert from firing to resolved."""

    id: int
    fingerprint: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    state: State
    starts_at: float
    received_at: float
    heard_at: float
    expires_at: float | None = None
    claimed_at: float | None = None
    """When Alertmanager said that it is over, as long as that isn't believed."""
    doubted_at: float | None = None
    """Since when Prometheus doesn't confirm it."""
    resolved_at: float | None = None
    ending: Ending | None = None
    value: float | None = None
    peak: float | None = None
    holds: tuple[Hold, ...] = ()
    """Why nobody is told of it now."""

    @property
    def alertname(self) -> str:
        return self.labels.get("alertname", "")

    @property
    def severity(self) -> str:
        return self.labels.get("severity", "")

    @property
    def is_lab(self) -> bool:
        return self.labels.get("lab") == "true"

    @property
    def is_open(self) -> bool:
        return self.state is not State.RESOLVED


class Dead(IntEnum):
    """Why a delivery isn't tried like the others."""

    NO = 0
    RECEIVER = 1
    """The receiver refuses everything; tried again seldom, and as soon as it accepts something."""
    LETTER = 2
    """The receiver refuses this message; kept until somebody sends it again or discards it."""
    DISCARDED = 3
    WITHHELD = 4
    """It came and went while it was held, or outside the receiver's hours: never told, only shown."""


@dataclass(frozen=True, slots=True)
class Care:
    """Who looks after an alert; acknowledged without, snoozed with an end."""

    at: float
    by: str
    until: float | None = None
    note: str = ""

    @property
    def state(self) -> str:
        return "acknowledged" if self.until is None else "snoozed"


class Again(IntEnum):
    """Why a receiver is told once more what it knows already."""

    NO = 0
    REMINDER = 1
    SNOOZE_OVER = 2
    ESCALATION = 3


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a receiver was told of an episode, and what it shall be told."""

    receiver: str
    wanted: State
    told: State | None = None
    at: float | None = None
    """Of the last try."""
    message: str | None = None
    """The receiver's id of the message that told it, if it has one of its own."""
    digest: int | None = None
    problem: str = ""
    dead: Dead = Dead.NO
    queued_at: float = field(default=0.0)
    again: Again = Again.NO
    step: int = 0
    """0: named by the routes; n: by the n-th step of escalation."""
    due_at: float = 0.0
    """Not before this moment."""

    @property
    def state(self) -> str:
        """`sent`, `dead` (refused), `discarded`, `withheld`, `failed` (tried again soon) or `pending`."""
        if self.told == self.wanted and not self.again:
            return "sent"
        if self.dead is Dead.DISCARDED:
            return "discarded"
        if self.dead is Dead.WITHHELD:
            return "withheld"
        if self.dead:
            return "dead"
        return "failed" if self.problem else "pending"


def fingerprint(labels: Mapping[str, str]) -> str:
    """Return what identifies an alert: a hash of its labels."""
    text = json.dumps(sorted(labels.items()), ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def number(text: object) -> float | None:
    """Return a finite number written in an annotation, or None."""
    try:
        value = float(str(text))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def rank(severity: str) -> int:
    """Return the place of a severity, 0 the worst; unknown ones come last."""
    return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)
