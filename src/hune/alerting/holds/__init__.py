"""Holds: why nobody is told of an alert now, though it fires or is over; and on what terms people are told at all.

Truth is one thing, telling another: a hold changes nothing about an episode but whether anything of it is sent.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

Labels = Mapping[str, str]
Due = Callable[[str], float]
"""Tells since when, or from when on, a receiver may be told; 0: at once."""


class HoldKind(StrEnum):
    """What holds an alert."""

    SILENCE = "silence"
    """One of Alertmanager's."""
    MAINTENANCE = "maintenance"
    """A window of the site file, or one that somebody declared."""


@dataclass(frozen=True, slots=True)
class Hold:
    """One reason why nobody is told; `until` in seconds since the epoch."""

    kind: HoldKind
    id: str
    until: float
    by: str
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)


def written(holds: Iterable[Hold]) -> str:
    """Return holds as the book keeps them: nothing, or JSON."""
    rows = [hold.to_dict() for hold in holds]
    return json.dumps(rows) if rows else ""


def read(text: str) -> tuple[Hold, ...]:
    """Return the holds of the book's text."""
    rows = json.loads(text) if text else []
    return tuple(Hold(HoldKind(row["kind"]), row["id"], row["until"], row["by"], row["reason"]) for row in rows)


def at_once(_receiver: str) -> float:
    """Any receiver may be told now."""
    return 0.0


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms people are told of an alert, as of a moment.

    `holds` returns what holds an alert now, by its labels; `due` from when on a receiver may be told of it.
    """

    holds: Callable[[Labels], tuple[Hold, ...]]
    due: Callable[[Labels, str], float]

    def due_of(self, labels: Labels) -> Due:
        """Return since when each receiver may be told of this alert."""
        return lambda receiver: self.due(labels, receiver)


AT_ONCE = Terms(holds=lambda _labels: (), due=lambda _labels, _receiver: 0.0)
"""Nothing is held and everybody always on duty."""
