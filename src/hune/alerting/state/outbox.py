"""The outbox: what each receiver still has to be told, as statements on the hub's file.

A delivery is leased before sending and marked after: a crash between the two repeats a message, never loses one.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from hune.alerting.state import history
from hune.alerting.state.episode import Care, Dead, Delivery, Episode, State
from hune.alerting.state.history import Kind
from hune.alerting.state.rows import delivery_of, episode_of
from hune.alerting.state.schema import WAITING

MAX_BATCH = 5000
_ITEM = (
    "SELECT episode.*, delivery.*, care.at AS care_at, care.by AS care_by, care.until AS care_until,"
    " care.note AS care_note,"
    # Since when nobody looks after it: what an escalation goes by.
    " iif(again = 3 OR step > 0, coalesce((SELECT max(event.at) FROM event WHERE event.episode = episode.id"
    " AND kind IN ('care_ended', 'released')), received_at), NULL) AS alone_since"
    " FROM delivery JOIN episode ON episode.id = delivery.episode LEFT JOIN care ON care.episode = episode.id"
)


@dataclass(frozen=True, slots=True)
class Item:
    """One delivery that waits, with the episode it is about."""

    episode: Episode
    delivery: Delivery
    care: Care | None = None
    alone_since: float | None = None
    """Of an escalation: since when nobody looks after it."""

    @property
    def is_news(self) -> bool:
        """Whether the receiver has heard nothing of the episode yet."""
        return self.delivery.told is None

    @property
    def is_again(self) -> bool:
        """Whether the receiver knows it already, and is told once more."""
        return self.delivery.told == self.delivery.wanted

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


def pending(connection: sqlite3.Connection, receiver: str, *, now: float, limit: int = MAX_BATCH) -> list[Item]:
    """Return what the receiver has to be told, oldest first; nothing of what is held or not due yet, no dead letter."""
    rows = connection.execute(
        f"{_ITEM} WHERE receiver = ? AND {WAITING} AND dead < ? AND episode.held = '' AND due_at <= ?"
        " ORDER BY queued_at, delivery.episode LIMIT ?",
        (receiver, Dead.LETTER, now, limit),
    )
    return [item_of(row) for row in rows]


def outdated(connection: sqlite3.Connection, receiver: str, *, limit: int) -> list[Item]:
    """Return deliveries whose own message still shows what is no longer so."""
    rows = connection.execute(
        f"{_ITEM} WHERE receiver = ? AND message IS NOT NULL AND shown IS NOT told LIMIT ?",
        (receiver, limit),
    )
    return [item_of(row) for row in rows]


def backlog(connection: sqlite3.Connection, receiver: str, *, now: float) -> Backlog:
    """Return how much waits for a receiver, and since when; what is held or not due doesn't."""
    row = connection.execute(
        "SELECT count(*) AS pending, min(queued_at) AS oldest, coalesce(sum(dead > 0), 0) AS dead,"  # noqa: S608
        " coalesce(sum(dead = ?), 0) AS letters FROM delivery JOIN episode ON episode.id = delivery.episode"
        f" WHERE receiver = ? AND {WAITING} AND episode.held = '' AND due_at <= ?",
        (Dead.LETTER, receiver, now),
    ).fetchone()
    return Backlog(row["pending"], row["oldest"], row["dead"], row["letters"])


def lease(connection: sqlite3.Connection, receiver: str, items: Sequence[Item], *, now: float) -> list[Item]:
    """Note what is about to be sent, and return it as it is at this moment.

    What ended since it was read is told as such: else people would hear that it fires, and at once that it doesn't.
    What is held since is left out.
    """
    rows = connection.execute(
        f"{_ITEM} WHERE receiver = ? AND {WAITING} AND delivery.episode IN (SELECT value FROM json_each(?))"  # noqa: S608
        " AND dead < ? AND episode.held = '' AND due_at <= ? ORDER BY queued_at, delivery.episode",
        (receiver, json.dumps([item.episode.id for item in items]), Dead.LETTER, now),
    ).fetchall()
    leased = [item_of(row) for row in rows]
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
    shown = item.delivery.wanted if _is_cared_for_as_told(connection, item) else None
    connection.execute(
        "UPDATE delivery SET told = ?, message = ?, shown = CASE WHEN ? THEN ? ELSE shown END, sending = NULL, at = ?,"
        " problem = '', dead = 0, again = iif(again = ?, 0, again) WHERE episode = ? AND receiver = ?",
        (item.delivery.wanted, message, edited, shown, now, item.delivery.again, item.episode.id, receiver),
    )
    _record_told(connection, receiver, [item], now=now, message=message)


def mark_digest_sent(
    connection: sqlite3.Connection, receiver: str, items: Sequence[Item], digest: int, *, now: float
) -> None:
    """Note that a digest was accepted."""
    connection.execute("UPDATE digest SET sent_at = ? WHERE id = ?", (now, digest))
    connection.executemany(
        "UPDATE delivery SET told = ?, digest = ?, sending = NULL, at = ?, problem = '', dead = 0,"
        " again = iif(again = ?, 0, again) WHERE episode = ? AND receiver = ?",
        [(item.delivery.wanted, digest, now, item.delivery.again, item.episode.id, receiver) for item in items],
    )
    _record_told(connection, receiver, items, now=now, digest=digest)


def mark_edited(connection: sqlite3.Connection, receiver: str, item: Item, *, gone: bool) -> None:
    """Note that the message of an episode shows what was told, or that somebody deleted it."""
    if gone or _is_cared_for_as_told(connection, item):
        connection.execute(
            "UPDATE delivery SET shown = ?, message = CASE WHEN ? THEN NULL ELSE message END"
            " WHERE episode = ? AND receiver = ?",
            (item.delivery.told, gone, item.episode.id, receiver),
        )


def mark_refused(
    connection: sqlite3.Connection, receiver: str, items: Sequence[Item], *, problem: str, now: float
) -> None:
    """Note that these were refused for what they say: dead letters. What is to be told since is another message."""
    connection.executemany(
        "UPDATE delivery SET sending = NULL, at = ?, problem = ?, dead = iif(wanted = ?, ?, dead)"
        " WHERE episode = ? AND receiver = ?",
        [(now, problem, item.delivery.wanted, Dead.LETTER, item.episode.id, receiver) for item in items],
    )
    rows = [(item.episode.id, {"problem": problem}) for item in items]
    history.record_all(connection, rows, Kind.REFUSED, at=now, receiver=receiver)


def mark_waiting(connection: sqlite3.Connection, receiver: str, *, problem: str, broken: bool, now: float) -> None:
    """Note why nothing of what waits for a receiver is accepted now; of a broken one it is tried again seldom."""
    if broken:
        newly = connection.execute(
            "SELECT episode FROM delivery JOIN episode ON episode.id = delivery.episode"  # noqa: S608
            f" WHERE receiver = ? AND {WAITING} AND dead = ? AND episode.held = '' AND due_at <= ?",
            (receiver, Dead.NO, now),
        ).fetchall()
        rows = [(row["episode"], {"problem": problem}) for row in newly]
        history.record_all(connection, rows, Kind.REFUSED, at=now, receiver=receiver)
    connection.execute(
        # Only what changes: it may be thousands, and every few seconds.
        "UPDATE delivery SET sending = NULL, at = ?, problem = ?, dead = max(dead, ?)"  # noqa: S608
        f" WHERE receiver = ? AND {WAITING} AND (sending IS NOT NULL OR dead < ? AND (problem <> ? OR dead < ?)"
        " AND EXISTS (SELECT 1 FROM episode WHERE id = delivery.episode AND episode.held = '' AND due_at <= ?))",
        (now, problem, broken, receiver, Dead.LETTER, problem, broken, now),
    )


def dead(connection: sqlite3.Connection, *, limit: int) -> list[Item]:
    """Return what receivers refused, oldest first."""
    rows = connection.execute(
        f"{_ITEM} WHERE {WAITING} AND dead IN (?, ?) ORDER BY queued_at, delivery.episode, receiver LIMIT ?",
        (Dead.RECEIVER, Dead.LETTER, limit),
    )
    return [item_of(row) for row in rows]


def revive(connection: sqlite3.Connection, which: Which, *, now: float) -> int:
    """Have what was refused sent again; return how many."""
    return _turn(connection, which, Dead.NO, Kind.RESENT, now)


def discard(connection: sqlite3.Connection, which: Which, *, now: float) -> int:
    """Have what was refused never sent again; return how many."""
    return _turn(connection, which, Dead.DISCARDED, Kind.DISCARDED, now)


def _turn(connection: sqlite3.Connection, which: Which, into: Dead, kind: Kind, now: float) -> int:
    is_given_up = into is Dead.DISCARDED
    turned = connection.execute(
        # Who isn't told once more is told of the end all the same.
        "UPDATE delivery SET sending = NULL, dead = iif(told IS wanted, 0, ?), problem = iif(told IS wanted, '', ?),"  # noqa: S608
        f" again = iif(?, 0, again) WHERE {WAITING} AND dead IN (?, ?)"
        " AND (? OR episode IN (SELECT value FROM json_each(?))) AND (? IS NULL OR receiver = ?)"
        " RETURNING episode, receiver",
        (
            *(into, "discarded" if is_given_up else "", is_given_up, Dead.RECEIVER, Dead.LETTER),
            *(which.episodes is None, json.dumps(which.episodes or [])),
            *(which.receiver, which.receiver),
        ),
    ).fetchall()
    for row in turned:
        history.record(connection, row["episode"], kind, at=now, receiver=row["receiver"])
    return len(turned)


def give_up(connection: sqlite3.Connection, *, before: float, now: float) -> int:
    """Tell nobody any more of what is over and has waited since before a moment; return how many deliveries."""
    given_up = connection.execute(
        "UPDATE delivery SET sending = NULL, dead = ?, problem = 'waited for too long'"  # noqa: S608
        f" WHERE {WAITING} AND queued_at < ?"
        " AND EXISTS (SELECT 1 FROM episode WHERE id = delivery.episode AND state = 'resolved' AND held = '')"
        " RETURNING episode, receiver",
        (Dead.DISCARDED, before),
    ).fetchall()
    for row in given_up:
        at = {"at": now, "receiver": row["receiver"]}
        history.record(connection, row["episode"], Kind.DISCARDED, **at, reason="waited for too long")
    return len(given_up)


def release(connection: sqlite3.Connection) -> int:
    """Free what a former process was sending when it ended; return how many messages may come twice."""
    return connection.execute("UPDATE delivery SET sending = NULL WHERE sending IS NOT NULL").rowcount


def retire(connection: sqlite3.Connection, receivers: Sequence[str], *, now: float) -> int:
    """Drop what waits for receivers that are not among these any more; return how many."""
    marks = ", ".join("?" * len(receivers))
    dropped = connection.execute(
        f"DELETE FROM delivery WHERE {WAITING} AND receiver NOT IN ({marks}) RETURNING episode, receiver",  # noqa: S608
        tuple(receivers),
    ).fetchall()
    for row in dropped:
        at = {"at": now, "receiver": row["receiver"]}
        history.record(connection, row["episode"], Kind.DISCARDED, **at, reason="not in the site any more")
    return len(dropped)


def item_of(row: sqlite3.Row) -> Item:
    """Return the item of a row of `_ITEM`."""
    return Item(episode_of(row), delivery_of(row), _care_of(row), row["alone_since"])


def _care_of(row: sqlite3.Row) -> Care | None:
    if row["care_at"] is None:
        return None
    return Care(row["care_at"], row["care_by"], row["care_until"], row["care_note"])


def _is_cared_for_as_told(connection: sqlite3.Connection, item: Item) -> bool:
    """Whether the same person looks after an episode as when it was told, which takes a moment."""
    row = connection.execute("SELECT at FROM care WHERE episode = ?", (item.episode.id,)).fetchone()
    return (row["at"] if row else None) == (item.care.at if item.care else None)


def _record_told(
    connection: sqlite3.Connection,
    receiver: str,
    items: Sequence[Item],
    *,
    now: float,
    message: str | None = None,
    digest: int | None = None,
) -> None:
    told, reminded = [], []
    for item in items:
        where = {"message": message, "digest": digest}
        if item.is_again:
            reminded.append((item.episode.id, {"why": item.delivery.again.name.lower(), **where}))
        else:
            step = item.delivery.step if item.is_news else 0
            told.append((item.episode.id, {"told": item.delivery.wanted, **where, "step": step or None}))
    history.record_all(connection, told, Kind.TOLD, at=now, receiver=receiver)
    history.record_all(connection, reminded, Kind.REMINDED, at=now, receiver=receiver)
