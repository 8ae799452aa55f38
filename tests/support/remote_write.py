"""Remote write and read by the protobuf library: messages as others make them, and what they mean, to compare with."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import cramjam
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

Labels = tuple[tuple[str, str], ...]
Sample = tuple[int, int]
"""Milliseconds, and the bits of the value."""

_F = descriptor_pb2.FieldDescriptorProto


def _message(file: descriptor_pb2.FileDescriptorProto, called: str, /, **fields: tuple[int, str]) -> None:
    message = file.message_type.add(name=called)
    for field_name, (number, kind) in fields.items():
        repeated, kind = kind.startswith("*"), kind.lstrip("*")
        one = message.field.add(
            name=field_name, number=number, label=_F.LABEL_REPEATED if repeated else _F.LABEL_OPTIONAL
        )
        if kind[0].isupper():
            one.type, one.type_name = _F.TYPE_MESSAGE, f".reference.{kind}"
        else:
            one.type = _F.Type.Value(f"TYPE_{kind.upper()}")


def _classes() -> list[Any]:
    file = descriptor_pb2.FileDescriptorProto(name="reference.proto", package="reference", syntax="proto3")
    _message(file, "Label", name=(1, "string"), value=(2, "string"))
    _message(file, "Sample", value=(1, "double"), timestamp=(2, "int64"))
    _message(file, "Exemplar", labels=(1, "*Label"), value=(2, "double"), timestamp=(3, "int64"))
    _message(file, "Histogram", sum=(3, "double"), schema=(4, "sint32"), timestamp=(15, "int64"))
    _message(
        file, "Metadata", type=(1, "int32"), metric_family_name=(2, "string"), help=(4, "string"), unit=(5, "string")
    )
    _message(
        file,
        "TimeSeries",
        labels=(1, "*Label"),
        samples=(2, "*Sample"),
        exemplars=(3, "*Exemplar"),
        histograms=(4, "*Histogram"),
    )
    _message(file, "WriteRequest", timeseries=(1, "*TimeSeries"), metadata=(3, "*Metadata"))
    # What a remote read answers: its results have the form of write requests.
    _message(file, "ReadResponse", results=(1, "*WriteRequest"))
    _message(file, "Matcher", type=(1, "int32"), name=(2, "string"), value=(3, "string"))
    _message(file, "Query", start_timestamp_ms=(1, "int64"), end_timestamp_ms=(2, "int64"), matchers=(3, "*Matcher"))
    _message(file, "ReadRequest", queries=(1, "*Query"), accepted_response_types=(2, "*int32"))
    _message(file, "Chunk", min_time_ms=(1, "int64"), max_time_ms=(2, "int64"), type=(3, "int32"), data=(4, "bytes"))
    _message(file, "ChunkedSeries", labels=(1, "*Label"), chunks=(2, "*Chunk"))
    _message(file, "ChunkedReadResponse", chunked_series=(1, "*ChunkedSeries"), query_index=(2, "int64"))
    _message(file, "Metadata2", type=(1, "int32"), help_ref=(3, "uint32"), unit_ref=(4, "uint32"))
    _message(file, "Exemplar2", labels_refs=(1, "*uint32"), value=(2, "double"), timestamp=(3, "int64"))
    _message(
        file,
        "TimeSeries2",
        labels_refs=(1, "*uint32"),
        samples=(2, "*Sample"),
        histograms=(3, "*Histogram"),
        exemplars=(4, "*Exemplar2"),
        metadata=(5, "Metadata2"),
    )
    _message(file, "WriteRequest2", symbols=(4, "*string"), timeseries=(5, "*TimeSeries2"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    names = ("WriteRequest", "WriteRequest2", "ReadResponse", "ReadRequest", "ChunkedReadResponse")
    return [message_factory.GetMessageClass(pool.FindMessageTypeByName(f"reference.{name}")) for name in names]


WriteRequest, WriteRequest2, ReadResponse, ReadRequest, ChunkedReadResponse = _classes()


@dataclass
class Meaning:
    """What a request says."""

    samples: list[tuple[Labels, int, int]] = field(default_factory=list)
    exemplars: int = 0
    histograms: int = 0
    metadata: list[tuple[str, int, str, str]] = field(default_factory=list)


def bits(value: float) -> int:
    """Return the bits of a number, signed."""
    return int(struct.unpack("<q", struct.pack("<d", value))[0])


def signed(pattern: int) -> int:
    """Return 64 bits as `bits` does."""
    return pattern - (1 << 64 if pattern >> 63 else 0)


def number(pattern: int) -> float:
    """Return the number of 64 bits."""
    return float(struct.unpack("<d", struct.pack("<Q", pattern & (1 << 64) - 1))[0])


def meaning(body: bytes) -> Meaning:
    """Return what a request of version 1 says; raises DecodeError, or ValueError for labels that name no series."""
    told = Meaning()
    request = WriteRequest.FromString(body)
    for series in request.timeseries:
        _add(told, identity([(label.name, label.value) for label in series.labels]), series)
    told.metadata = [(one.metric_family_name, one.type, one.help, one.unit) for one in request.metadata]
    return told


def meaning2(body: bytes) -> Meaning:
    """Return what a request of version 2 says; raises as `meaning` does, and IndexError."""
    told = Meaning()
    request = WriteRequest2.FromString(body)
    symbols = list(request.symbols)
    if request.timeseries and (not symbols or symbols[0]):
        raise ValueError("the first symbol isn't empty")
    for series in request.timeseries:
        if len(series.labels_refs) % 2:
            raise ValueError("a label without a value")
        texts = [symbols[reference] for reference in series.labels_refs]
        # What metadata refer to has to be there too.
        _ = symbols[series.metadata.help_ref], symbols[series.metadata.unit_ref]
        _add(told, identity(list(zip(texts[::2], texts[1::2], strict=True))), series)
    return told


def identity(labels: Sequence[tuple[str, str]]) -> Labels:
    """Return labels as they identify a series."""
    kept = sorted(label for label in labels if label[1])
    if not kept or not kept[0][0] or len({name for name, _ in kept}) < len(kept):
        raise ValueError("labels that name no series")
    return tuple(kept)


def _add(told: Meaning, labels: Labels, series: Any) -> None:
    told.samples += [(labels, sample.timestamp, bits(sample.value)) for sample in series.samples]
    told.exemplars += len(series.exemplars)
    told.histograms += len(series.histograms)


def request(series: Iterable[tuple[Iterable[tuple[str, str]], Iterable[tuple[int, float]]]]) -> bytes:
    """Return a request of version 1, not packed: labels, and samples as (milliseconds, value)."""
    made = WriteRequest()
    for labels, samples in series:
        one = made.timeseries.add()
        for name, value in labels:
            one.labels.add(name=name, value=value)
        for moment, value_ in samples:
            one.samples.add(timestamp=moment, value=value_)
    return bytes(made.SerializeToString())


def request2(series: Iterable[tuple[Iterable[tuple[str, str]], Iterable[tuple[int, float]]]]) -> bytes:
    """Return a request of version 2, not packed."""
    made = WriteRequest2(symbols=[""])
    places = {"": 0}
    for labels, samples in series:
        one = made.timeseries.add()
        for text in (text for label in labels for text in label):
            if text not in places:
                places[text] = len(places)
                made.symbols.append(text)
            one.labels_refs.append(places[text])
        for moment, value in samples:
            one.samples.add(timestamp=moment, value=value)
    return bytes(made.SerializeToString())


def read_answer(packed_body: bytes) -> dict[Labels, list[Sample]]:
    """Return what a remote read found: of each series times and bits."""
    answer = ReadResponse.FromString(bytes(cramjam.snappy.decompress_raw(packed_body)))
    return {
        identity([(label.name, label.value) for label in series.labels]): [
            (sample.timestamp, bits(sample.value)) for sample in series.samples
        ]
        for result in answer.results
        for series in result.timeseries
    }


def packed(body: bytes) -> bytes:
    """Return a body as it is sent."""
    return bytes(cramjam.snappy.compress_raw(body))


def zstd(content: bytes) -> bytes:
    """Return a frame of one raw or repeated block per 128 KiB that tells its size, as one-shot compressors do."""
    frame = bytearray(b"\x28\xb5\x2f\xfd" + bytes([0b10100000]) + len(content).to_bytes(4, "little"))
    parts = [content[at : at + 65_536] for at in range(0, len(content), 65_536)] or [b""]
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        uniform = len(set(part)) == 1
        frame += (len(part) << 3 | uniform << 1 | last).to_bytes(3, "little") + (part[:1] if uniform else part)
    return bytes(frame)
