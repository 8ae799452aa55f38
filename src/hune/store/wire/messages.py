"""The messages of remote write and remote read, as the protobuf library reads them.

They are described here instead of in generated code. `Outline` and `Outline2` read a request but leave each series
the bytes it came in: most series need no more than that. Source: prompb/remote.proto, types.proto and
io/prometheus/write/v2/types.proto of Prometheus.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_F = descriptor_pb2.FieldDescriptorProto

# Message → (name, number, type), `*` before what is repeated. What is only counted or kept stays bytes: nobody can make
# it take more memory than it came in.
_SCHEMA: dict[str, tuple[tuple[str, int, str], ...]] = {
    "Label": (("name", 1, "string"), ("value", 2, "string")),
    "Sample": (("value", 1, "double"), ("timestamp", 2, "int64")),
    "Metadata": (("type", 1, "int32"), ("metric", 2, "string"), ("help", 4, "string"), ("unit", 5, "string")),
    "Metadata2": (("type", 1, "int32"), ("help_ref", 3, "uint32"), ("unit_ref", 4, "uint32")),
    "Series": (
        ("*labels", 1, "Label"),
        ("*samples", 2, "Sample"),
        ("*exemplars", 3, "bytes"),
        ("*histograms", 4, "bytes"),
    ),
    "Series2": (
        ("*labels_refs", 1, "uint32"),
        ("*samples", 2, "Sample"),
        ("*histograms", 3, "bytes"),
        ("*exemplars", 4, "bytes"),
        ("metadata", 5, "Metadata2"),
    ),
    "Matcher": (("type", 1, "int32"), ("name", 2, "string"), ("value", 3, "string")),
    "Query": (("start_timestamp_ms", 1, "int64"), ("end_timestamp_ms", 2, "int64"), ("*matchers", 3, "Matcher")),
    "ReadRequest": (("*queries", 1, "Query"), ("*accepted_response_types", 2, "int32")),
    "Outline": (("*timeseries", 1, "bytes"), ("*metadata", 3, "bytes")),
    "Outline2": (("*symbols", 4, "string"), ("*timeseries", 5, "bytes")),
}


def _classes() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(
        name="hune/store/remote_write.proto", package="hune.store", syntax="proto3"
    )
    for message_name, fields in _SCHEMA.items():
        message = file.message_type.add(name=message_name)
        for marked, number, kind in fields:
            name = marked.lstrip("*")
            label = _F.LABEL_REPEATED if marked.startswith("*") else _F.LABEL_OPTIONAL
            field = message.field.add(name=name, number=number, label=label)
            if kind in _SCHEMA:
                field.type, field.type_name = _F.TYPE_MESSAGE, f".hune.store.{kind}"
            else:
                field.type = _F.Type.Value(f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"hune.store.{name}")) for name in _SCHEMA}


MESSAGES = _classes()
