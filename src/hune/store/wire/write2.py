"""Remote write 2.0: a request decoded; texts stand once in a table of symbols, and series refer to them."""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.message import DecodeError

from hune.store.wire.batch import Batch, Columns, Metadata, Slots
from hune.store.wire.labels import METRIC_NAME, Identity, encode_label, encode_name, encode_value
from hune.store.wire.messages import MESSAGES
from hune.store.wire.unpack import Malformed, TooLarge
from hune.store.wire.write1 import MOST_LABELS, check_labels, check_metadata, check_pieces, check_samples

MOST_WRITTEN_OUT_BYTES = 64 << 20
"""Of the labels of all series of a request: a symbol takes its bytes once, but each series that refers to it again."""

_Outline, _Series = MESSAGES["Outline2"], MESSAGES["Series2"]


def decode(body: bytes, slots: Slots) -> Batch:
    """Return what a request holds. Raises Malformed or TooLarge: the same request is never taken."""
    check_pieces(body)
    try:
        outline = _Outline.FromString(body)
        return _decode(list(outline.symbols), list(outline.timeseries), slots)
    except DecodeError:
        raise Malformed("body: not a write request of version 2") from None
    except IndexError:
        raise Malformed("body: refers to a symbol that isn't there") from None


def _decode(symbols: Sequence[str], series: Sequence[bytes], slots: Slots) -> Batch:
    if series and (not symbols or symbols[0]):
        raise Malformed("body: the first symbol isn't empty")
    names = [encode_name(symbol) for symbol in symbols]
    values = [encode_value(symbol) for symbol in symbols]
    columns = Columns()
    metadata: dict[str, Metadata] = {}
    samples = exemplars = histograms = written_out = 0
    for data in series:
        message = _Series.FromString(data)
        if len(message.labels_refs) > 2 * MOST_LABELS:
            raise TooLarge(f"body: a series with more than {MOST_LABELS} labels")
        references = list(message.labels_refs)
        if len(references) % 2:
            raise Malformed("body: a label without a value")
        pairs = list(zip(references[::2], references[1::2], strict=True))
        # Before they are: a few bytes can refer to a long text any number of times.
        size = sum([len(names[name]) + len(values[value]) for name, value in pairs])
        check_labels(size)
        written_out += size
        if written_out > MOST_WRITTEN_OUT_BYTES:
            raise TooLarge(f"body: labels that take more than {MOST_WRITTEN_OUT_BYTES} bytes, written out")
        # The same bytes as version 1 sends: a series is known whichever version brings it.
        key = b"".join([encode_label(names[name], values[value]) for name, value in pairs])
        slot = slots.by_key.get(key)
        if slot is None:
            slot = slots.admit(key, Identity.of((symbols[name], symbols[value]) for name, value in pairs))
        samples += len(message.samples)
        check_samples(samples)
        for sample in message.samples:
            columns.add(slot, sample.timestamp, sample.value)
        exemplars += len(message.exemplars)
        histograms += len(message.histograms)
        if message.HasField("metadata"):
            told = message.metadata
            metric = next((symbols[value] for name, value in pairs if symbols[name] == METRIC_NAME), "")
            metadata[metric] = Metadata(metric, told.type, symbols[told.help_ref], symbols[told.unit_ref])
            check_metadata(len(metadata))
    batch = columns.batch()
    batch.metadata = [one for metric, one in metadata.items() if metric]
    batch.exemplars, batch.histograms = exemplars, histograms
    return batch
