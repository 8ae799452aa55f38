"""A hub's file in a temporary directory, or in memory."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from hune.alerting.state.database import Database
from hune.alerting.state.schema import SCRIPTS
from support.courier_bench import Bench

RESERVE = 256 << 10


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    """Return an empty book in memory."""
    opened = sqlite3.connect(":memory:", isolation_level=None)
    opened.row_factory = sqlite3.Row
    opened.execute("PRAGMA foreign_keys = ON")
    opened.executescript("".join(SCRIPTS))
    yield opened
    opened.close()


@pytest_asyncio.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """Return an open file with the hub's schema."""
    opened = Database(tmp_path / "outbox.db", SCRIPTS, reserve_bytes=RESERVE)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def bench(database: Database) -> Bench:
    return Bench(database)
