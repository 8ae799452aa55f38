"""The outbox: what each receiver still has to be told, as statements on the hub's file.

A delivery is leased before sending and marked after: a crash between the two repeats a message, never loses one.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hune.alerting.book import delivery_of, episode_of
from hune.alerting.episode import Dead, Delivery, Episode, State

MAX_BATCH = 5000


@dataclass(frozen=True, slots=True)
class Item:
    """One delivery that waits, with the episode it is about."""

    episode: Episode
    delivery: Delivery

    @property
    def is_news(self) -> bool:
        """Whether the receiver has heard nothing of the episode yet."""
        return self.delivery.told is None

    @property
    def came_and_went(self) -> bool:
        """Whether it was over before the receiver heard of it."""
        return self.is_news and self.delivery.wanted is State.RESOLVED


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits for a receiver."""

    pending: int
    oldest: float | None
    """Since when the oldest waits, seconds since the epoch."""
    dead: int
    """Of those, how many were refused."""
    letters: int
    """Of those, how many were refused for what they say."""


@dataclass(frozen=True, slots=True)
class Which:
    """Some of what was refused: of these episodes, of this receiver; None: of all."""

    episodes: Sequence[int] | None = None
    receiver: str | None = None


def pending(
    connection: sqlite3.Connection, receiver: str, *, now: float, dead_before: float, limit: int = MAX_BATCH
) -> list[Item]:
    """Return what the receiver has to be told, oldest first; nothing of what is held or not due yet.

    Of what waits because it refused everything, those last tried before a moment; of dead letters none.
    """
    rows = connection.execute(
        "SELECT episode.*, delivery.* FROM delivery JOIN episode ON episode.id = delivery.episode"
        " WHERE receiver = ? AND told IS NOT wanted AND (dead = 0 OR dead = 1 AND at <= ?)"
        " AND episode.held = '' AND due_at <= ? ORDER BY queued_at, episode LIMIT ?",
        (receiver, dead_before, now, limit),
    )
    return [Item(episode_of(row), delivery_of(row)) for row in rows]


def outdated(connection: sqlite3.Connection, receiver: str, *, limit: int) -> list[Item]:
    """Return deliveries whose own message still shows what is no longer so."""
    rows = connection.execute(
        "SELECT episode.*, delivery.* FROM delivery JOIN episode ON episode.id = delivery.episode"
        " WHERE receiver = ? AND message IS NOT NULL AND shown IS NOT told LIMIT ?",
        (receiver, limit),
    )
    return [Item(episode_of(row), delivery_of(row)) for row in rows]


def backlog(connection: sqlite3.Connection, receiver: str, *, now: float) -> Backlog:
    """Return how much waits for a receiver, and since when; what is held or not due doesn't."""
    row = connection.execute(
        "SELECT count(*) AS pending, min(queued_at) AS oldest, coalesce(sum(dead > 0), 0) AS dead,"
        " coalesce(sum(dead = ?), 0) AS letters FROM delivery JOIN episode ON episode.id = delivery.episode"
        " WHERE receiver = ? AND told IS NOT wanted AND dead < ? AND episode.held = '' AND due_at <= ?",
        (Dead.LETTER, receiver, Dead.DISCARDED, now),
    ).fetchone()
    return Backlog(row["pending"], row["oldest"], row["dead"], row["letters"])


def lease(connection: sqlite3.Connection, receiver: str, items: Sequence[Item], *, now: float) -> list[Item]:
    """Note what is about to be sent, and return it as it is at this moment.

    What ended since it was read is told as such: else people would hear that it fires, and at once that it doesn't.
    What is held since is left out.
    """
    rows = connection.execute(
        "SELECT episode.*, delivery.* FROM delivery JOIN episode ON episode.id = delivery.episode"
        " WHERE receiver = ? AND told IS NOT wanted AND episode IN (SELECT value FROM json_each(?))"
        " AND dead < ? AND episode.held = '' AND due_at <= ? ORDER BY queued_at, episode",
        (receiver, json.dumps([item.episode.id for item in items]), Dead.LETTER, now),
    ).fetchall()
    leased = [Item(episode_of(row), delivery_of(row)) for row in rows]
    connection.executemany(
        "UPDATE delivery SET sending = ?, at = ? WHERE episode = ? AND receiver = ?",
        [(item.delivery.wanted, now, item.episode.id, receiver) for item in leased],
    )
    return leased


def open_digest(
    connection: sqlite3.Connection, receiver: str, items: Sequence[Item], *, now: float
) -> tuple[int, list[Item]]:
    """Lease the items as one digest; return its number and what was leased.

    Its link lists them from now on, whatever happens. A digest that was not accepted, or perhaps was, is continued
    under its number.
    """
    leased = lease(connection, receiver, items, now=now)
    row = connection.execute(
        "SELECT id FROM digest WHERE receiver = ? AND sent_at IS NULL ORDER BY id DESC LIMIT 1", (receiver,)
    ).fetchone()
    if row is None:
        row = connection.execute(
            "INSERT INTO digest (receiver, created_at) VALUES (?, ?) RETURNING id", (receiver, now)
        ).fetchone()
    connection.executemany(
        "INSERT INTO digest_item (digest, episode, known, told) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET told = excluded.told",
        [(row["id"], item.episode.id, item.delivery.told, item.delivery.wanted) for item in leased],
    )
    return int(row["id"]), leased


def mark_sent(
    connection: sqlite3.Connection, receiver: str, item: Item, *, message: str | None, edited: bool, now: float
) -> None:
    """Note that a message about one item was accepted.

    `message` is the receiver's id of a message of the episode's own; `edited` says that it shows what was told.
    """
    connection.execute(
        "UPDATE delivery SET told = ?, message = ?, shown = CASE WHEN ? THEN ? ELSE shown END, sending = NULL, at = ?,"
        " problem = '', dead = 0 WHERE episode = ? AND receiver = ?",
        (
            item.delivery.wanted,
            message,
            edited,
            item.delivery.wanted,
            now,
            item.episode.id,
            receiver,
        ),
    )


def mark_digest_sent(
    connection: sqlite3.Connection, receiver: str, items: Iterable[Item], digest: int, *, now: float
) -> None:
    """Note that a digest was accepted."""
    connection.execute("UPDATE digest SET sent_at = ? WHERE id = ?", (now, digest))
    connection.executemany(
        "UPDATE delivery SET told = ?, digest = ?, sending = NULL, at = ?, problem = '', dead = 0"
        " WHERE episode = ? AND receiver = ?",
        [(item.delivery.wanted, digest, now, item.episode.id, receiver) for item in items],
    )


def mark_edited(connection: sqlite3.Connection, receiver: str, item: Item, *, gone: bool) -> None:
    """Note that the message of an episode shows what was told, or that somebody deleted it."""
    connection.execute(
        "UPDATE delivery SET shown = ?, message = CASE WHEN ? THEN NULL ELSE message END"
        " WHERE episode = ? AND receiver = ?",
        (item.delivery.told, gone, item.episode.id, receiver),
    )


def mark_refused(
    connection: sqlite3.Connection, receiver: str, items: Iterable[Item], *, problem: str, now: float
) -> None:
    """Note that these were refused for what they say: dead letters."""
    connection.executemany(
        "UPDATE delivery SET sending = NULL, at = ?, problem = ?, dead = ? WHERE episode = ? AND receiver = ?",
        [(now, problem, Dead.LETTER, item.episode.id, receiver) for item in items],
    )


def mark_waiting(connection: sqlite3.Connection, receiver: str, *, problem: str, broken: bool, now: float) -> None:
    """Note why nothing of what waits for a receiver is accepted now; of a broken one it is tried again seldom."""
    connection.execute(
        "UPDATE delivery SET sending = NULL, at = ?, problem = ?, dead = max(dead, ?)"
        " WHERE receiver = ? AND told IS NOT wanted AND (sending IS NOT NULL OR dead < ?"
        " AND EXISTS (SELECT 1 FROM episode WHERE id = delivery.episode AND episode.held = '' AND due_at <= ?))",
        (now, problem, broken, receiver, Dead.LETTER, now),
    )


def dead(connection: sqlite3.Connection, *, limit: int) -> list[Item]:
    """Return what receivers refused, oldest first."""
    rows = connection.execute(
        "SELECT episode.*, delivery.* FROM delivery JOIN episode ON episode.id = delivery.episode"
        " WHERE told IS NOT wanted AND dead IN (?, ?) ORDER BY queued_at, episode, receiver LIMIT ?",
        (Dead.RECEIVER, Dead.LETTER, limit),
    )
    return [Item(episode_of(row), delivery_of(row)) for row in rows]


def revive(connection: sqlite3.Connection, which: Which) -> int:
    """Have what was refused sent again; return how many."""
    return _turn(connection, which, Dead.NO, "")


def discard(connection: sqlite3.Connection, which: Which) -> int:
    """Have what was refused never sent again; return how many."""
    return _turn(connection, which, Dead.DISCARDED, "discarded")


def _turn(connection: sqlite3.Connection, which: Which, into: Dead, problem: str) -> int:
    return connection.execute(
        "UPDATE delivery SET dead = ?, problem = ? WHERE told IS NOT wanted AND dead IN (?, ?)"
        " AND (? OR episode IN (SELECT value FROM json_each(?))) AND (? IS NULL OR receiver = ?)",
        (
            *(into, problem, Dead.RECEIVER, Dead.LETTER),
            *(which.episodes is None, json.dumps(which.episodes or [])),
            *(which.receiver, which.receiver),
        ),
    ).rowcount


def release(connection: sqlite3.Connection) -> int:
    """Free what a former process was sending when it ended; return how many messages may come twice."""
    return connection.execute("UPDATE delivery SET sending = NULL WHERE sending IS NOT NULL").rowcount


def retire(connection: sqlite3.Connection, receivers: Sequence[str]) -> int:
    """Drop what waits for receivers that are not among these any more; return how many."""
    marks = ", ".join("?" * len(receivers))
    return connection.execute(
        f"DELETE FROM delivery WHERE told IS NOT wanted AND receiver NOT IN ({marks})",  # noqa: S608
        tuple(receivers),
    ).rowcount
