"""Which series rules read: those of their expressions, and those that the words of an alert ask for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import promql_parser
from ruamel.yaml import YAML

_PARTS = ("lhs", "rhs", "expr", "param", "vector_selector")


def rules_of(files: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the rules of rendered rule files."""
    documents = [YAML(typ="safe").load(text) for text in files.values()]
    return [rule for document in documents for group in document["groups"] for rule in group["rules"]]


def scraped(files: Mapping[str, str]) -> set[str]:
    """Return the names of the series that rules read and no rule records."""
    rules = rules_of(files)
    recorded = {rule["record"] for rule in rules if "record" in rule}
    return {name for rule in rules for name in _names(_questions(rule))} - recorded - {"ALERTS"}


def _questions(rule: Mapping[str, Any]) -> Iterator[str]:
    yield rule["expr"]
    for text in rule.get("annotations", {}).values():
        for asked in re.findall(r"printf `([^`]+\{[^`]+)`", text):
            yield asked.replace("%q", '"x"')


def _names(questions: Iterable[str]) -> Iterator[str]:
    for question in questions:
        yield from _of(promql_parser.parse(question))


def _of(node: Any) -> Iterator[str]:
    if isinstance(node, promql_parser.VectorSelector):
        assert node.name, "a selector without a name"
        yield node.name
        return
    for part in _PARTS:
        inner = getattr(node, part, None)
        if inner is not None:
            yield from _of(inner)
    for argument in getattr(node, "args", ()) or ():
        yield from _of(argument)
