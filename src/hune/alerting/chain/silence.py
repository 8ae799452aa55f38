"""Silence: how long nothing was heard, counted only while somebody listened.

A machine that sleeps, a hub that is stopped or starts anew: in that time nobody listened, and nobody was silent.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(slots=True)
class Silence:
    """Of one who is to be heard from; times in seconds, `heard_at` since the epoch (0: never)."""

    heard_at: float = 0.0
    seconds: float = 0.0

    def heard(self, now: float) -> None:
        """It was heard."""
        self.heard_at, self.seconds = now, 0.0

    def listened(self, elapsed: float, *, every: float) -> None:
        """Nothing was heard since the last count; those are `every` so long, and what lasted longer was a pause."""
        self.seconds += min(max(elapsed, 0.0), 2 * every)


def read(connection: sqlite3.Connection) -> dict[str, Silence]:
    """Return what was known when it was last written, by name."""
    return {
        row["name"]: Silence(row["at"], row["silence"]) for row in connection.execute("SELECT * FROM heard").fetchall()
    }


def write(connection: sqlite3.Connection, known: Mapping[str, Silence]) -> None:
    """Write down what is known now of these."""
    connection.executemany(
        "INSERT INTO heard (name, at, silence) VALUES (?, ?, ?)"
        " ON CONFLICT DO UPDATE SET at = excluded.at, silence = excluded.silence",
        [(name, one.heard_at, one.seconds) for name, one in known.items()],
    )


def forget(connection: sqlite3.Connection, *, but: Collection[str]) -> None:
    """Forget all others."""
    connection.execute("DELETE FROM heard WHERE name NOT IN (SELECT value FROM json_each(?))", (json.dumps([*but]),))
