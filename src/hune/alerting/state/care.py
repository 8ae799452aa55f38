"""Who looks after an alert: acknowledged (without end) or snoozed (until a moment), as statements on the hub's file.

Both stop reminders and escalation. Neither touches Alertmanager, the truth, or the end, which is told as always.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from hune.alerting.holds import Terms
from hune.alerting.state import history
from hune.alerting.state.episode import Again, Care, State
from hune.alerting.state.history import Kind


def of(connection: sqlite3.Connection, episodes: Sequence[int]) -> dict[int, Care]:
    """Return who looks after these episodes, where somebody does."""
    rows = connection.execute(
        "SELECT * FROM care WHERE episode IN (SELECT value FROM json_each(?))", (json.dumps(list(episodes)),)
    )
    return {row["episode"]: Care(row["at"], row["by"], row["until"], row["note"]) for row in rows}


def take(connection: sqlite3.Connection, episode: int, care: Care, *, receiver: str = "") -> None:
    """Have somebody look after an open episode, instead of who did before; `receiver` is whose link brought them."""
    connection.execute(
        "INSERT INTO care (episode, at, by, until, note) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
        " SET at = excluded.at, by = excluded.by, until = excluded.until, note = excluded.note",
        (episode, care.at, care.by, care.until, care.note),
    )
    call_off(connection, episode)
    show(connection, episode)
    kind = Kind.ACKNOWLEDGED if care.until is None else Kind.SNOOZED
    history.record(
        connection, episode, kind, at=care.at, receiver=receiver, by=care.by, until=care.until, note=care.note
    )


def call_off(connection: sqlite3.Connection, episode: int) -> None:
    """Say no more what only was to call for somebody; who is being told right now is told all the same."""
    connection.execute(
        "UPDATE delivery SET again = 0, dead = 0, problem = '' WHERE episode = ? AND again > 0", (episode,)
    )
    connection.execute(
        "DELETE FROM delivery WHERE episode = ? AND step > 0 AND told IS NULL AND sending IS NULL", (episode,)
    )


def end(connection: sqlite3.Connection, episode: int, *, by: str, now: float) -> bool:
    """Have nobody look after an episode any more; return whether somebody did. Escalation begins anew."""
    ended = connection.execute("DELETE FROM care WHERE episode = ?", (episode,)).rowcount > 0
    if ended:
        show(connection, episode)
        history.record(connection, episode, Kind.CARE_ENDED, at=now, by=by, reason="released")
    return ended


def end_snoozes(connection: sqlite3.Connection, terms: Terms, *, now: float) -> int:
    """End the snoozes that are over, and have what still fires told once more; return how many of those there were."""
    over = connection.execute(
        "DELETE FROM care WHERE until <= ? RETURNING episode, by",
        (now,),
    ).fetchall()
    woken = 0
    for row in over:
        found = connection.execute("SELECT state, labels FROM episode WHERE id = ?", (row["episode"],)).fetchone()
        if found["state"] == State.RESOLVED:
            continue
        woken += 1
        history.record(connection, row["episode"], Kind.CARE_ENDED, at=now, by=row["by"], reason="over")
        show(connection, row["episode"])
        labels = json.loads(found["labels"])
        for (receiver,) in connection.execute(
            "SELECT receiver FROM delivery WHERE episode = ?", (row["episode"],)
        ).fetchall():
            due_at = terms.due(labels, receiver)
            repeat(connection, row["episode"], receiver, Again.SNOOZE_OVER, now=now, due_at=due_at)
    return woken


def is_snooze_over(connection: sqlite3.Connection, *, now: float) -> bool:
    """Whether a snooze is over."""
    return connection.execute("SELECT 1 FROM care WHERE until <= ?", (now,)).fetchone() is not None


def repeat(
    connection: sqlite3.Connection, episode: int, receiver: str, why: Again, *, now: float, due_at: float
) -> bool:
    """Have a receiver told once more what it knows; return whether it knows anything, and isn't told anyway."""
    return (
        connection.execute(
            "UPDATE delivery SET again = ?, queued_at = ?, due_at = ? WHERE episode = ? AND receiver = ?"
            " AND told = 'firing' AND wanted = 'firing' AND again = 0",
            (why, max(now, due_at), due_at, episode, receiver),
        ).rowcount
        > 0
    )


def show(connection: sqlite3.Connection, episode: int) -> None:
    """Have messages that can be edited show who looks after an episode now."""
    connection.execute("UPDATE delivery SET shown = NULL WHERE episode = ? AND message IS NOT NULL", (episode,))
