"""What the store holds, and whether it is as it must be."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, TypeVar
from uuid import UUID

import asyncpg

from hune.core.errors import Refused, Unavailable
from hune.store.database import Connection, connect_once, describe
from hune.store.wire.labels import METRIC_NAME, Identity
from hune.store.wire.messages import MESSAGES
from hune.store.wire.unpack import Malformed

LONG_SECONDS = 6 * 3600.0
"""How long one check may take: all that is packed is looked at."""
_EXAMPLES = 3
_FETCHED = 1_000
_T = TypeVar("_T")

_TOTALS = """
SELECT (SELECT count(*) FROM hune.series) AS series,
    (SELECT count(DISTINCT metric) FROM hune.series) AS metrics,
    pg_database_size(current_database()) AS database_bytes,
    pg_total_relation_size('hune.series') AS series_bytes,
    extract(epoch FROM hune.newest())::double precision AS newest,
    extract(epoch FROM now() - hune.newest())::double precision AS lag_seconds,
    current_setting('server_version') AS server
"""
_LEADERS = """
SELECT cluster, replica, extract(epoch FROM since)::double precision AS since,
    extract(epoch FROM now() - seen)::double precision AS silent_seconds
FROM hune.leader ORDER BY cluster
"""


@dataclass(frozen=True)
class Check:
    """One thing that must be so, and where it isn't."""

    what: str
    violations: int
    examples: Sequence[str]


@dataclass(frozen=True)
class Example:
    """A statement to begin with."""

    name: str
    title: str
    statement: str


async def statistics(connection: Connection, *, exact: bool) -> dict[str, Any]:
    """Return what there is: totals, days, and who is believed of each cluster of senders."""
    totals = await connection.fetchrow(_TOTALS, timeout=LONG_SECONDS)
    assert totals is not None
    days = [
        {**dict(row), "day": row["day"].isoformat()}
        for row in await connection.fetch("SELECT * FROM hune.day_sizes($1)", exact, timeout=LONG_SECONDS)
    ]
    samples, packed = sum(day["samples"] for day in days), sum(day["packed_samples"] for day in days)
    return {
        **dict(totals),
        "samples": samples + packed,
        "packed_ratio": packed / (samples + packed) if samples + packed else None,
        "bytes": sum(day["bytes"] + day["packed_bytes"] for day in days),
        "exact": exact,
        "days": days,
        "clusters": [dict(row) for row in await connection.fetch(_LEADERS)],
    }


async def checks(connection: Connection) -> AsyncIterator[Check]:
    """Yield one check after the other; reads everything, changes nothing."""
    yield await _labels_name_series(connection)
    for _, title, statement in _CHECKS:
        counted = (
            f"SELECT count(*) AS count, (array_agg(what))[1:{_EXAMPLES}] AS examples "  # noqa: S608 - ours
            f"FROM ({statement}) AS found (what)"
        )
        row = await connection.fetchrow(counted, timeout=LONG_SECONDS)
        assert row is not None
        yield Check(title, row["count"], row["examples"] or [])


async def _labels_name_series(connection: Connection) -> Check:
    wrong = []
    async with connection.transaction(readonly=True):
        cursor = await connection.cursor(
            "SELECT id, fingerprint, metric, labels::text AS labels, exact FROM hune.series", timeout=LONG_SECONDS
        )
        while rows := await cursor.fetch(_FETCHED):
            wrong += [f"series {row['id']}" for row in rows if _fingerprint(row) != row["fingerprint"]]
    return Check("Every series has the fingerprint of its labels", len(wrong), wrong[:_EXAMPLES])


def _fingerprint(row: Any) -> UUID | None:
    if row["exact"] is None:
        labels = list(json.loads(row["labels"]).items())
        labels += [(METRIC_NAME, row["metric"])] if row["metric"] else []
    else:
        labels = [(one.name, one.value) for one in MESSAGES["Series"].FromString(row["exact"]).labels]
    try:
        return UUID(bytes=Identity.of(labels).fingerprint())
    except Malformed:
        return None


def _files(folder: str) -> list[tuple[str, str, str]]:
    """Return name, title and statement of the files of a folder, which begin with their title."""
    found = []
    for file in resources.files("hune.store").joinpath(folder).iterdir():
        title, _, statement = file.read_text().partition("\n")
        found.append((file.name.removesuffix(".sql"), title.removeprefix("-- "), statement))
    return sorted(found)


async def ask(connection: Connection, statement: str) -> tuple[list[str], list[list[Any]]]:
    """Return columns and rows of a statement, which can only read. Raises PostgresError."""
    async with connection.transaction(readonly=True):
        prepared = await connection.prepare(statement, timeout=LONG_SECONDS)
        rows = await prepared.fetch(timeout=LONG_SECONDS)
        return [one.name for one in prepared.get_attributes()], [list(row.values()) for row in rows]


async def connected(url: str, work: Callable[[Connection], Awaitable[_T]]) -> _T:
    """Return what work returns. Raises Unavailable, or Refused for what the database objects to."""
    connection = await connect_once(url)
    try:
        return await work(connection)
    except asyncpg.PostgresError as error:
        raise Refused(f"database: {describe(error)}") from error
    except (OSError, TimeoutError, asyncpg.InterfaceError) as error:
        raise Unavailable(f"database: {describe(error)}") from error
    finally:
        connection.terminate()


EXAMPLES = tuple(Example(name, title, statement) for name, title, statement in _files("examples"))
"""Statements that people may begin with."""
_CHECKS = _files("checks")
