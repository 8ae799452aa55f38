"""Remote write 1.0: a request decoded.

Most series of most requests were there before and bring one sample. A series ends with its sample, so all before it
is the key of the cache. A key is there only after its bytes were parsed as labels and nothing else; what follows it is
checked to be a sample of today's form. Together that is what a parser of the whole would find, in less time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf.message import DecodeError

from hune.store.wire.batch import VALUED, ZERO, Batch, Columns, Metadata, Slots, tails
from hune.store.wire.labels import Identity, encode
from hune.store.wire.messages import MESSAGES
from hune.store.wire.unpack import Malformed, TooLarge

MOST_PIECES = 1_200_000
"""Series, labels, samples of a request: each takes memory of its own, however few bytes it came in."""
MOST_SAMPLES = 200_000
MOST_METADATA = 50_000
MOST_LABELS = 20_000
"""Of one series, before it is parsed: a line feed in a text is counted for one too."""
MOST_LABEL_BYTES = 256 << 10
"""Of one series."""

_Outline, _Series, _Metadata = MESSAGES["Outline"], MESSAGES["Series"], MESSAGES["Metadata"]
_TAGS = (b"\x0a", b"\x12", b"\x1a", b"\x22", b"\x2a")


def decode(body: bytes, slots: Slots) -> Batch:
    """Return what a request holds. Raises Malformed or TooLarge: the same request is never taken."""
    check_pieces(body)
    try:
        outline = _Outline.FromString(body)
        check_metadata(len(outline.metadata))
        batch = _decode(list(outline.timeseries), slots)
        check_samples(len(batch))
        batch.metadata = [_metadata(_Metadata.FromString(one)) for one in outline.metadata]
    except DecodeError:
        raise Malformed("body: not a write request") from None
    return batch


def check_labels(size: int) -> None:
    """Raise TooLarge if the labels of a series take more bytes than are kept."""
    if size > MOST_LABEL_BYTES:
        raise TooLarge(f"body: a series whose labels take more than {MOST_LABEL_BYTES} bytes")


def check_samples(count: int) -> None:
    """Raise TooLarge if a request has more samples than are taken at once."""
    if count > MOST_SAMPLES:
        raise TooLarge(f"body: more than {MOST_SAMPLES} samples")


def check_metadata(count: int) -> None:
    """Raise TooLarge if a request describes more metrics than are taken at once."""
    if count > MOST_METADATA:
        raise TooLarge(f"body: more than {MOST_METADATA} metrics are described")


def _metadata(message: Any) -> Metadata:
    return Metadata(message.metric, message.type, message.help, message.unit)


def check_pieces(body: bytes) -> None:
    """Raise TooLarge if there may be more in a body than there is memory for, once it is parsed."""
    # No piece is less than two bytes, so only large bodies need the count.
    if len(body) > 2 * MOST_PIECES and any(body.count(tag) > MOST_PIECES for tag in _TAGS):
        raise TooLarge(f"body: more than {MOST_PIECES} pieces")


def _decode(series: Sequence[bytes], slots: Slots) -> Batch:
    columns = Columns()
    general = _General(slots, columns)
    known = slots.by_key.get
    found = [known(one[:-VALUED]) for one in series]
    if None in found:
        rest = [one for one, slot in zip(series, found, strict=True) if slot is None]
        series = [one for one, slot in zip(series, found, strict=True) if slot is not None]
        zeros, zero_slots = [], []
        for one in rest:
            slot = known(one[:-ZERO])
            if slot is None:
                general.read(one)
            else:
                zeros.append(one)
                zero_slots.append(slot)
        if zeros:
            for at in tails(zeros, zero_slots, columns, size=ZERO):
                general.read(zeros[at])
    if series:
        certain = [slot for slot in found if slot is not None]
        for at in tails(series, certain, columns, size=VALUED):
            general.read(series[at])
    batch = columns.batch()
    batch.exemplars, batch.histograms = general.exemplars, general.histograms
    return batch


class _General:
    """Parses a series of any form, and remembers the bytes of its labels for the next time."""

    def __init__(self, slots: Slots, columns: Columns) -> None:
        self._slots = slots
        self._columns = columns
        self._samples = 0
        self.exemplars = 0
        self.histograms = 0

    def read(self, data: bytes) -> None:
        if len(data) > 2 * MOST_LABELS and data.count(b"\x0a") > MOST_LABELS:
            raise TooLarge(f"body: a series with more than {MOST_LABELS} labels")
        head = _labels_end(data)
        check_labels(min(head, len(data)))
        slot = self._slots.by_key.get(data[:head])
        # Behind labels that are known, only what is no label is parsed.
        message = _Series.FromString(data if slot is None else data[head:])
        if slot is None:
            slot = self._slot(message)
        elif message.labels:
            # Labels on both sides of something else: legal, and nobody's habit.
            message = _Series.FromString(data)
            slot = self._slot(message)
        self._samples += len(message.samples)
        check_samples(self._samples)
        for sample in message.samples:
            self._columns.add(slot, sample.timestamp, sample.value)
        self.exemplars += len(message.exemplars)
        self.histograms += len(message.histograms)

    def _slot(self, message: Any) -> int:
        labels = [(label.name, label.value) for label in message.labels]
        key = encode(labels)
        check_labels(len(key))
        slot = self._slots.by_key.get(key)
        return self._slots.admit(key, Identity.of(labels)) if slot is None else slot


def _labels_end(data: bytes) -> int:
    """Return where the labels at the start of a series seem to end; right for what senders write."""
    at, end = 0, len(data)
    while at + 1 < end and data[at] == 0x0A:
        length = data[at + 1]
        at += 2
        if length > 0x7F:
            if at >= end:
                break
            length = (length & 0x7F) | data[at] << 7
            at += 1
        at += length
    return at
