"""Remote read: what is asked for. Source: prompb/remote.proto and types.proto of Prometheus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from google.protobuf.message import DecodeError

from hune.promapi.remote import Matcher
from hune.store.wire.batch import EARLIEST_MS, LATEST_MS
from hune.store.wire.messages import MESSAGES
from hune.store.wire.unpack import Malformed, TooLarge, unpack

MOST_BYTES = 1 << 20
"""Of a request, unpacked."""
MOST_QUERIES = 100
_OPERATORS: tuple[Literal["=", "!=", "=~", "!~"], ...] = ("=", "!=", "=~", "!~")
_SAMPLES, _STREAMED_XOR_CHUNKS = 0, 1


@dataclass(frozen=True, slots=True)
class Query:
    """Samples of [start, end], both included, of the series that all matchers hold for."""

    start_ms: int
    end_ms: int
    matchers: tuple[Matcher, ...]


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """What is asked for, and whether the answer may come as a stream of chunks."""

    queries: tuple[Query, ...]
    streamed: bool


def decode(body: bytes) -> ReadRequest:
    """Return what a packed request asks for. Raises Malformed or TooLarge: the same request is never taken."""
    content = unpack(body, "snappy", most_bytes=MOST_BYTES)
    try:
        message = MESSAGES["ReadRequest"].FromString(content)
    except DecodeError:
        raise Malformed("body: not a read request") from None
    if len(message.queries) > MOST_QUERIES:
        raise TooLarge(f"body: more than {MOST_QUERIES} queries")
    known = [kind for kind in message.accepted_response_types if kind in (_SAMPLES, _STREAMED_XOR_CHUNKS)]
    if message.accepted_response_types and not known:
        raise Malformed("body: accepts no type of response that is known; these are SAMPLES and STREAMED_XOR_CHUNKS")
    return ReadRequest(
        queries=tuple(
            Query(
                max(one.start_timestamp_ms, EARLIEST_MS),
                min(one.end_timestamp_ms, LATEST_MS),
                tuple(_matcher(matcher.type, matcher.name, matcher.value) for matcher in one.matchers),
            )
            for one in message.queries
        ),
        # The sender names first what it likes best.
        streamed=known[:1] == [_STREAMED_XOR_CHUNKS],
    )


def _matcher(kind: int, name: str, value: str) -> Matcher:
    if not 0 <= kind < len(_OPERATORS):
        raise Malformed(f"body: matcher of unknown type {kind}")
    return Matcher(name, _OPERATORS[kind], value)
