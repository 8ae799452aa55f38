"""Unpacks the bodies of requests; how large they become is known before any memory is taken for it."""

from __future__ import annotations

import cramjam

from hune.core.errors import HuneError

MOST_BYTES = 10 << 20
"""Of a body unpacked. vmagent sends up to 8 MiB, Prometheus at its largest settings less."""

# Snappy's copies of 64 bytes take 3 bytes; a body that claims to become more than that is lying.
_MOST_SNAPPY_RATIO = 22

_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_ZSTD_SIZE_BYTES = (0, 2, 4, 8)
_ZSTD_DICTIONARY_BYTES = (0, 1, 2, 4)


class Malformed(HuneError):
    """What was sent isn't what it claims to be, and won't be when it is sent again."""


class TooLarge(Malformed):
    """What was sent is larger than is taken at once."""


def unpack(body: bytes, encoding: str, *, most_bytes: int = MOST_BYTES) -> bytes:
    """Return a body without its encoding, `snappy` (the block format) or `zstd`.

    Raises Malformed or TooLarge: the same body is never taken.
    """
    try:
        if encoding == "snappy":
            return _snappy(body, most_bytes)
        return _zstd(body, most_bytes)
    except cramjam.DecompressionError as error:
        raise Malformed(f"body: not {encoding}") from error


def _snappy(body: bytes, most_bytes: int) -> bytes:
    if not body:
        raise Malformed("body: empty")
    size = cramjam.snappy.decompress_raw_len(body)
    _check(size, most_bytes)
    if size > len(body) * _MOST_SNAPPY_RATIO + 64:
        raise Malformed("body: not snappy")
    return bytes(cramjam.snappy.decompress_raw(body))


def _zstd(body: bytes, most_bytes: int) -> bytes:
    """Unpack frames of a known size: senders know it, and memory is taken for just that."""
    size = _zstd_size(body)
    _check(size, most_bytes)
    room = bytearray(size)
    if cramjam.zstd.decompress_into(body, room) != size:
        raise Malformed("body: not zstd")
    return bytes(room)


def _zstd_size(body: bytes) -> int:
    """Return the size that a frame's header tells. Source: RFC 8878, section 3.1.1.1."""
    if body[:4] != _ZSTD_MAGIC or len(body) < 6:
        raise Malformed("body: not zstd")
    descriptor = body[4]
    flag, single_segment = descriptor >> 6, bool(descriptor & 0x20)
    width = _ZSTD_SIZE_BYTES[flag] or (1 if single_segment else 0)
    if not width:
        raise Malformed("body: zstd of unknown size")
    if not single_segment and _zstd_window(body[5]) > MOST_BYTES:
        raise TooLarge("body: zstd needs a larger window than is given")
    at = 5 + (not single_segment) + _ZSTD_DICTIONARY_BYTES[descriptor & 3]
    if len(body) < at + width:
        raise Malformed("body: not zstd")
    # A size of two bytes begins where one byte ends.
    return int.from_bytes(body[at : at + width], "little") + (256 if width == 2 else 0)


def _zstd_window(descriptor: int) -> int:
    base = 1 << (10 + (descriptor >> 3))
    return base + (base >> 3) * (descriptor & 7)


def _check(size: int, most_bytes: int) -> None:
    if size > most_bytes:
        raise TooLarge(f"body: {size} bytes unpacked, taken are {most_bytes}")
