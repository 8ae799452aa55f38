"""What rows of the hub's file say."""

from __future__ import annotations

import json
import sqlite3

from hune.alerting import holds
from hune.alerting.state.episode import Again, Dead, Delivery, Ending, Episode, State


def episode_of(row: sqlite3.Row) -> Episode:
    """Return the episode of a row of the table."""
    return Episode(
        id=row["id"],
        fingerprint=row["fingerprint"],
        labels=json.loads(row["labels"]),
        annotations=json.loads(row["annotations"]),
        state=State(row["state"]),
        starts_at=row["starts_at"],
        received_at=row["received_at"],
        heard_at=row["heard_at"],
        expires_at=row["expires_at"],
        claimed_at=row["claimed_at"],
        doubted_at=row["doubted_at"],
        resolved_at=row["resolved_at"],
        ending=Ending(row["ending"]) if row["ending"] else None,
        value=row["value"],
        peak=row["peak"],
        holds=holds.read(row["held"]),
    )


def delivery_of(row: sqlite3.Row) -> Delivery:
    """Return the delivery of a row of the table."""
    return Delivery(
        receiver=row["receiver"],
        wanted=State(row["wanted"]),
        told=State(row["told"]) if row["told"] else None,
        at=row["at"],
        message=row["message"],
        digest=row["digest"],
        problem=row["problem"],
        dead=Dead(row["dead"]),
        queued_at=row["queued_at"],
        again=Again(row["again"]),
        step=row["step"],
        due_at=row["due_at"],
    )
