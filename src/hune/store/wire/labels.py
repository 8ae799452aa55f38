"""What tells series apart: labels in one canonical form, whichever bytes they came in."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable
from dataclasses import dataclass

from hune.store.wire.unpack import Malformed

METRIC_NAME = "__name__"


@dataclass(frozen=True, slots=True)
class Identity:
    """A series: its labels, sorted by name, each name once, none empty."""

    labels: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, labels: Iterable[tuple[str, str]]) -> Identity:
        """Return the series of labels in any order; one without a value is one that isn't there.

        Raises Malformed if a name comes twice or is empty, or if nothing is left.
        """
        kept = sorted((name, value) for name, value in labels if value)
        if not kept:
            raise Malformed("series without a label")
        if not kept[0][0]:
            raise Malformed("label without a name")
        if any(one[0] == other[0] for one, other in itertools.pairwise(kept)):
            raise Malformed("series with the same label twice")
        return cls(tuple(kept))

    @property
    def metric(self) -> str:
        return next((value for name, value in self.labels if name == METRIC_NAME), "")

    def fingerprint(self) -> bytes:
        """Return 16 bytes that no other labels have: nobody can find two that share them."""
        return hashlib.blake2b(encode(self.labels), digest_size=16).digest()


def encode(labels: Iterable[tuple[str, str]]) -> bytes:
    """Return labels as version 1 of remote write sends them, the key of a series in the cache."""
    return b"".join(encode_label(encode_name(name), encode_value(value)) for name, value in labels)


def encode_name(name: str) -> bytes:
    data = name.encode()
    return b"\x0a" + varint(len(data)) + data


def encode_value(value: str) -> bytes:
    data = value.encode()
    return b"\x12" + varint(len(data)) + data


def encode_label(name: bytes, value: bytes) -> bytes:
    return b"\x0a" + varint(len(name) + len(value)) + name + value


def varint(number: int) -> bytes:
    """Return a protobuf varint."""
    if number < 0x80:
        return bytes((number,))
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)
