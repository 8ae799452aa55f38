"""Samples as the bytes of a binary COPY. Source: PostgreSQL's documentation of COPY, binary format."""

from __future__ import annotations

import numpy as np

from hune.store.wire.batch import STALE, Integers

COLUMNS = ("time", "value", "series_id")

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
EPOCH_MS = 946_684_800_000
"""2000-01-01, from which PostgreSQL counts microseconds."""

_ROW = np.dtype(
    [
        ("fields", ">i2"),
        ("l1", ">i4"),
        ("time", ">i8"),
        ("l2", ">i4"),
        ("bits", ">i8"),
        ("l3", ">i4"),
        ("series", ">i8"),
    ]
)
_STALE_ROW = np.dtype(
    [("fields", ">i2"), ("l1", ">i4"), ("time", ">i8"), ("l2", ">i4"), ("l3", ">i4"), ("series", ">i8")]
)


def encode(series: Integers, times: Integers, bits: Integers) -> bytes:
    """Return rows of `COLUMNS`; a stale marker becomes NULL, every other value keeps its bits."""
    stale = bits == STALE
    if not stale.any():
        return b"".join((_HEADER, _rows(series, times, bits), _TRAILER))
    kept = ~stale
    return b"".join(
        (
            _HEADER,
            _rows(series[kept], times[kept], bits[kept]),
            _rows(series[stale], times[stale], None),
            _TRAILER,
        )
    )


def _rows(series: Integers, times: Integers, bits: Integers | None) -> bytes:
    rows = np.empty(len(times), _STALE_ROW if bits is None else _ROW)
    rows["fields"], rows["l1"], rows["l3"] = 3, 8, 8
    rows["time"] = (times - EPOCH_MS) * 1000
    rows["series"] = series
    if bits is None:
        rows["l2"] = -1
    else:
        rows["l2"] = 8
        rows["bits"] = bits
    return rows.tobytes()
