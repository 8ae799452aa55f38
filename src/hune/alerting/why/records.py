"""What the hub's file holds about one alert, as statements on it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from hune.alerting.holds import Labels
from hune.alerting.state import care
from hune.alerting.state.episode import Care, Delivery, Episode
from hune.alerting.state.rows import delivery_of, episode_of

_LATEST = 500


@dataclass(frozen=True)
class Record:
    """An episode, and what is done about it."""

    episode: Episode
    deliveries: tuple[Delivery, ...]
    care: Care | None


def find(connection: sqlite3.Connection, number: int) -> Record | None:
    """Return the episode of a number."""
    row = connection.execute("SELECT * FROM episode WHERE id = ?", (number,)).fetchone()
    return None if row is None else _record(connection, row)


def latest(connection: sqlite3.Connection, name: str, identity: Sequence[str], labels: Labels) -> Record | None:
    """Return the episode of the alert of these labels, open ones before those that are over, the latest first."""
    same = "".join(" AND json_extract(labels, '$.' || json_quote(?)) IS ?" for _ in identity)
    values = [part for label in identity for part in (label, labels.get(label))]
    row = connection.execute(
        "SELECT * FROM episode WHERE json_extract(labels, '$.alertname') = ?"  # noqa: S608
        f"{same} ORDER BY state = 'resolved', id DESC LIMIT 1",
        (name, *values),
    ).fetchone()
    return None if row is None else _record(connection, row)


def known(connection: sqlite3.Connection, name: str) -> list[Episode]:
    """Return the latest episodes of a rule."""
    rows = connection.execute(
        "SELECT * FROM episode WHERE json_extract(labels, '$.alertname') = ?"
        " ORDER BY state = 'resolved', id DESC LIMIT ?",
        (name, _LATEST),
    )
    return [episode_of(row) for row in rows]


def _record(connection: sqlite3.Connection, row: sqlite3.Row) -> Record:
    deliveries = connection.execute("SELECT * FROM delivery WHERE episode = ? ORDER BY step, receiver", (row["id"],))
    return Record(
        episode_of(row),
        tuple(delivery_of(one) for one in deliveries),
        care.of(connection, [row["id"]]).get(row["id"]),
    )
