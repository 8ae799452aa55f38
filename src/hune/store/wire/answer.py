"""Remote read: series as an answer, in one message or as a stream of frames.

Both take series part by part, so that memory doesn't depend on how much is asked for. Source: prompb/remote.proto and
types.proto of Prometheus.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Protocol

import cramjam
import google_crc32c
import numpy as np
import numpy.typing as npt

from hune.store.wire import xor
from hune.store.wire.batch import Integers
from hune.store.wire.labels import encode, of_sort_key, varint

SAMPLES_TYPE = "application/x-protobuf"
STREAMED_TYPE = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse"

_FRAME_BYTES = 1 << 20
"""Of a series in one frame; Prometheus sends frames of as many."""
_BLOCK_BYTES = 1 << 20
_IN_MEMORY_BYTES = 16 << 20
_ROOM = 5
"""Bytes of a length that is told later: a varint may be longer than it needs."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some samples of a series in the order of time, behind those of the part before."""

    key: bytes
    """The labels, as `labels.sort_key` makes them."""
    times: Integers
    bits: Integers


class Answer(Protocol):
    """Takes what a query found; series sorted, the parts of one after each other."""

    def begin(self) -> None:
        """Begin what the next query found."""
        ...

    def add(self, parts: Sequence[Part]) -> bytes:
        """Return what can be sent already."""
        ...

    def end(self) -> bytes:
        """Return what was left, once a query has no more parts."""
        ...


class Frames:
    """The answer as a stream: of each series chunks, in one frame while they are few."""

    def __init__(self) -> None:
        self._query = -1
        self._key: bytes | None = None
        self._chunks: list[bytes] = []
        self._size = 0

    def begin(self) -> None:
        self._query += 1

    def add(self, parts: Sequence[Part]) -> bytes:
        out = []
        for key, chunks in zip((part.key for part in parts), _chunks(parts), strict=True):
            if key != self._key:
                out.append(self.end())
                self._key = key
            for chunk in chunks:
                if self._size and self._size + len(chunk) > _FRAME_BYTES:
                    out.append(self._frame())
                self._chunks.append(chunk)
                self._size += len(chunk)
        return b"".join(out)

    def end(self) -> bytes:
        frame = self._frame() if self._chunks else b""
        self._key = None
        return frame

    def _frame(self) -> bytes:
        assert self._key is not None
        series = b"".join((encode(of_sort_key(self._key)), *self._chunks))
        self._chunks, self._size = [], 0
        body = b"\x0a" + varint(len(series)) + series
        if self._query:
            body += b"\x10" + varint(self._query)
        checksum: int = google_crc32c.value(body)
        return varint(len(body)) + checksum.to_bytes(4, "big") + body


class Message:
    """The answer as one message, kept in a file if it is large: its length comes first."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115 - closed by `close`
        self._key: bytes | None = None
        self._series_at = self._result_at = 0

    def close(self) -> None:
        self._file.close()

    def begin(self) -> None:
        self._result_at = self._open(b"\x0a")

    def add(self, parts: Sequence[Part]) -> bytes:
        for part, samples in zip(parts, _samples(parts), strict=True):
            if part.key != self._key:
                self._end_series()
                self._key = part.key
                self._series_at = self._open(b"\x0a")
                self._file.write(encode(of_sort_key(part.key)))
            self._file.write(samples)
        return b""

    def end(self) -> bytes:
        self._end_series()
        self._close(self._result_at)
        return b""

    def packed(self) -> Iterator[bytes]:
        """Yield the message as one block of snappy, joined of pieces that refer to nothing outside."""
        yield varint(self._file.seek(0, 2))
        self._file.seek(0)
        while block := self._file.read(_BLOCK_BYTES):
            yield bytes(cramjam.snappy.compress_raw(block))[len(varint(len(block))) :]

    def _end_series(self) -> None:
        if self._key is not None:
            self._close(self._series_at)
            self._key = None

    def _open(self, tag: bytes) -> int:
        """Leave room for a length; return where what it is of begins."""
        self._file.write(tag + bytes(_ROOM))
        return self._file.tell()

    def _close(self, begin: int) -> None:
        end = self._file.tell()
        length = end - begin
        self._file.seek(begin - _ROOM)
        self._file.write(
            bytes([length >> 7 * at & 0x7F | 0x80 for at in range(_ROOM - 1)] + [length >> 7 * (_ROOM - 1)])
        )
        self._file.seek(end)


def _chunks(parts: Sequence[Part]) -> Iterator[list[bytes]]:
    """Yield the chunks of each part, as fields of a series."""
    begins = [0, *itertools.accumulate(len(part.times) for part in parts)]
    starts = [np.arange(begin, end, xor.MOST_SAMPLES) for begin, end in itertools.pairwise(begins)]
    firsts = np.concatenate(starts) if starts else np.zeros(0, np.int64)
    if not len(firsts):
        yield from ([] for _ in parts)
        return
    times = np.concatenate([part.times for part in parts])
    data = xor.encode(times, np.concatenate([part.bits for part in parts]), firsts)
    lasts = np.append(firsts[1:], len(times)) - 1
    made = zip(times[firsts].tolist(), times[lasts].tolist(), data, strict=True)
    framed = (_chunk(first, last, content) for first, last, content in made)
    for of_part in starts:
        yield list(itertools.islice(framed, len(of_part)))


def _chunk(first_ms: int, last_ms: int, data: bytes) -> bytes:
    body = b"".join((b"\x08", varint(first_ms), b"\x10", varint(last_ms), b"\x18\x01\x22", varint(len(data)), data))
    return b"\x12" + varint(len(body)) + body


_SAMPLE = np.dtype([("tag", "V2"), ("value_tag", "V1"), ("bits", "<i8"), ("time_tag", "V1"), ("time", np.uint8, (6,))])


def _samples(parts: Sequence[Part]) -> Iterator[memoryview]:
    """Yield the samples of each part, as fields of a series; every time takes six bytes."""
    times = np.concatenate([part.times for part in parts]) if parts else np.zeros(0, np.int64)
    rows: npt.NDArray[np.void] = np.empty(len(times), _SAMPLE)
    rows["tag"], rows["value_tag"], rows["time_tag"] = b"\x12\x10", b"\x09", b"\x10"
    rows["bits"] = np.concatenate([part.bits for part in parts]) if parts else times
    shifted = times[:, None] >> np.arange(0, 42, 7)
    rows["time"] = shifted & 0x7F | np.array([0x80] * 5 + [0])
    data = memoryview(rows.tobytes())
    begin = 0
    for part in parts:
        end = begin + len(part.times) * _SAMPLE.itemsize
        yield data[begin:end]
        begin = end
