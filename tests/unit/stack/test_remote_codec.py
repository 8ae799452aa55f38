"""Samples are carried from a remote read to a remote write unread."""

from __future__ import annotations

import contextlib
import struct

import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hune.promapi.remote import Matcher, read_request, write_requests


def varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def framed(field: int, content: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(content)) + content


def series(name: str, values: list[float]) -> bytes:
    label = framed(1, framed(1, b"__name__") + framed(2, name.encode()))
    samples = [
        framed(2, b"\x09" + struct.pack("<d", value) + b"\x10" + varint(index)) for index, value in enumerate(values)
    ]
    return label + b"".join(samples)


def answer(*results: list[bytes]) -> bytes:
    body = b"".join(framed(1, b"".join(framed(1, one) for one in result)) for result in results)
    return bytes(cramjam.snappy.compress_raw(body))


def unpacked(request: bytes) -> bytes:
    return bytes(cramjam.snappy.decompress_raw(request))


def test_series_arrive_byte_for_byte_with_their_stale_markers() -> None:
    stale = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
    one, two = series("up", [1.0, -0.0, stale]), series("load", [0.5])
    [request] = write_requests(answer([one, two]))
    assert unpacked(request) == framed(1, one) + framed(1, two)


def test_an_empty_answer_makes_no_request() -> None:
    assert list(write_requests(answer([]))) == []


def test_a_large_answer_is_split_between_series() -> None:
    many = [series(f"metric_{number}", [float(number)]) for number in range(100)]
    requests = [unpacked(request) for request in write_requests(answer(many), limit_bytes=500)]
    assert len(requests) > 5
    assert b"".join(requests) == b"".join(framed(1, one) for one in many)


@pytest.mark.parametrize(
    "content", [b"\x12\x00", b"\x0a\x05abc", b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", b"\x0a\x80"]
)
def test_what_is_no_answer_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="remote read"):
        list(write_requests(bytes(cramjam.snappy.compress_raw(content))))


@given(st.binary(max_size=200))
def test_any_bytes_are_passed_on_or_refused(content: bytes) -> None:
    with contextlib.suppress(ValueError):
        list(write_requests(content))


def test_a_request_asks_for_the_window_and_the_matchers() -> None:
    body = unpacked(read_request([Matcher("job", "!~", "a|b")], start_ms=1000, end_ms=300_000))
    matcher = framed(3, b"\x08\x03" + framed(2, b"job") + framed(3, b"a|b"))
    assert body == framed(1, b"\x08" + varint(1000) + b"\x10" + varint(300_000) + matcher)
