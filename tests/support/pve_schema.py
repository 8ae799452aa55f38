"""Whether an answer fits Proxmox' own API schema, which lies in the peers' environment as data of fakepve."""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str, int, float),  # Perl doesn't tell numbers from text
    "number": (int, float),
    "integer": (int,),
    "object": (dict,),
    "array": (list,),
    "boolean": (bool, int),
    "null": (type(None), dict, str),  # what the schema doesn't describe
}


@cache
def paths() -> dict[str, Any]:
    """Return the schema: path template → method → description."""
    (file,) = Path(os.environ["HUNE_TEST_PEERS"]).parent.glob("lib/python3*/site-packages/fakepve/data/pve-api.json.gz")
    return dict(json.loads(gzip.decompress(file.read_bytes()))["paths"])


@cache
def template_of(path: str) -> str:
    """Return the schema's template of a path: `/nodes/{node}/qemu`; the one with most literal segments wins."""
    fitting = [
        template
        for template in paths()
        if re.fullmatch(re.sub(r"\\\{[^/]+\\\}", "[^/]+", re.escape(template)), path.partition("?")[0])
    ]
    assert fitting, f"{path}: no such path in the schema"
    return min(fitting, key=lambda template: template.count("{"))


def problems(path: str, data: Any, *, method: str = "GET") -> list[str]:
    """Return how the `data` of an answer differs from what the schema says of it."""
    return list(_problems(paths()[template_of(path)][method].get("returns", {}), data, "data"))


def _problems(schema: dict[str, Any], data: Any, where: str) -> Iterator[str]:
    kind = schema.get("type")
    if isinstance(kind, str) and kind in _TYPES and not isinstance(data, _TYPES[kind]):
        yield f"{where}: {data!r} is no {kind}"
        return
    if "enum" in schema and data not in schema["enum"]:
        yield f"{where}: {data!r} is none of {schema['enum']}"
    if isinstance(data, list):
        for index, item in enumerate(data):
            yield from _problems(schema.get("items", {}), item, f"{where}[{index}]")
    elif isinstance(data, dict):
        properties = schema.get("properties", {})
        for key, described in properties.items():
            if key in data:
                yield from _problems(described, data[key], f"{where}.{key}")
            elif not described.get("optional"):
                yield f"{where}.{key}: missing"
        if properties and schema.get("additionalProperties", 1) == 0:
            yield from (f"{where}.{key}: not in the schema" for key in data if key not in properties)
