"""The schema: plain SQL files, applied in order, once, whoever of several adapters comes first."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

import asyncpg

from hune.core.errors import Refused

OLDEST_SERVER = 15
_SECONDS = 3600.0
"""Of a statement: one may have to touch every sample."""

_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('hune.migration', 0))"
_TABLE = """
CREATE SCHEMA IF NOT EXISTS hune;
CREATE TABLE IF NOT EXISTS hune.migration (
    number integer PRIMARY KEY,
    name text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
"""


@dataclass(frozen=True)
class Migration:
    """One file of `sql/`, named NUMBER_NAME.sql."""

    number: int
    name: str
    statements: str


@cache
def migrations() -> tuple[Migration, ...]:
    """Return all migrations, oldest first."""
    files = (file for file in resources.files("hune.store").joinpath("sql").iterdir() if file.name.endswith(".sql"))
    found = []
    for file in files:
        number, _, name = file.name.removesuffix(".sql").partition("_")
        found.append(Migration(int(number), name, file.read_text()))
    return tuple(sorted(found, key=lambda one: one.number))


async def migrate(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Bring the schema up to date, and samples into the form that the database has means for; all of it or nothing.

    Raises Refused if the server is too old, the database no UTF-8, or the schema newer than this program.
    """
    version = connection.get_server_version().major
    if version < OLDEST_SERVER:
        raise Refused(f"database: PostgreSQL {version}", remedy=f"the store needs {OLDEST_SERVER} or newer")
    encoding = connection.get_settings().server_encoding
    if encoding != "UTF8":
        raise Refused(
            f"database: its encoding is {encoding}, which can't hold every label",
            remedy="make one with ENCODING 'UTF8'",
        )
    async with connection.transaction():
        await connection.execute(_LOCK)
        await connection.execute(_TABLE)
        applied = {row["number"] for row in await connection.fetch("SELECT number FROM hune.migration")}
        known = migrations()
        if applied - {one.number for one in known}:
            raise Refused("database: its schema is newer than this program", remedy="update Hune")
        for one in known:
            if one.number not in applied:
                await connection.execute(one.statements, timeout=_SECONDS)
                await connection.execute(
                    "INSERT INTO hune.migration (number, name) VALUES ($1, $2)", one.number, one.name
                )
        await connection.execute("SELECT hune.settle()", timeout=_SECONDS)
