"""Writes samples: many requests as one sorted COPY, each acknowledged once it is committed, none twice.

A sample newer than all that this process stored of its series is written as if it were nobody else's; the key of the
table objects if that is wrong, and then, as for all older samples, rows go through a table of their own that leaves out
what is there.
"""

from __future__ import annotations

import asyncio
import datetime
import logging
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import asyncpg
import numpy as np
import numpy.typing as npt

from hune.core.errors import Unavailable
from hune.store import rows
from hune.store.database import Connection, Database, Link, describe
from hune.store.metrics import StoreMetrics
from hune.store.series import SeriesIndex
from hune.store.wire.batch import Batch, Integers

log = logging.getLogger(__name__)

DAY_MS = 86_400_000
MOST_ROWS = 20_000
"""Of one COPY: more gain nothing."""
MOST_WAITING = 200_000
"""Samples of requests that wait; above it requests are turned away."""
WRITERS = 2
"""One encodes, or waits for the disk, while the other's rows are sorted into the key."""
_CAUTIOUS = 20
_TRIES = 4

_STAGING = """
CREATE TEMPORARY TABLE IF NOT EXISTS hune_staging (time timestamptz, value double precision, series_id bigint)
ON COMMIT DELETE ROWS
"""
_MERGE = """
INSERT INTO hune.samples (time, value, series_id)
SELECT time, value, series_id FROM hune_staging ORDER BY series_id, time ON CONFLICT DO NOTHING
"""


# The last of them: TimescaleDB compares what it packed only up to a limit, unless what is there may be left out.
_COLLISIONS = (
    asyncpg.UniqueViolationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.ConfigurationLimitExceededError,
)


@dataclass(slots=True)
class _Waiting:
    """A request's samples, and who waits for them."""

    batch: Batch
    index: SeriesIndex
    done: asyncio.Future[None]


@dataclass(slots=True)
class _Rows:
    """Rows in the order of the key, each key once; `fresh` are those that nobody is expected to have written."""

    series: Integers
    times: Integers
    bits: Integers
    fresh: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.times)

    def part(self, chosen: npt.NDArray[np.bool_]) -> bytes:
        return rows.encode(self.series[chosen], self.times[chosen], self.bits[chosen])


class Writer:
    """A bounded queue of samples, and the connections that empty it."""

    def __init__(self, database: Database, metrics: StoreMetrics) -> None:
        self._database = database
        self._metrics = metrics
        self._queue: deque[_Waiting] = deque()
        self._arrived = asyncio.Event()
        self._days: set[int] = set()
        self._cautious = 0
        self.waiting = 0
        self.failure: str | None = None
        """What the database objected to the last time; None since it stored something."""

    async def run(self) -> None:
        """Write until cancelled."""
        async with asyncio.TaskGroup() as group:
            for number in range(WRITERS):
                group.create_task(self._work(), name=f"timescale: writer {number + 1}")

    async def write(self, batch: Batch, index: SeriesIndex) -> None:
        """Return once all samples are committed. Raises Unavailable: none need be, the sender comes again."""
        if not len(batch):
            return
        if self.waiting and self.waiting + len(batch) > MOST_WAITING:
            raise Unavailable("more samples wait than fit")
        waiting = _Waiting(batch, index, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self.waiting += len(batch)
        self._arrived.set()
        await waiting.done

    async def _work(self) -> None:
        link = Link(self._database)
        try:
            while True:
                await self._arrived.wait()
                taken = self._take()
                try:
                    await self._store(link, taken)
                except Unavailable as error:
                    _finish(taken, error)
                except asyncpg.PostgresError as error:
                    # It answers, and to others too: that it stores nothing is another failure.
                    reason = f"database: {describe(error)}"
                    if self.failure is None:
                        log.error("samples not stored: %s", reason)
                    self.failure = reason
                    _finish(taken, Unavailable(reason))
                except BaseException:
                    _finish(taken, Unavailable("the store is leaving"))
                    raise
                else:
                    if taken and self.failure is not None:
                        log.info("samples are stored again")
                        self.failure = None
                    _finish(taken, None)
        finally:
            await link.close()

    def _take(self) -> list[_Waiting]:
        taken: list[_Waiting] = []
        size = 0
        while self._queue and (not taken or size + len(self._queue[0].batch) <= MOST_ROWS):
            one = self._queue.popleft()
            self.waiting -= len(one.batch)
            if not one.done.done():
                # Else the sender has left; it will come again.
                taken.append(one)
                size += len(one.batch)
        if not self._queue:
            self._arrived.clear()
        return taken

    async def _store(self, link: Link, taken: Sequence[_Waiting]) -> None:
        if not taken:
            return
        began = self._database.clock.monotonic()
        ordered = _sorted(taken)
        if self._cautious:
            self._cautious -= 1
            ordered.fresh[:] = False
        for attempt in range(_TRIES):
            try:
                async with link.use() as connection:
                    await self._make_days(connection, ordered.times)
                    written = await self._copy(connection, ordered)
                break
            except _COLLISIONS:
                # Others write the same series, or wrote them while this process wasn't there.
                self._metrics.collisions.inc()
                self._cautious = _CAUTIOUS
                ordered.fresh[:] = False
            except asyncpg.CheckViolationError:
                # A day was dropped.
                self._days.clear()
            if attempt == _TRIES - 1:
                raise Unavailable("database: others write the same samples again and again")
        for one in taken:
            np.maximum.at(one.index.newest, one.batch.slots, one.batch.times)
        self._metrics.stored(len(ordered), written, int(ordered.times.max()), self._database.clock.monotonic() - began)

    async def _copy(self, connection: Connection, ordered: _Rows) -> int:
        """Write rows; return how many there were not."""
        late = ~ordered.fresh
        written = 0
        if ordered.fresh.any():
            written = await _copy_to(connection, "samples", ordered.part(ordered.fresh), schema="hune")
            # What is committed is late from now on, should the rest fail.
            ordered.fresh[:] = False
        if late.any():
            async with connection.transaction():
                await connection.execute(_STAGING)
                await _copy_to(connection, "hune_staging", ordered.part(late))
                written += int((await connection.execute(_MERGE)).rpartition(" ")[2])
        return written

    async def _make_days(self, connection: Connection, times: Integers) -> None:
        first, last = int(times.min()) // DAY_MS, int(times.max()) // DAY_MS
        days = {first} if first == last else set(np.unique(times // DAY_MS).tolist())
        for day in sorted(days - self._days):
            date = datetime.date(1970, 1, 1) + datetime.timedelta(days=day)
            await connection.execute("SELECT hune.make_partition($1)", date)
            self._days.add(day)


def _sorted(taken: Sequence[_Waiting]) -> _Rows:
    series = np.concatenate([one.index.ids[one.batch.slots] for one in taken])
    times = np.concatenate([one.batch.times for one in taken])
    bits = np.concatenate([one.batch.bits for one in taken])
    newest = np.concatenate([one.index.newest[one.batch.slots] for one in taken])
    order = np.lexsort((times, series))
    series, times, bits, newest = series[order], times[order], bits[order], newest[order]
    again = (series[1:] == series[:-1]) & (times[1:] == times[:-1])
    if again.any():
        # The first stays: sorting kept the order in which they came.
        kept = np.concatenate([[True], ~again])
        series, times, bits, newest = series[kept], times[kept], bits[kept], newest[kept]
    return _Rows(series, times, bits, times > newest)


async def _copy_to(connection: Connection, table: str, data: bytes, *, schema: str | None = None) -> int:
    """Return how many rows there are more: a day that is packed skips those it has."""

    async def whole() -> AsyncIterator[bytes]:
        yield data

    status: str = await connection.copy_to_table(
        table, source=whole(), columns=list(rows.COLUMNS), schema_name=schema, format="binary"
    )
    return int(status.rpartition(" ")[2])


def _finish(taken: Sequence[_Waiting], error: Exception | None) -> None:
    for one in taken:
        if one.done.done():
            continue
        if error is None:
            one.done.set_result(None)
        else:
            one.done.set_exception(error)
