"""What tells series apart: labels in one canonical form, whichever bytes they came in."""

from __future__ import annotations

import hashlib
import itertools
import re
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


def sort_key(labels: Iterable[tuple[str, str]]) -> bytes:
    """Return bytes that sort as Prometheus sorts series: label by label, as bytes. `of_sort_key` reads them.

    A text ends with 0x00; one within it is followed by 0xff, which is in no text.
    """
    return b"".join([text.encode().replace(b"\0", b"\0\xff") + b"\0" for label in labels for text in label])


def of_sort_key(key: bytes) -> list[tuple[str, str]]:
    """Return the labels that a sort key is of."""
    texts = [text.replace(b"\0\xff", b"\0").decode() for text in _END.split(key)[:-1]]
    return list(zip(texts[::2], texts[1::2], strict=True))


_END = re.compile(rb"\0(?!\xff)")


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
