"""Answers of remote read are made as others read them."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import accumulate, pairwise

import cramjam
import numpy as np

from hune.store.wire import xor
from hune.store.wire.answer import Message, Part
from hune.store.wire.labels import of_sort_key, sort_key
from support import remote_read
from support import remote_write as remote

STEPS = [0, 1, -1, 8191, 8192, -8191, -8192, 65535, 65536, -65536, 524287, 524288, -524287, -524288, 1 << 30]


def samples(chance: random.Random, count: int) -> list[remote.Sample]:
    """Return samples whose spacing and values change in every way that a chunk tells differently."""
    moment, step = chance.randrange(1 << 35, 1 << 41), chance.choice((15_000, 1, 1 << 20))
    values: Callable[[], int] = chance.choice(
        (
            lambda: chance.choice((0, 1 << 63, 0x7FF0000000000002)),
            lambda: chance.getrandbits(64),
            lambda: 5,
            lambda: remote.bits(chance.randrange(1000) / 4) & (1 << 64) - 1,
        )
    )
    made = []
    for _ in range(count):
        made.append((moment, remote.signed(values())))
        moment += max(1, step + chance.choice((*STEPS, *[0] * 10, chance.randrange(1 << 22))))
    return made


def test_chunks_hold_samples_to_the_last_bit() -> None:
    chance = random.Random(1)
    for _ in range(300):
        chunks = [samples(chance, chance.choice((1, 2, 3, 120, chance.randrange(1, 121)))) for _ in range(4)]
        flat = [one for chunk in chunks for one in chunk]
        times, bits = (np.array(column, np.int64) for column in zip(*flat, strict=True))
        starts = np.array([0, *accumulate(len(chunk) for chunk in chunks)][:-1])
        assert [remote_read.read_chunk(one) for one in xor.encode(times, bits, starts)] == chunks


def test_series_are_sorted_label_by_label() -> None:
    chance = random.Random(2)
    texts = ["", "a", "a\0", "a\0b", "a\x01", "\0", "\0\0", "é", "a\U0010ffff", "b"]
    named = [[(chance.choice(texts), chance.choice(texts)) for _ in range(chance.randrange(4))] for _ in range(500)]
    assert [of_sort_key(sort_key(labels)) for labels in named] == named
    in_order = sorted(named, key=lambda labels: [text.encode() for label in labels for text in label])
    assert sorted(named, key=sort_key) == in_order


def test_a_message_of_many_blocks_is_one_block_of_snappy() -> None:
    message = Message()
    message.begin()
    times = np.arange(1 << 40, (1 << 40) + 200_000)
    for first, last in pairwise((0, 50_000, 200_000)):
        message.add([Part(sort_key([("a", "b")]), times[first:last], times[first:last])])
    message.end()
    data = b"".join(message.packed())
    message.close()
    assert len(cramjam.snappy.decompress_raw(data)) > 3 << 20
    assert remote.read_answer(data) == {(("a", "b"),): [(at, at) for at in times.tolist()]}
