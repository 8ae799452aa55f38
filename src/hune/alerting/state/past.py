"""The alert book's past: searched, and forgotten once it is too long ago."""

from __future__ import annotations

import math
import sqlite3
from dataclasses import dataclass

from hune.alerting.state.book import deliveries_of
from hune.alerting.state.episode import Delivery, Episode
from hune.alerting.state.rows import episode_of
from hune.alerting.state.schema import WAITING

_SEARCHED = 2000


@dataclass(frozen=True, slots=True)
class Search:
    """Which alerts of the past: those that were open at some time from `since` to `until`."""

    since: float = 0.0
    until: float = math.inf
    rule: str | None = None
    node: str | None = None


def search(
    connection: sqlite3.Connection, wanted: Search, *, before: int, limit: int
) -> tuple[list[tuple[Episode, list[Delivery]]], int]:
    """Return alerts of the past, latest first, and the number before which to go on, 0 at the end.

    At most `limit`, and only what is found among the next few thousand: a question about years holds nobody up.
    """
    last = connection.execute(
        "SELECT id FROM episode WHERE id < ? ORDER BY id DESC LIMIT 1 OFFSET ?", (before, _SEARCHED - 1)
    ).fetchone()
    lowest = last["id"] if last else 0
    rows = connection.execute(
        "SELECT * FROM episode WHERE id < ? AND id >= ? AND starts_at < ? AND (resolved_at IS NULL OR resolved_at >= ?)"
        " AND (? IS NULL OR json_extract(labels, '$.alertname') = ?)"
        " AND (? IS NULL OR json_extract(labels, '$.node') = ?) ORDER BY id DESC LIMIT ?",
        (before, lowest, wanted.until, wanted.since, wanted.rule, wanted.rule, wanted.node, wanted.node, limit),
    )
    episodes = [episode_of(row) for row in rows]
    told = deliveries_of(connection, [episode.id for episode in episodes])
    if len(episodes) == limit:
        lowest = episodes[-1].id
    return [(episode, told.get(episode.id, [])) for episode in episodes], lowest


def forget(connection: sqlite3.Connection, *, before: float, most: int, waiting_since: float, limit: int = 1000) -> int:
    """Drop episodes resolved before a moment, the oldest beyond `most`, and digests of none; return how many episodes.

    At most `limit` go at once. What has begun to wait for a receiver since `waiting_since` is kept in any case.
    """
    dropped = connection.execute(
        "DELETE FROM episode WHERE id IN (SELECT id FROM episode WHERE state = 'resolved'"  # noqa: S608
        " AND (resolved_at < ? OR id <= (SELECT max(id) FROM episode) - ?)"
        " AND NOT EXISTS (SELECT 1 FROM delivery"
        f" WHERE episode = episode.id AND {WAITING} AND queued_at >= ?) LIMIT ?)",
        (before, most, waiting_since, limit),
    ).rowcount
    if dropped:
        connection.execute(
            "DELETE FROM digest WHERE sent_at IS NOT NULL"
            " AND NOT EXISTS (SELECT 1 FROM digest_item WHERE digest = digest.id)"
        )
    return dropped
