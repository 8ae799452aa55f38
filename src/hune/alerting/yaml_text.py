"""YAML written the same way every time, with expressions as blocks that a person can read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

_WIDTH = 160
"""What a list of scalars may take in one line; a longer one gets a line for each."""


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
    if isinstance(item, str) and _is_block(item):
        return [f"{head} |-", *(f"{'  ' * (depth + 1)}{line}" for line in item.split("\n"))]
    if isinstance(item, Sequence) and not isinstance(item, str):
        if not any(isinstance(each, Mapping) for each in item):
            line = f"{head} [{', '.join(_scalar(each) for each in item)}]"
            if len(line) <= _WIDTH:
                return [line]
            return [head, *(f"{'  ' * (depth + 1)}- {_scalar(each)}" for each in item)]
        return [head, *(line for each in item for line in _item(each, depth))]
    return [f"{head} {_scalar(item)}"]


def _item(item: Mapping[str, Any], depth: int) -> list[str]:
    lines = _mapping(item, depth + 1)
    return [f"{'  ' * depth}- {lines[0].lstrip()}", *lines[1:]]


def _is_block(text: str) -> bool:
    """Whether a text has several lines that a block keeps as they are."""
    lines = text.split("\n")
    return len(lines) > 1 and text[0] != " " and all(line and line[-1] != " " and line.isprintable() for line in lines)


def _scalar(value: Any) -> str:
    # A JSON scalar is a YAML scalar; quoting every string leaves no `no`, `1e3` or `null` to guess about.
    return re.sub(r"[^ -~]", _printable, json.dumps(value, ensure_ascii=False))


def _printable(match: re.Match[str]) -> str:
    char = match[0]
    return char if char.isprintable() else f"\\U{ord(char):08x}"
