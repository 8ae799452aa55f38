"""What happened to each alert, in order: one row an edge, written in the transaction that made it so."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """Of an event; in brackets what its detail says."""

    OPENED = "opened"
    """It fires (value)."""
    FIRING = "firing"
    """Known again to fire, after `unknown`."""
    UNKNOWN = "unknown"
    """Nobody confirms it any more."""
    RESOLVED = "resolved"
    """It is over (ending, at, peak)."""
    TOLD = "told"
    """A receiver accepted the news (told, message, digest, step)."""
    REMINDED = "reminded"
    """A receiver accepted it once more (why, message, digest)."""
    ESCALATED = "escalated"
    """A step of escalation is due (step, after)."""
    REFUSED = "refused"
    """A receiver refused it (problem)."""
    RESENT = "resent"
    """What was refused is to be sent again."""
    DISCARDED = "discarded"
    """What waited for a receiver is told no more (reason)."""
    ACKNOWLEDGED = "acknowledged"
    """Somebody looks after it (note, receiver's link)."""
    SNOOZED = "snoozed"
    """Somebody wants to hear of it later (until, note)."""
    CARE_ENDED = "care_ended"
    """Nobody looks after it any more (reason: released, over)."""
    HELD = "held"
    """From now on nobody is told (holds)."""
    RELEASED = "released"
    """People are told again."""
    WITHHELD = "withheld"
    """It came and went while nobody was to be told."""


@dataclass(frozen=True, slots=True)
class Event:
    """One edge; `at` in seconds since the epoch, `by` a person."""

    id: int
    episode: int
    at: float
    kind: str
    receiver: str
    by: str
    detail: Mapping[str, Any]


MOST_OF_A_KIND = 200
"""Of one alert; older ones make room. Whoever has a link can press a button for a month."""
_DROP = (
    "DELETE FROM event WHERE id IN"
    " (SELECT id FROM event WHERE episode = ? AND kind = ? ORDER BY id DESC LIMIT 9 OFFSET ?)"
)
_INSERT = "INSERT INTO event (episode, at, kind, receiver, by, detail) VALUES (?, ?, ?, ?, ?, ?)"


def record(
    connection: sqlite3.Connection,
    episode: int,
    kind: Kind,
    *,
    at: float,
    receiver: str = "",
    by: str = "",
    **detail: Any,
) -> None:
    """Note what happened to an episode; details that are None or empty are left out."""
    record_all(connection, [(episode, detail)], kind, at=at, receiver=receiver, by=by)


def record_all(
    connection: sqlite3.Connection,
    rows: Iterable[tuple[int, Mapping[str, Any]]],
    kind: Kind,
    *,
    at: float,
    receiver: str = "",
    by: str = "",
) -> None:
    """Note the same of many: rows of episode and detail."""
    rows = list(rows)
    connection.executemany(
        _INSERT,
        [(episode, at, kind, receiver, by, _written(detail)) for episode, detail in rows],
    )
    if kind is not Kind.OPENED:
        connection.executemany(_DROP, [(episode, kind, MOST_OF_A_KIND) for episode, _ in rows])


def _written(detail: Mapping[str, Any]) -> str:
    kept = {key: value for key, value in detail.items() if value is not None and value != ""}
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":")) if kept else ""


def of_episodes(connection: sqlite3.Connection, episodes: Sequence[int]) -> dict[int, list[Event]]:
    """Return the events of some episodes, oldest first."""
    found: dict[int, list[Event]] = {}
    rows = connection.execute(
        "SELECT * FROM event WHERE episode IN (SELECT value FROM json_each(?)) ORDER BY episode, id",
        (json.dumps(list(episodes)),),
    )
    for row in rows:
        found.setdefault(row["episode"], []).append(event_of(row))
    return found


def event_of(row: sqlite3.Row) -> Event:
    """Return the event of a row of the table."""
    return Event(
        id=row["id"],
        episode=row["episode"],
        at=row["at"],
        kind=row["kind"],
        receiver=row["receiver"],
        by=row["by"],
        detail=json.loads(row["detail"]) if row["detail"] else {},
    )
