"""Reads samples for remote read: of series in order, day by day, as arrays that the database made.

The database walks through pairs of series and day and says of each what is packed and what isn't, in one row and one
snapshot: whatever is packed meanwhile is found once. A cursor brings some rows at a time.
"""

from __future__ import annotations

import asyncio
import datetime
import itertools
import struct
from collections.abc import AsyncGenerator, Iterator, Sequence

import asyncpg
import numpy as np
import numpy.typing as npt

from hune.store import matching
from hune.store.database import Connection
from hune.store.rows import EPOCH_MS
from hune.store.wire.answer import Part
from hune.store.wire.batch import STALE, Integers
from hune.store.wire.query import Query

SETTINGS = {
    # Days that aren't asked for are left out when the plan is made, so it is made for each.
    "plan_cache_mode": "force_custom_plan",
    # Series come in the order they are asked for, and row by row, only if nothing is collected before.
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    # Who asked may have left while the database works.
    "client_connection_check_interval": "1s",
}

_ROWS = """
SELECT wanted.place, (extract(epoch FROM packed.first) * 1000)::bigint AS first,
    array_send(packed.gaps) AS gaps, array_send(array_replace(packed."values", NULL, $3::double precision)) AS packed,
    loose.times, loose."values" AS loose
FROM unnest($1::bigint[], $2::date[]) WITH ORDINALITY AS wanted (id, day, place)
LEFT JOIN LATERAL (
    SELECT first, gaps, "values" FROM hune.chunks
    WHERE series_id = wanted.id AND day = wanted.day AND day >= $4::date AND day <= $5::date
) AS packed ON true
LEFT JOIN LATERAL (
    SELECT array_send(array_agg(time)) AS times, array_send(array_agg(coalesce(value, $3))) AS "values"
    FROM hune.samples
    WHERE series_id = wanted.id AND time >= greatest(wanted.day::timestamptz, $6::timestamptz)
      AND time < (wanted.day + 1)::timestamptz AND time >= $6 AND time <= $7::timestamptz
) AS loose ON true
WHERE packed.first IS NOT NULL OR loose.times IS NOT NULL
ORDER BY wanted.place
"""
_PAIRS = 20_000
"""Of series and day, that are asked for at once."""
_MOST_ROWS = 512
_FEW_ROWS = 16
_FETCHED_BYTES = 2 << 20
"""Of rows that are fetched together, about."""

_STALE = struct.unpack("<d", struct.pack("<Q", STALE))[0]
_ARRAY_HEAD = 20
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_GAP = np.dtype([("length", ">i4"), ("value", ">i4")])
_LONG = np.dtype([("length", ">i4"), ("value", ">i8")])


async def read(connection: Connection, query: Query) -> AsyncGenerator[list[Part]]:
    """Yield the samples that a query asks for, series sorted, some at a time. Raises what `matching.find` raises."""
    if query.start_ms > query.end_ms:
        return
    since, until = (_EPOCH + datetime.timedelta(milliseconds=moment) for moment in (query.start_ms, query.end_ms))
    async with connection.transaction(readonly=True):
        rows = await connection.fetch("SELECT day FROM hune.days() AS day ORDER BY 1")
        days = [row["day"] for row in rows if since.date() <= row["day"] <= until.date()]
        found = await matching.find(connection, query.matchers)
    pairs = ((key, number, day) for key, number in found for day in days)
    while some := list(itertools.islice(pairs, _PAIRS)):
        keys = [key for key, _, _ in some]
        # A transaction for each statement: who packs a day waits for it.
        async with connection.transaction(readonly=True):
            cursor = await connection.cursor(
                _ROWS,
                [number for _, number, _ in some],
                [day for _, _, day in some],
                _STALE,
                days[0],
                days[-1],
                since,
                until,
            )
            count = _FEW_ROWS
            # The database makes the next rows while these are made into an answer.
            ahead = asyncio.create_task(cursor.fetch(count))
            try:
                while rows := await ahead:
                    largest = max(sum(len(one) for one in row if isinstance(one, bytes)) for row in rows)
                    count = max(_FEW_ROWS, min(2 * count, _MOST_ROWS, _FETCHED_BYTES // largest))
                    ahead = asyncio.create_task(cursor.fetch(count))
                    yield await asyncio.to_thread(list, _parts(rows, keys, query))
            finally:
                ahead.cancel()
                await asyncio.gather(ahead, return_exceptions=True)


def _parts(rows: Sequence[asyncpg.Record], keys: Sequence[bytes], query: Query) -> Iterator[Part]:
    """Yield what rows hold, each the samples of a series on a day."""
    for row in rows:
        _, first, gaps, packed, loose_times, loose = row
        times, bits = _NONE, _NONE
        if packed is not None:
            times = first + np.cumsum(_numbers(gaps, _GAP))
            bits = _numbers(packed, _LONG)
        if loose is not None:
            times = np.concatenate([times, _numbers(loose_times, _LONG) // 1000 + EPOCH_MS])
            bits = np.concatenate([bits, _numbers(loose, _LONG)])
            if (times[1:] <= times[:-1]).any():
                order = np.argsort(times, kind="stable")
                times, bits = times[order], bits[order]
                once = np.append(True, times[1:] != times[:-1])
                times, bits = times[once], bits[once]
        begin, end = np.searchsorted(times, (query.start_ms, query.end_ms + 1))
        if begin < end:
            yield Part(keys[row[0] - 1], times[begin:end], bits[begin:end])


def _numbers(array: bytes, element: np.dtype[np.void]) -> Integers:
    """Return the elements of an array as the database sends it; none of them is NULL."""
    numbers: npt.NDArray[np.void] = np.frombuffer(array, element, offset=_ARRAY_HEAD)
    return numbers["value"].astype(np.int64)


_NONE: Integers = np.zeros(0, np.int64)
