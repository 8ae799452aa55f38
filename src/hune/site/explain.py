"""What validation found, as problems that a person can act on: where, what, remedy.

Values are repeated only where they help and can't be secret; see `problems.shown`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pydantic_core import ErrorDetails

from hune.site.guess import nearest
from hune.site.problems import Location, Position, Problem, shown
from hune.site.shape import field_at, holds_secret, keys_of, model_at
from hune.site.tree import MAX_PROBLEMS, Tree
from hune.site.values import HINTS

# What people write when they mean another key.
_SYNONYMS = {
    "host": "address",
    "ip": "address",
    "hostname": "address",
    "interface": "device",
    "nic": "device",
    "ports": "links",
    "interfaces": "links",
    "hosts": "nodes",
    "servers": "nodes",
    "temperature": "cpu_celsius",
    "channels": "receivers",
    "token": "secret",
    "url": "target",
    "webhook_url": "webhook",
    "interval": "interval_seconds",
    "timeout": "timeout_seconds",
}


def explain(errors: Sequence[ErrorDetails], tree: Tree) -> list[Problem]:
    """Return the problems that pydantic's errors stand for; `tree` tells where in the text.

    The first MAX_PROBLEMS are told: a longer list helps nobody, and finding the nearest words would take minutes.
    """
    problems = []
    for error in errors[:MAX_PROBLEMS]:
        location: Location = error["loc"]
        *_, last = tree.walk(location)
        if not last.broken:
            problems.append(_explain_one(error, location, tree))
    if len(errors) > MAX_PROBLEMS:
        what = f"{len(errors) - MAX_PROBLEMS} more errors"
        at = tree.find(errors[MAX_PROBLEMS]["loc"])
        problems.append(Problem(at, (), what, "correct the others first"))
    return problems


def _explain_one(error: ErrorDetails, location: Location, tree: Tree) -> Problem:
    kind = error["type"]
    if kind == "missing":
        return Problem(tree.find(location[:-1]), location, "missing", _give(location))
    if kind == "extra_forbidden":
        told = location
        if holds_secret(location[:-1]) and not re.fullmatch(r"[a-z_]{1,24}", str(location[-1])):
            # Beside a secret, an odd key may be the secret itself.
            told = (*location[:-1], "…")
        return Problem(key_position(tree, location), told, "unknown key", _instead_of(location, tree))
    if location and location[-1] == "[key]":
        what, remedy = _what(error, location[:-1], is_key=True)
        return Problem(key_position(tree, location[:-1]), location[:-1], f"as a key, {what}", remedy)
    what, remedy = _what(error, location, is_key=False)
    return Problem(tree.find(location), location, what, remedy)


def key_position(tree: Tree, location: Location) -> Position:
    """Return where the last key of a location stands."""
    trees = list(tree.walk(location[:-1]))
    if len(trees) == len(location) and isinstance(location[-1], str):
        return trees[-1].keys.get(location[-1], trees[-1].at)
    return trees[-1].at


def _give(location: Location) -> str:
    field = field_at(location)
    return f"give the {field.description}" if field and field.description else "give it"


def _instead_of(location: Location, tree: Tree) -> str:
    model = model_at(location[:-1])
    known = list(keys_of(model)) if model else []
    key = str(location[-1])
    near = nearest(key, known) or (_SYNONYMS[key] if _SYNONYMS.get(key) in known else None)
    if near:
        parent = [*tree.walk(location[:-1])][-1]
        taken = near in parent.mapping
        return f"did you mean {near}?" + (" it is given already: remove this one" if taken else "")
    return f"known here: {', '.join(known)}" if known else "remove it"


_WANTED = {
    "string_type": ("not text", "write text"),
    "string_unicode": ("not text", "write text"),
    "int_type": ("not a number", "write a whole number"),
    "int_parsing": ("not a number", "write a whole number"),
    "int_parsing_size": ("too large", "write a smaller number"),
    "int_from_float": ("not a whole number", "write a whole number"),
    "float_type": ("not a number", "write a number"),
    "float_parsing": ("not a number", "write a number"),
    "finite_number": ("not a finite number", "write a number"),
    "bool_type": ("neither true nor false", "write true or false"),
    "bool_parsing": ("neither true nor false", "write true or false"),
    "list_type": ("not a list", "start each item with '- '"),
    "dict_type": ("not a mapping", "write 'key: value' lines below it"),
}


def _what(error: ErrorDetails, location: Location, *, is_key: bool) -> tuple[str, str]:
    """Return what is wrong with a value or key, and the remedy."""
    kind, context, given = error["type"], error.get("ctx", {}), error["input"]
    secret = holds_secret(location)
    if kind == "value_error":
        # Our own validators: "what; remedy", and never the value.
        what, _, remedy = str(context["error"]).partition("; ")
        return what, remedy
    if given is None:
        return "empty", "give a value, or remove the key"
    if kind in ("model_type", "model_attributes_type"):
        model = model_at(location)
        keys = ", ".join(keys_of(model)) if model else ""
        return "not a mapping", f"write 'key: value' lines below it, of: {keys}"
    if kind == "string_type" and not secret and isinstance(given, bool | int | float):
        return f"a {'boolean' if isinstance(given, bool) else 'number'} where text is wanted", "put it in quotes"
    if kind in _WANTED:
        return _WANTED[kind]
    if kind == "literal_error":
        return _not_one_of(context, given, secret=secret)
    if kind == "string_pattern_mismatch":
        return "not of the right form", HINTS.get(context["pattern"], f"it must match {context['pattern']}")
    return _bounds(kind, context) or (str(error["msg"]), "correct it" if not is_key else "rename it")


def _not_one_of(context: dict[str, Any], given: object, *, secret: bool) -> tuple[str, str]:
    choices = str(context["expected"]).replace("'", "")
    quoted = f"'{shown(given)}'" if isinstance(given, str) and not secret else "this"
    near = nearest(given, choices.replace(" or ", ", ").split(", ")) if isinstance(given, str) else None
    return f"{quoted} is not known here", f"did you mean {near}?" if near else f"write {choices}"


def _bounds(kind: str, context: dict[str, Any]) -> tuple[str, str] | None:
    number = {
        "greater_than": ("too small", "more than {gt}"),
        "greater_than_equal": ("too small", "{ge} or more"),
        "less_than": ("too large", "less than {lt}"),
        "less_than_equal": ("too large", "{le} or less"),
    }.get(kind)
    if number:
        limit = number[1].format(**{name: f"{bound:g}" for name, bound in context.items()})
        return number[0], f"write {limit}"
    if kind == "too_short":
        return "empty", "give at least one"
    if kind == "string_too_short":
        return "empty", "write something, or remove the key"
    if kind == "string_too_long":
        return "too long", f"write at most {context['max_length']} characters"
    return None
