"""Remote read and remote write: samples carried from one to the other unread, and samples of our own written.

A remote-read QueryResult and a remote-write WriteRequest are the same message, `repeated TimeSeries = 1`, so a
series is passed on as the bytes it came in: labels, values to the last bit, stale markers.
Source: prompb/remote.proto and types.proto of Prometheus.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import cramjam

READ_HEADERS = {
    "Content-Encoding": "snappy",
    "Content-Type": "application/x-protobuf",
    "X-Prometheus-Remote-Read-Version": "0.1.0",
}
WRITE_HEADERS = {
    "Content-Encoding": "snappy",
    "Content-Type": "application/x-protobuf",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}

PARTLY = "not stored: "
"""How the adapter begins to tell what it never stores of a request whose rest it has stored."""

_OPERATORS = {"=": 0, "!=": 1, "=~": 2, "!~": 3}
_SERIES_TAG = 0x0A
_DOUBLE_TAG = 0x09
_DOUBLE = struct.Struct("<Bd")


@dataclass(frozen=True)
class Matcher:
    """A condition on a label."""

    name: str
    operator: Literal["=", "!=", "=~", "!~"]
    value: str


def read_request(matchers: Sequence[Matcher], *, start_ms: int, end_ms: int) -> bytes:
    """Return the compressed body of a remote-read request for samples of [start, end], both included."""
    query = _integer(1, start_ms) + _integer(2, end_ms)
    for matcher in matchers:
        body = _integer(1, _OPERATORS[matcher.operator])
        body += _bytes(2, matcher.name.encode()) + _bytes(3, matcher.value.encode())
        query += _bytes(3, body)
    return bytes(cramjam.snappy.compress_raw(_bytes(1, query)))


def write_requests(read_response: bytes, *, limit_bytes: int = 8 << 20) -> Iterator[bytes]:
    """Return the compressed bodies of remote-write requests that carry what a remote read answered.

    Each stays near `limit_bytes` uncompressed. Raises ValueError if the answer isn't one.
    """
    try:
        content = bytes(cramjam.snappy.decompress_raw(read_response))
    except cramjam.DecompressionError as error:
        raise ValueError("remote read: not snappy") from error
    batch, size = [], 0
    for result in _fields(content):
        for series in _fields(result):
            framed = _bytes(1, series)
            batch.append(framed)
            size += len(framed)
            if size >= limit_bytes:
                yield bytes(cramjam.snappy.compress_raw(b"".join(batch)))
                batch, size = [], 0
    if batch:
        yield bytes(cramjam.snappy.compress_raw(b"".join(batch)))


def write_request(series: Iterable[tuple[Mapping[str, str], Sequence[tuple[float, float]]]]) -> bytes:
    """Return the compressed body of a remote-write request: labels, and points of (seconds since the epoch, value)."""
    message = bytearray()
    for labels, points in series:
        body = bytearray()
        for name, value in sorted(labels.items()):
            body += _bytes(1, _bytes(1, name.encode()) + _bytes(2, value.encode()))
        for moment, number in points:
            body += _bytes(2, _DOUBLE.pack(_DOUBLE_TAG, number) + _integer(2, round(moment * 1000)))
        message += _bytes(1, bytes(body))
    return bytes(cramjam.snappy.compress_raw(bytes(message)))


def _fields(message: bytes) -> Iterator[bytes]:
    """Return the payloads of field 1 of a message that has no other field."""
    at = 0
    while at < len(message):
        if message[at] != _SERIES_TAG:
            raise ValueError(f"remote read: unexpected field tag {message[at]:#x}")
        length, at = _varint(message, at + 1)
        if at + length > len(message):
            raise ValueError("remote read: cut short")
        yield message[at : at + length]
        at += length


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(message) or shift > 63:
            raise ValueError("remote read: broken length")
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _encode(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _integer(field: int, value: int) -> bytes:
    return _encode(field << 3) + _encode(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _encode(field << 3 | 2) + _encode(len(value)) + value
