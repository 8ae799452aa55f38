"""The PostgreSQL of the tests is one that people run: it keeps what it acknowledged, and runs as nobody's root."""

from __future__ import annotations

import os
from pathlib import Path

import asyncpg

from support.postgresql import Postgresql


async def test_a_server_keeps_what_it_acknowledges(database: str) -> None:
    connection = await asyncpg.connect(database)
    settings = {name: await connection.fetchval(f"SHOW {name}") for name in ("fsync", "synchronous_commit", "TimeZone")}
    version = connection.get_server_version()
    await connection.close()
    assert settings == {"fsync": "on", "synchronous_commit": "on", "TimeZone": "UTC"}
    assert version >= (15,)


def test_a_server_runs_as_no_root(postgres: Postgresql) -> None:
    owner = Path(postgres.folder, "data", "PG_VERSION").stat().st_uid
    assert owner != 0
    assert os.geteuid() in (0, owner)
