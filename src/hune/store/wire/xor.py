"""Samples as Prometheus' XOR chunks, thousands at a time.

A chunk holds the number of its samples, the first in full, and of each other how far its spacing differs from the one
before and which bits of its value differ. Of these bits the format stores a window, which may move from sample to
sample; here one window is chosen for a whole chunk, so that nothing depends on the sample before and columns of all
chunks are made at once. Source: tsdb/docs/format/chunks.md of Prometheus.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hune.store.wire.batch import Integers

MOST_SAMPLES = 120
"""Of a chunk, as in Prometheus."""

Words = npt.NDArray[np.uint64]

_FIELDS = 4
_ONE = np.uint64(1)
# How far the spacing differs: up to which number of bits, what says so, and in how many bits.
_SPACINGS = ((14, 0b10, 2), (17, 0b110, 3), (20, 0b1110, 4))


def encode(times: Integers, bits: Integers, starts: Integers) -> list[bytes]:
    """Return chunks of samples, each from one of `starts` to the next; times rise within a chunk."""
    if not len(times):
        return []
    values, widths = _fields(times, bits.view(np.uint64), starts)
    return _joined(values, widths, starts)


def _fields(times: Integers, bits: Words, starts: Integers) -> tuple[Words, Integers]:
    """Return four numbers for each sample, and how many bits of each are written."""
    count = len(times)
    ends = np.append(starts[1:], count)
    values = np.zeros((count, _FIELDS), np.uint64)
    widths = np.zeros((count, _FIELDS), np.int64)
    first = np.zeros(count, np.bool_)
    first[starts] = True
    spacing = np.diff(times, prepend=times[:1])
    spacing[first] = 0
    _write_spacings(values, widths, spacing, starts, ends)
    _write_values(values, widths, bits, first, starts, ends)
    # The first sample: how many there are, its time and its value in full.
    values[first, 0], widths[first, 0] = (ends - starts).astype(np.uint64), 16
    # Times are stored as signed numbers, these in zigzag: twice what they are, as none is below zero.
    values[first, 1], widths[first, 1] = _varints(times[first].astype(np.uint64) << _ONE)
    values[first, 2], widths[first, 2] = 0, 0
    values[first, 3], widths[first, 3] = bits[first], 64
    return values, widths


def _write_spacings(values: Words, widths: Integers, spacing: Integers, starts: Integers, ends: Integers) -> None:
    change = np.diff(spacing, prepend=spacing[:1])
    widths[:, 0] = 1
    differs = np.flatnonzero(change)
    change = change[differs]
    # What fits nowhere else is written in full.
    marks, mark_widths = np.full(len(change), 0b1111, np.uint64), np.full(len(change), 4)
    full = np.full(len(change), 64)
    for size, mark, mark_width in reversed(_SPACINGS):
        half = 1 << (size - 1)
        fits = (change > -half) & (change <= half)
        marks[fits] = np.uint64(mark << size) | (change[fits].view(np.uint64) & np.uint64((1 << size) - 1))
        mark_widths[fits], full[fits] = mark_width + size, 0
    values[differs, 0], widths[differs, 0] = marks, mark_widths
    values[differs, 1], widths[differs, 1] = change.view(np.uint64), full
    second = starts[ends - starts > 1] + 1
    widths[second, 0] = 0
    values[second, 1], widths[second, 1] = _varints(spacing[second].view(np.uint64))


def _write_values(
    values: Words, widths: Integers, bits: Words, first: npt.NDArray[np.bool_], starts: Integers, ends: Integers
) -> None:
    change = np.zeros(len(bits), np.uint64)
    change[1:] = bits[1:] ^ bits[:-1]
    change[first] = 0
    window = np.bitwise_or.reduceat(change, starts)
    leading = np.minimum(64 - _bit_length(window), 31)
    trailing = np.maximum(_bit_length(window & (~window + _ONE)) - 1, 0)
    size = 64 - leading - trailing
    differs = np.flatnonzero(change)
    chunk = np.repeat(np.arange(len(starts)), ends - starts)[differs]
    widths[:, 2] = 1
    values[differs, 2], widths[differs, 2] = 0b10, 2
    values[differs, 3], widths[differs, 3] = change[differs] >> trailing[chunk].astype(np.uint64), size[chunk]
    # The first that differs tells the window: where it begins, and its size (64 as 0).
    opening = np.ones(len(differs), np.bool_)
    opening[1:] = chunk[1:] != chunk[:-1]
    told = 0b11 << 11 | leading << 6 | size & 63
    values[differs[opening], 2], widths[differs[opening], 2] = told[chunk[opening]].astype(np.uint64), 13


def _varints(numbers: Words) -> tuple[Words, Integers]:
    """Return numbers below 2⁵⁶ as protobuf varints, each in one word, and how many bits it takes."""
    groups = np.maximum((_bit_length(numbers) + 6) // 7, 1)
    words = np.zeros(len(numbers), np.uint64)
    for at in range(8):
        byte = (numbers >> np.uint64(7 * at)) & np.uint64(0x7F)
        byte |= (groups > at + 1).astype(np.uint64) << np.uint64(7)
        words = np.where(groups > at, words << np.uint64(8) | byte, words)
    return words, groups * 8


def _bit_length(numbers: Words) -> Integers:
    high, low = numbers >> np.uint64(32), numbers & np.uint64(0xFFFFFFFF)
    # Half a word at a time: that much a float holds exactly.
    lengths = np.where(high > 0, np.frexp(high.astype(np.float64))[1] + 32, np.frexp(low.astype(np.float64))[1])
    return lengths.astype(np.int64)


def _joined(values: Words, widths: Integers, starts: Integers) -> list[bytes]:
    """Return the bits of each chunk, one field after the other, as bytes."""
    sizes = np.add.reduceat(widths.sum(axis=1), starts)
    room = (sizes + 63) // 64
    begins = np.concatenate([np.zeros(1, np.int64), np.cumsum(room)])
    flat_values, flat_widths = values.reshape(-1), widths.reshape(-1)
    kept = flat_widths > 0
    # Fields of all chunks follow one another; each chunk begins with a word of its own.
    behind = np.cumsum(flat_widths)
    padding = begins[:-1] * 64 - np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)[:-1]])
    fields = np.diff(np.append(starts, len(values))) * _FIELDS
    behind += np.repeat(padding, fields)
    behind, flat_values, flat_widths = behind[kept], flat_values[kept], flat_widths[kept]
    words = np.zeros(int(begins[-1]) + 1, np.uint64)
    at = (behind - 1) >> 6
    left = (-behind) & 63
    np.bitwise_or.at(words, at, flat_values << left.astype(np.uint64))
    spilled = flat_widths + left > 64
    np.bitwise_or.at(words, at[spilled] - 1, flat_values[spilled] >> (64 - left[spilled]).astype(np.uint64))
    data = words.astype(">u8").tobytes()
    lengths = (sizes + 7) // 8
    return [
        data[begin : begin + length] for begin, length in zip((begins[:-1] * 8).tolist(), lengths.tolist(), strict=True)
    ]
