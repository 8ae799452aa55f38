"""What is done to days that are over: they are packed, thinned where that is asked for, and one day dropped."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Sequence

import asyncpg

from hune.core.errors import Unavailable
from hune.store.database import Database, Link, describe
from hune.store.metrics import StoreMetrics
from hune.store.policy import Policy, divide

log = logging.getLogger(__name__)

EVERY_SECONDS = 600.0
_SETTLED_SECONDS = 2 * 3600.0
"""How long after its end a day is packed: until then samples of it may well come late."""
_PACK_SECONDS = 3600.0


class Housekeeping:
    """Packs and drops, on a connection of its own; several adapters may do so at once."""

    def __init__(
        self, database: Database, metrics: StoreMetrics, retention_days: int | None, policies: Sequence[Policy] = ()
    ) -> None:
        self._database = database
        self._metrics = metrics
        self._retention_days = retention_days
        self._policies = policies
        self._followed: datetime.date | None = None
        """When policies were last followed: between two of these days nothing comes of age."""
        self._link = Link(database)

    async def run(self) -> None:
        """Work until cancelled."""
        clock = self._database.clock
        try:
            while True:
                try:
                    await self._drop(clock.now())
                    await self._pack(clock.now())
                    await self._follow(clock.now())
                except Unavailable:
                    await clock.sleep(1.0)  # told where it happened
                    continue
                except asyncpg.PostgresError as error:
                    # Locks of somebody who reads for long, say: the next time will do.
                    log.warning("days that are over: %s; tried again in %g s", describe(error), EVERY_SECONDS)
                self._metrics.rounds.inc()
                await clock.sleep(EVERY_SECONDS)
        finally:
            await self._link.close()

    async def _drop(self, now: float) -> None:
        async with self._link.use() as connection:
            await connection.execute("SELECT hune.retain($1)", self._retention_days)
        if self._retention_days is None:
            return
        before = max(0.0, now - self._retention_days * 86_400)
        async with self._link.use() as connection, connection.transaction():
            # Waits for readers of these days, and whoever comes after waits too: not for long.
            await connection.execute("SET LOCAL lock_timeout = '2s'")
            dropped = await connection.fetchval("SELECT hune.drop_before(to_timestamp($1))", before)
        self._metrics.dropped.inc(dropped)
        if dropped:
            log.info("dropped %d days that are older than %d", dropped, self._retention_days)

    async def _pack(self, now: float) -> None:
        async with self._link.use() as connection:
            rows = await connection.fetch(
                "SELECT day FROM hune.unpacked_before(to_timestamp($1)) AS day", now - _SETTLED_SECONDS
            )
        for row in rows:
            began = self._database.clock.monotonic()
            try:
                async with self._link.use() as connection, connection.transaction():
                    await connection.execute("SET LOCAL lock_timeout = '30s'")
                    packed = await connection.fetchval("SELECT hune.pack($1)", row["day"], timeout=_PACK_SECONDS)
            except asyncpg.PostgresError as error:
                # Somebody reads it for long, say: the other days don't wait for it.
                log.warning("%s isn't packed: %s; tried again in %g s", row["day"], describe(error), EVERY_SECONDS)
                continue
            self._metrics.packed.inc(packed)
            # What came late for an old day may have to go again.
            self._followed = None
            seconds = self._database.clock.monotonic() - began
            log.info("packed %d samples of %s in %.1f s", packed, row["day"], seconds)

    async def _follow(self, now: float) -> None:
        """Drop and thin what single metrics have beyond what they are to have."""
        today = datetime.datetime.fromtimestamp(now, datetime.UTC).date()
        if not self._policies or self._followed == today:
            return
        async with self._link.use() as connection:
            metrics = [row["metric"] for row in await connection.fetch("SELECT DISTINCT metric FROM hune.series")]
            days = [row["day"] for row in await connection.fetch("SELECT day FROM hune.packed_days() AS day")]
        for policy, names in divide(metrics, self._policies):
            for day in days if names else ():
                age = (today - day).days
                if policy.retention_days is not None and age > policy.retention_days:
                    await self._change("retention", "SELECT hune.forget($1, $2)", day, names)
                elif policy.thin_after_days is not None and age > policy.thin_after_days:
                    seconds = policy.thin_every_seconds
                    await self._change("downsampling", "SELECT hune.thin($1, $2, $3)", day, names, seconds)
        self._followed = today

    async def _change(self, why: str, statement: str, *arguments: object) -> None:
        async with self._link.use() as connection, connection.transaction():
            await connection.execute("SET LOCAL lock_timeout = '30s'")
            gone = await connection.fetchval(statement, *arguments, timeout=_PACK_SECONDS)
        self._metrics.samples_dropped.labels(why).inc(gone)
