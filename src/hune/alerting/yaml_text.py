"""YAML written the same way every time, with expressions as blocks that a person can read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any


def to_yaml(value: Mapping[str, Any], *, comment: str = "") -> str:
    """Return a YAML document of mappings, sequences, strings, numbers and booleans; order is kept."""
    head = "".join(f"# {line}\n" for line in comment.splitlines())
    return head + "\n".join(_mapping(value, 0)) + "\n"


def _mapping(value: Mapping[str, Any], depth: int) -> list[str]:
    lines: list[str] = []
    for key, item in value.items():
        lines += _entry(f"{'  ' * depth}{key}:", item, depth)
    return lines


def _entry(head: str, item: Any, depth: int) -> list[str]:
    if isinstance(item, Mapping):
        return [head, *_mapping(item, depth + 1)] if item else [f"{head} {{}}"]
    if isinstance(item, str) and "\n" in item:
        return [f"{head} |-", *(f"{'  ' * (depth + 1)}{line}".rstrip() for line in item.split("\n"))]
    if isinstance(item, Sequence) and not isinstance(item, str):
        if not any(isinstance(each, Mapping) for each in item):
            return [f"{head} [{', '.join(_scalar(each) for each in item)}]"]
        return [head, *(line for each in item for line in _item(each, depth))]
    return [f"{head} {_scalar(item)}"]


def _item(item: Mapping[str, Any], depth: int) -> list[str]:
    lines = _mapping(item, depth + 1)
    return [f"{'  ' * depth}- {lines[0].lstrip()}", *lines[1:]]


def _scalar(value: Any) -> str:
    # A JSON scalar is a YAML scalar; quoting every string leaves no `no`, `1e3` or `null` to guess about.
    return json.dumps(value, ensure_ascii=False)
