"""Requests decoded say what the protobuf library reads in them, or are refused; never anything else."""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Callable, Iterator, Sequence

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from hune.store.series import SeriesIndex
from hune.store.wire import unpack, write1, write2
from hune.store.wire.batch import STALE, Batch
from hune.store.wire.labels import Identity, varint
from support import remote_write as reference

LONG = os.environ.get("HUNE_TEST_LONG") == "1"
FUZZED = 10_000_000 if LONG else 30_000
"""Requests of both versions, whole and broken, each compared with what the library reads in it."""
SEED = int(os.environ.get("HUNE_TEST_SEED", "1"))

NOW = 1_790_000_000_000
LABELS = (("__name__", "up"), ("instance", "pve-01:9100"), ("job", "node"))
SPECIAL = [0.0, -0.0, 1.0, float("inf"), *map(reference.number, (STALE, 0x7FF8000000000001, 0xFFF8000000000123))]

Decode = Callable[[bytes, SeriesIndex], Batch]


class Kept(SeriesIndex):
    """An index that remembers which series has which slot."""

    def __init__(self) -> None:
        super().__init__()
        self.labels: dict[int, reference.Labels] = {}

    def admit(self, key: bytes, identity: Identity) -> int:
        slot = super().admit(key, identity)
        self.labels[slot] = identity.labels
        return slot


def read(decode: Decode, body: bytes, index: Kept) -> reference.Meaning | None:
    """Return what a body was decoded to, samples in order of series and time; None if it was refused."""
    try:
        batch = decode(body, index)
    except unpack.Malformed:
        return None
    columns = zip(batch.slots.tolist(), batch.times.tolist(), batch.bits.tolist(), strict=True)
    return reference.Meaning(
        sorted((index.labels[slot], time, bits) for slot, time, bits in columns),
        batch.exemplars,
        batch.histograms,
        [(one.metric, one.kind, one.help, one.unit) for one in batch.metadata],
    )


def agrees(decode: Decode, meaning: Callable[[bytes], reference.Meaning], body: bytes, index: Kept) -> bool:
    """Compare with the library; return whether the body was taken."""
    ours = read(decode, body, index)
    try:
        theirs = meaning(body)
    except (DecodeError, ValueError, IndexError):
        # What is inside of exemplars and histograms isn't read: a request with any is refused anyway.
        assert ours is None or ours.exemplars or ours.histograms, body.hex()
        return False
    theirs.samples.sort()
    if ours is None:
        pytest.fail(f"refused: {body.hex()}")
    if meaning is reference.meaning2:
        theirs.metadata = ours.metadata
    assert ours == theirs, body.hex()
    return True


def test_samples_of_known_series_are_read_as_those_of_new_ones() -> None:
    index = Kept()
    body = reference.request((LABELS, [(NOW + at, value)]) for at, value in enumerate(SPECIAL))
    first = read(write1.decode, body, index)
    assert first == read(write1.decode, body, index) == reference.meaning(body)
    assert len(index) == 1


def test_both_versions_name_the_same_series() -> None:
    index = Kept()
    series = [(LABELS, [(NOW, 1.5), (NOW + 15_000, float("nan"))]), ((("a", "b"),), [(NOW, -0.0)])]
    assert read(write1.decode, reference.request(series), index) == read(
        write2.decode, reference.request2(series), index
    )
    assert len(index) == 2


def test_order_of_labels_and_labels_without_value_make_no_other_series() -> None:
    index = Kept()
    assert read(
        write1.decode, reference.request([(LABELS, [(NOW, 1)]), ([*LABELS[::-1], ("z", "")], [(NOW, 2)])]), index
    )
    assert len(index) == 1


@pytest.mark.parametrize("labels", [[], [("a", "")], [("", "b")], [("a", "b"), ("a", "c")], [("a", "b"), ("a", "b")]])
def test_labels_that_name_no_series_are_refused(labels: list[tuple[str, str]]) -> None:
    for decode, body in (
        (write1.decode, reference.request([(labels, [(NOW, 1.0)])])),
        (write2.decode, reference.request2([(labels, [(NOW, 1.0)])])),
    ):
        assert read(decode, body, Kept()) is None


@pytest.mark.parametrize("symbols", [[], ["a", "b"], ["", "a"]])
def test_a_reference_to_no_symbol_is_refused(symbols: list[str]) -> None:
    made = reference.WriteRequest2(symbols=symbols)
    made.timeseries.add(labels_refs=[1, 2])
    assert read(write2.decode, made.SerializeToString(), Kept()) is None


def test_metadata_that_refer_to_no_symbol_are_refused() -> None:
    made = reference.WriteRequest2(symbols=["", "__name__", "up"])
    made.timeseries.add(labels_refs=[1, 2]).metadata.help_ref = 3
    assert read(write2.decode, made.SerializeToString(), Kept()) is None


def test_metadata_of_both_versions_is_read() -> None:
    one = reference.WriteRequest()
    one.metadata.add(type=1, metric_family_name="up", help="Whether.", unit="")
    two = reference.WriteRequest2(symbols=["", "__name__", "up", "Whether."])
    two.timeseries.add(labels_refs=[1, 2]).metadata.help_ref = 3
    two.timeseries[0].metadata.type = 1
    for decode, body in ((write1.decode, one.SerializeToString()), (write2.decode, two.SerializeToString())):
        told = read(decode, body, Kept())
        assert told is not None
        assert told.metadata == [("up", 1, "Whether.", "")]


def test_a_label_that_looks_like_a_sample_is_a_label() -> None:
    index = Kept()
    sample = reference.request([((), [(NOW, 7.0)])])[2:]
    texts = ("x", "\x12\x07\x10\x00\x01\x02\x03\x04\x05", sample.decode("latin-1"), "\x12\x10\x09" + "\0" * 15)
    plain = [(("__name__", "m"), ("v", text)) for text in texts]
    for _ in range(2):
        body = reference.request((labels, [(NOW, 7.0)]) for labels in plain)
        assert agrees(write1.decode, reference.meaning, body, index)
    assert len(index) == len(plain)


def hostile_text(chance: random.Random) -> str:
    pieces = ["\x0a", "\x12", "\x12\x10\x09", "\x10", "\x12\x07\x10", "a", "é", "\0", "up", "\x7f" * 3]
    return "".join(chance.choices(pieces, k=chance.randrange(5)))


def fuzzed(chance: random.Random) -> Iterator[tuple[list[tuple[str, str]], list[tuple[int, float]]]]:
    """Yield series: few enough to come again, with labels made to be mistaken; often just one, so that damage hits."""
    for _ in range(chance.choice((1, 1, 1, 1, 2, 8))):
        labels = [("__name__", f"m{chance.randrange(6)}")]
        labels += [(hostile_text(chance), hostile_text(chance)) for _ in range(chance.choice((0, 0, 0, 1, 2)))]
        count = chance.choice((0, *[1] * 16, 2, 3, 40))
        now = [NOW + chance.randrange(10**6) for _ in range(8)]
        moments = (chance.choice((*now, 0, -1, 1 << 62, 127, 1 << 35)) for _ in range(count))
        yield labels, [(moment, chance.choice(SPECIAL)) for moment in moments]


def with_more(chance: random.Random, version: int, body: bytes) -> bytes:
    """Return a body some of whose series also have exemplars or native histograms."""
    message = (reference.WriteRequest if version == 1 else reference.WriteRequest2).FromString(body)
    for series in message.timeseries:
        if chance.random() < 0.3:
            series.exemplars.add(value=chance.choice(SPECIAL), timestamp=NOW)
        if chance.random() < 0.2:
            series.histograms.add(sum=1.0, schema=-1, timestamp=NOW)
    return bytes(message.SerializeToString())


def broken(chance: random.Random, body: bytes) -> bytes:
    """Return a body that lost its end, some bits, or got bytes twice or from elsewhere."""
    data = bytearray(body)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        at = chance.randrange(len(data) + 1)
        kind = chance.randrange(5)
        if kind == 0:
            del data[at:]
        elif kind == 1 and at < len(data):
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 2:
            data[at:at] = data[at : at + chance.randrange(30)]
        elif kind == 3:
            del data[at : at + chance.randrange(4)]
        else:
            data[at:at] = chance.randbytes(chance.randrange(4))
    return bytes(data)


def unusual(chance: random.Random, body: bytes) -> bytes:
    """Return a body that may say the same in a way that no sender does."""
    out = bytearray()
    fields = list(fields_of(body))
    if chance.random() < 0.2:
        chance.shuffle(fields)
    for number, kind, content in fields:
        if kind == 2 and number in (1, 2, 5) and content and chance.random() < 0.5:
            with contextlib.suppress(ValueError):
                content = unusual(chance, content)
        out += wide(chance, number << 3 | kind)
        if kind == 0:
            out += content[:-1] + wide(chance, content[-1])
        else:
            out += (wide(chance, len(content)) if kind == 2 else b"") + content
        if chance.random() < 0.02:
            out += wide(chance, 100 << 3) + b"\x01"
    return bytes(out)


def fields_of(message: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield number, kind and content of the fields of a message. Raises ValueError if it is none."""
    at = 0
    while at < len(message):
        tag, at = varint_at(message, at)
        begin, kind = at, tag & 7
        if kind == 0:
            _, at = varint_at(message, at)
        elif kind == 2:
            length, begin = varint_at(message, at)
            at = begin + length
        else:
            at += {1: 8, 5: 4}.get(kind, len(message))
        if at > len(message):
            raise ValueError("no message")
        yield tag >> 3, kind, message[begin:at]


def varint_at(message: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while at < len(message):
        number |= (message[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if message[at - 1] < 0x80:
            return number, at
    raise ValueError("no varint")


def wide(chance: random.Random, number: int) -> bytes:
    """Return a varint that now and then takes more bytes than it needs."""
    short = varint(number)
    if chance.random() > 0.02:
        return short
    return short[:-1] + bytes((short[-1] | 0x80,)) + b"\x80" * chance.randrange(3) + b"\0"


@pytest.mark.parametrize("version", [1, 2])
def test_fuzzed_requests_are_read_as_the_library_reads_them_or_refused(version: int) -> None:
    chance = random.Random(f"{version} {SEED}")
    make, decode, meaning = (
        (reference.request, write1.decode, reference.meaning)
        if version == 1
        else (reference.request2, write2.decode, reference.meaning2)
    )
    index, done, taken = Kept(), 0, 0
    while done < FUZZED // 2:
        if len(index) > 5_000:
            index = Kept()
        series = list(fuzzed(chance))
        body = make(series)
        if chance.random() < 0.1:
            body = with_more(chance, version, body)
        # Whole first, so that what is broken meets a cache that knows its series.
        for variant in (body, unusual(chance, body), broken(chance, body)):
            taken += agrees(decode, meaning, variant, index)
            done += 1
    print(f"HUNE_TEST_SEED={SEED} version {version}: {done:,} requests, {taken:,} of them taken")  # noqa: T201 - a record
    assert taken > 0


@given(st.binary(max_size=200))
def test_any_bytes_are_read_as_the_library_reads_them_or_refused(body: bytes) -> None:
    agrees(write1.decode, reference.meaning, body, Kept())
    agrees(write2.decode, reference.meaning2, body, Kept())


@pytest.mark.parametrize("encoding", ["snappy", "zstd"])
def test_bodies_are_unpacked_up_to_the_bound_and_refused_above(encoding: str) -> None:
    for size in (0, 300, 70_000, unpack.MOST_BYTES, unpack.MOST_BYTES + 1):
        content = b"\0" * size
        body = reference.packed(content) if encoding == "snappy" else reference.zstd(content)
        if size <= unpack.MOST_BYTES:
            assert unpack.unpack(body, encoding) == content
        else:
            with pytest.raises(unpack.TooLarge):
                unpack.unpack(body, encoding)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("snappy", b""),
        ("snappy", b"\xff\xff\xff\xff\x0f\x00"),
        ("snappy", b"\x80\x80\x40" + b"\0" * 10),
        ("snappy", b"\xff" * 20),
        ("zstd", b""),
        ("zstd", b"\x28\xb5\x2f\xfd"),
        ("zstd", b"\x28\xb5\x2f\xfd\xa0\xff\xff\xff\x7f\x01\0\0"),
        ("zstd", b"\x28\xb5\x2f\xfd\x00\x80\x01\0\0"),
        ("zstd", reference.zstd(b"a" * 10) + reference.zstd(b"b" * 10)),
    ],
)
def test_what_is_no_packed_body_is_refused(encoding: str, body: bytes) -> None:
    with pytest.raises(unpack.Malformed):
        unpack.unpack(body, encoding)


@pytest.mark.parametrize(
    "body",
    [
        b"\x0a\x00" * (write1.MOST_PIECES + 1),
        reference.request([([("a", "")] * (write1.MOST_LABELS + 1), [])]),
        reference.request([((("a", "b" * write1.MOST_LABEL_BYTES),), [])]),
        reference.request([((("a", "b"),), [(0, 0.0)] * (write1.MOST_SAMPLES + 1))]),
        b"\x1a\x00" * (write1.MOST_METADATA + 1),
    ],
    ids=["series", "labels", "long", "samples", "metadata"],
)
def test_a_request_that_would_take_more_memory_than_there_is_for_it_is_refused(body: bytes) -> None:
    with pytest.raises(unpack.TooLarge):
        write1.decode(body, SeriesIndex())


def test_known_series_bring_no_more_samples_than_new_ones() -> None:
    index = SeriesIndex()
    one = reference.request([((("a", "b"),), [(NOW, 1.0)])])
    write1.decode(one, index)
    assert len(write1.decode(one * write1.MOST_SAMPLES, index)) == write1.MOST_SAMPLES
    with pytest.raises(unpack.TooLarge):
        write1.decode(one * (write1.MOST_SAMPLES + 1), index)


def referring(*references: Sequence[int], symbol_bytes: int, described: bool = False) -> bytes:
    """Return a request of series that refer to "a", one long symbol, "b" and numbers, from 0 to 4 and on."""
    made = reference.WriteRequest2(symbols=["", "a", "x" * symbol_bytes, "__name__", *map(str, range(60_000))])
    for one in references:
        series = made.timeseries.add(labels_refs=one)
        if described:
            series.metadata.help_ref = 2
    return bytes(made.SerializeToString())


@pytest.mark.parametrize(
    "body",
    [
        referring([1] * 2 * (write1.MOST_LABELS + 1), symbol_bytes=1),
        referring([1, 2] * 1_000, symbol_bytes=4 << 20),
        referring(*([1, 2, 3, 4 + number] for number in range(1_000)), symbol_bytes=200 << 10),
        referring(*([3, 4 + number] for number in range(write1.MOST_METADATA + 1)), symbol_bytes=1, described=True),
    ],
    ids=["labels", "one label again and again", "a long label of many series", "metadata"],
)
def test_a_few_bytes_that_refer_to_many_take_no_memory_for_them(body: bytes) -> None:
    index = SeriesIndex()
    with pytest.raises(unpack.TooLarge):
        write2.decode(body, index)
    assert index.size_bytes < 2 * write2.MOST_WRITTEN_OUT_BYTES
