"""A PostgreSQL with TimescaleDB that somebody else runs, named by `HUNE_TEST_TIMESCALE_URL`."""

from __future__ import annotations

import asyncio
import os
from urllib.parse import urlsplit

import asyncpg

URL = os.environ.get("HUNE_TEST_TIMESCALE_URL", "")


class TimescaleServer:
    """Its user may create databases, and the extension in them."""

    def new_database(self, name: str, *, extension: bool = True) -> str:
        """Return the URL of a database that is empty, but for the extension if it is to be there."""
        # Several processes of one run have it in common.
        name = f"hune_{os.environ.get('PYTEST_XDIST_WORKER', '')}{name}"
        url = urlsplit(URL)._replace(path=f"/{name}").geturl()
        asyncio.run(_execute(URL, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', f'CREATE DATABASE "{name}"'))
        word = "CREATE EXTENSION IF NOT EXISTS" if extension else "DROP EXTENSION IF EXISTS"
        asyncio.run(_execute(url, f"{word} timescaledb"))
        return url


async def _execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()
