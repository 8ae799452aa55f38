"""Holding and releasing episodes, as statements on the hub's file.

What holds an episode stands with it (`episode.held`), so that the outbox leaves it out and a restart forgets nothing.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from hune.alerting import holds
from hune.alerting.holds import Hold, HoldKind, Labels, Terms
from hune.alerting.state import history
from hune.alerting.state.episode import Dead
from hune.alerting.state.history import Kind
from hune.alerting.state.schema import WAITING


@dataclass
class Turned:
    """What a review changed: numbers of episodes."""

    held: list[int] = field(default_factory=list)
    released: list[int] = field(default_factory=list)
    changed: list[int] = field(default_factory=list)
    """Held as before, by something else or until another moment."""

    def __bool__(self) -> bool:
        return bool(self.held or self.released or self.changed)


def review(connection: sqlite3.Connection, terms: Terms, *, now: float, silences_known: bool = True) -> Turned:
    """Bring up to date what holds each open episode, and each that ended while it was held.

    Without knowledge of silences those that were known hold until their own end.
    """
    turned = Turned()
    for episode, labels, before, after in _differences(connection, terms, now, silences_known):
        connection.execute("UPDATE episode SET held = ? WHERE id = ?", (holds.written(after), episode))
        if not before:
            turned.held.append(episode)
            note_held(connection, episode, after, now=now)
        elif after:
            turned.changed.append(episode)
        else:
            # The true state is told to whom it is due: it begins to wait now.
            _schedule(connection, episode, labels, terms, now)
            history.record(connection, episode, Kind.RELEASED, at=now)
            turned.released.append(episode)
    return turned


def is_outdated(connection: sqlite3.Connection, terms: Terms, *, now: float, silences_known: bool = True) -> bool:
    """Whether a review would change anything."""
    return next(_differences(connection, terms, now, silences_known), None) is not None


def reschedule(connection: sqlite3.Connection, terms: Terms, *, now: float) -> None:
    """Ask anew when what waits for receivers' hours is due: the site file may say something else now."""
    rows = connection.execute(
        f"SELECT id, labels FROM episode WHERE id IN (SELECT episode FROM delivery WHERE {WAITING} AND due_at > ?)",  # noqa: S608
        (now,),
    ).fetchall()
    for row in rows:
        _schedule(connection, row["id"], json.loads(row["labels"]), terms, now)


def count(connection: sqlite3.Connection, *, now: float) -> dict[str, int]:
    """Return how many open episodes a silence or maintenance holds, and of how many somebody's hours are awaited."""
    rows = connection.execute(
        "SELECT json_extract(one.value, '$.kind'), count(DISTINCT episode.id) FROM episode, json_each(held) AS one"
        " WHERE held <> '' AND state <> 'resolved' GROUP BY 1"
    )
    (waiting,) = connection.execute(
        "SELECT count(DISTINCT episode) FROM delivery JOIN episode ON episode.id = delivery.episode"  # noqa: S608
        f" WHERE {WAITING} AND due_at > ? AND state <> 'resolved'",
        (now,),
    ).fetchone()
    return {**dict.fromkeys(HoldKind, 0), **dict(rows.fetchall()), "hours": waiting}


def withhold(connection: sqlite3.Connection, episode: int, *, now: float) -> None:
    """Give up telling what is over and came and went unheard: while it was held, or outside a receiver's hours."""
    rows = connection.execute(
        "UPDATE delivery SET dead = ?, sending = NULL"
        " WHERE episode = ? AND told IS NULL AND wanted = 'resolved' AND dead < ?"
        " AND (due_at > ? OR EXISTS (SELECT 1 FROM episode WHERE id = delivery.episode AND held <> ''))"
        " RETURNING receiver",
        (Dead.WITHHELD, episode, Dead.LETTER, now),
    ).fetchall()
    for (receiver,) in rows:
        history.record(connection, episode, Kind.WITHHELD, at=now, receiver=receiver)


def note_held(connection: sqlite3.Connection, episode: int, held: Sequence[Hold], *, now: float) -> None:
    """Note in its history what holds an episode from now on."""
    history.record(connection, episode, Kind.HELD, at=now, holds=[hold.to_dict() for hold in held])


def _differences(
    connection: sqlite3.Connection, terms: Terms, now: float, silences_known: bool
) -> Iterator[tuple[int, Labels, tuple[Hold, ...], tuple[Hold, ...]]]:
    rows = connection.execute(
        "SELECT id, labels, state, held FROM episode WHERE state <> 'resolved'"
        " UNION SELECT id, labels, state, held FROM episode WHERE held <> ''"
    ).fetchall()
    for row in rows:
        labels, before = json.loads(row["labels"]), holds.read(row["held"])
        after = terms.holds(labels)
        if not silences_known:
            after += tuple(one for one in before if one.kind is HoldKind.SILENCE and one.until > now)
        if after != before:
            yield row["id"], labels, before, after


def _schedule(connection: sqlite3.Connection, episode: int, labels: Labels, terms: Terms, now: float) -> None:
    waiting = connection.execute(
        f"SELECT receiver FROM delivery WHERE episode = ? AND {WAITING} AND dead < ?",  # noqa: S608
        (episode, Dead.LETTER),
    ).fetchall()
    for (receiver,) in waiting:
        due = terms.due(labels, receiver)
        connection.execute(
            "UPDATE delivery SET due_at = ?, queued_at = ? WHERE episode = ? AND receiver = ?",
            (due, max(now, due), episode, receiver),
        )
