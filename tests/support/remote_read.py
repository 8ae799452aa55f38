"""Remote read as a client speaks it: requests, and both forms of answers read by other means than Hune's."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from typing import Literal

import google_crc32c

from hune.promapi.remote import READ_HEADERS, Matcher
from support.remote_write import ChunkedReadResponse, Labels, ReadRequest, Sample, identity, packed, read_answer, signed

Found = dict[Labels, list[Sample]]
OPERATORS: tuple[Literal["=", "!=", "=~", "!~"], ...] = ("=", "!=", "=~", "!~")
"""In the order of their numbers in the protocol."""
SAMPLES, STREAMED = 0, 1


def body(matchers: Sequence[Matcher], start_ms: int, end_ms: int, *accepted: int) -> bytes:
    """Return the packed body of a request with one query."""
    request = ReadRequest(accepted_response_types=accepted)
    asked = request.queries.add(start_timestamp_ms=start_ms, end_timestamp_ms=end_ms)
    for one in matchers:
        asked.matchers.add(type=OPERATORS.index(one.operator), name=one.name, value=one.value)
    return packed(request.SerializeToString())


def read(url: str, matchers: Sequence[Matcher], start_ms: int, end_ms: int, *, streamed: bool = False) -> Found:
    """Ask for series, in one of the two forms; return them in the order in which they came."""
    content = body(matchers, start_ms, end_ms, *((STREAMED, SAMPLES) if streamed else ()))
    with urllib.request.urlopen(
        urllib.request.Request(f"{url}/api/v1/read", content, READ_HEADERS), timeout=120
    ) as answer:
        data = answer.read()
        assert ("streamed" in answer.headers["Content-Type"]) == streamed
    return read_frames(data) if streamed else read_answer(data)


def ask(url: str, content: bytes, **headers: str) -> tuple[int, str]:
    """Send any body; return the status and the text."""
    sent = {**READ_HEADERS, **{name.replace("_", "-"): value for name, value in headers.items()}}
    try:
        with urllib.request.urlopen(urllib.request.Request(f"{url}/read", content, sent), timeout=120) as answer:
            return answer.status, ""
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def read_frames(data: bytes) -> Found:
    """Return what the frames of a stream hold; the frames of one series follow each other."""
    found: Found = {}
    for frame in frames(data):
        message = ChunkedReadResponse.FromString(frame)
        assert len(message.chunked_series) == 1
        for series in message.chunked_series:
            labels = identity([(one.name, one.value) for one in series.labels])
            assert labels not in found or list(found)[-1] == labels
            for chunk in series.chunks:
                samples = read_chunk(chunk.data)
                assert (chunk.type, chunk.min_time_ms, chunk.max_time_ms) == (1, samples[0][0], samples[-1][0])
                found.setdefault(labels, []).extend(samples)
    return found


def frames(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        size = shift = 0
        while True:
            byte = data[at]
            size |= (byte & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if byte < 0x80:
                break
        frame = data[at + 4 : at + 4 + size]
        assert len(frame) == size
        assert google_crc32c.value(frame) == int.from_bytes(data[at : at + 4], "big")
        yield frame
        at += 4 + size


def read_chunk(data: bytes) -> list[Sample]:
    """Return the samples of an XOR chunk, bit by bit. Source: tsdb/docs/format/chunks.md of Prometheus.

    Behind them there may be more: Prometheus sends what it is still writing.
    """
    bits = _Bits(data)
    count = bits.take(16)
    twice = bits.varint()
    time, value = twice >> 1 ^ -(twice & 1), bits.take(64)
    samples = [(time, signed(value))]
    spacing = leading = trailing = 0
    for number in range(1, count):
        spacing = bits.varint() if number == 1 else spacing + bits.change()
        time += spacing
        if bits.take(1):
            if bits.take(1):
                leading, size = bits.take(5), bits.take(6) or 64
                trailing = 64 - leading - size
            value ^= bits.take(64 - leading - trailing) << trailing
        samples.append((time, signed(value)))
    return samples


class _Bits:
    """The bits of a chunk, from the first on."""

    def __init__(self, data: bytes) -> None:
        self._number = int.from_bytes(data, "big")
        self.left = 8 * len(data)

    def take(self, count: int) -> int:
        self.left -= count
        assert self.left >= 0
        return self._number >> self.left & (1 << count) - 1

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.take(8)
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def change(self) -> int:
        """Return how far a spacing differs from the one before."""
        ones = 0
        while ones < 4 and self.take(1):
            ones += 1
        size = (0, 14, 17, 20, 64)[ones]
        number = self.take(size)
        return number - (1 << size) if size and number > 1 << (size - 1) else number
