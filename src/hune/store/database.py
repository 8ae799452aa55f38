"""Connections to the database: made when they are needed, given up when they break, not tried without pause."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping
from typing import TypeAlias

import asyncpg

from hune.core.backoff import Backoff
from hune.core.clock import Clock
from hune.core.errors import HuneError, InputError, Unavailable
from hune.store import schema

log = logging.getLogger(__name__)

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

CONNECT_SECONDS = 10.0
COMMAND_SECONDS = 25.0
"""Less than the 30 s that Prometheus waits for an answer."""

# What says that the connection is of no use any more.
_BROKEN = (OSError, asyncpg.InterfaceError, asyncpg.PostgresConnectionError, asyncpg.InternalClientError)
_SETTINGS = {
    "application_name": "hune-timescale",
    "timezone": "UTC",
    "jit": "off",
    # Every statement has a bound of its own; one that a role was given would end the packing of a large day, always.
    "statement_timeout": "0",
}


class Database:
    """Where to connect to; the schema is brought up to date by the first who does."""

    def __init__(self, url: str, clock: Clock) -> None:
        self.clock = clock
        self._url = url
        self._migrated = False
        self._backoff = Backoff(initial=0.2, ceiling=5.0)
        self._not_before = 0.0
        self._one = asyncio.Lock()
        self._told = False
        self.failure: str | None = "database: not reached yet"
        """Why the database was of no use the last time; None while it is."""

    async def connect(self, settings: Mapping[str, str] | None = None) -> Connection:
        """Return a new connection. Raises Unavailable; for a while after a failure without trying."""
        async with self._one:
            if self.clock.monotonic() < self._not_before:
                raise Unavailable(self.failure or "database: out of reach")
            try:
                connection = await asyncpg.connect(
                    self._url,
                    timeout=CONNECT_SECONDS,
                    command_timeout=COMMAND_SECONDS,
                    server_settings={**_SETTINGS, **(settings or {})},
                )
                if not self._migrated:
                    await self._migrate(connection)
            except (*_BROKEN, asyncpg.PostgresError, TimeoutError, HuneError) as error:
                self._not_before = self.clock.monotonic() + self._backoff.next()
                raise self.failed(error) from error
            except ValueError as error:
                raise _not_a_url() from error
            self._backoff.reset()
            return connection

    def answered(self) -> None:
        """Take note that the database did what it should."""
        if self._told:
            log.info("database: answers again")
            self._told = False
        self.failure = None

    def failed(self, error: Exception) -> Unavailable:
        """Return what to tell of an error; the first of a row is logged."""
        reason = str(error) if isinstance(error, HuneError) else f"database: {describe(error)}"
        if not self._told:
            log.warning("%s; senders are asked to wait", reason)
            self._told = True
        self.failure = reason
        return Unavailable(reason)

    async def _migrate(self, connection: Connection) -> None:
        try:
            await schema.migrate(connection)
        except BaseException:
            connection.terminate()
            raise
        self._migrated = True


class Link:
    """One connection, for one user at a time."""

    def __init__(self, database: Database, *, settings: Mapping[str, str] | None = None) -> None:
        self._database = database
        self._settings = settings
        self._connection: Connection | None = None
        self._one = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def use(self) -> AsyncIterator[Connection]:
        """Lend the connection. Raises Unavailable for whatever goes wrong with it, and PostgresError of a statement."""
        async with self._one:
            if self._connection is None or self._connection.is_closed():
                self._connection = await self._database.connect(self._settings)
            try:
                yield self._connection
            except (*_BROKEN, TimeoutError, asyncpg.OperatorInterventionError) as error:
                self._drop()
                raise self._database.failed(error) from error
            except asyncio.CancelledError:
                self._drop()
                raise
            else:
                self._database.answered()
                if self._connection.is_in_transaction():
                    # Who used it was cancelled before it could end what it had begun.
                    self._drop()

    async def close(self) -> None:
        """End the connection, in order if that is quickly done."""
        if self._connection is not None and not self._connection.is_closed():
            with contextlib.suppress(*_BROKEN, TimeoutError):
                await self._connection.close(timeout=2.0)
        self._connection = None

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


async def connect_once(url: str) -> Connection:
    """Return a connection for one who only looks; the schema stays as it is. Raises Unavailable or InputError."""
    try:
        return await asyncpg.connect(
            url, timeout=CONNECT_SECONDS, server_settings={**_SETTINGS, "application_name": "hune-store"}
        )
    except (*_BROKEN, asyncpg.PostgresError, TimeoutError) as error:
        raise Unavailable(f"database: {describe(error)}") from error
    except ValueError as error:
        raise _not_a_url() from error


def _not_a_url() -> InputError:
    # What it is isn't repeated: it may hold a password.
    return InputError("database: not a URL", remedy="write postgresql://user:password@host:5432/name")


def describe(error: Exception) -> str:
    """Return what an error says, in one line."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    text = " ".join(str(error).split()) or type(error).__name__
    return text.rstrip(".")
