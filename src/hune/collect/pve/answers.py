"""Answers of Proxmox read field by field: what isn't of the expected shape is a BadAnswer that says where."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import isfinite
from typing import Any

from hune.pve.errors import BadAnswer

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_LARGEST = 2**63
_LONGEST = 200
_PAGE = 65536
_DIGITS = 40


class Record:
    """One JSON object of an answer; `where` names it in messages (`/nodes/pve-01/qemu: item 3`).

    Every reader takes a default for a field that is missing or null; without one that is a BadAnswer, as is a value of
    another type. Proxmox' Perl gives numbers as text at times, and truth as 0 and 1: both are understood.
    """

    __slots__ = ("_fields", "where")

    def __init__(self, fields: dict[str, Any], where: str) -> None:
        self._fields = fields
        self.where = where

    def __contains__(self, key: str) -> bool:
        return self._fields.get(key) is not None

    def __iter__(self) -> Iterator[str]:
        """Return the names of the fields, which here are names of things. Raises BadAnswer if one can't be a label."""
        for key in self._fields:
            if len(key) > _LONGEST or not key.isprintable():
                raise BadAnswer(f"{self.where}: {key[:40]!a} is no name")
            yield key

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text on one line, shortened if it is longer than a label should be."""
        return one_line(self.page(key, default))

    def page(self, key: str, default: str | None = None) -> str:
        """Return a text of any length, up to 64 KiB of it; a number is one too."""
        value = self._get(key, default)
        if isinstance(value, str):
            return value[:_PAGE]
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not -_LARGEST <= value <= _LARGEST:
            raise self._wrong(key, value, "text")
        return str(value)

    def number(self, key: str, default: float | None = None) -> float:
        """Return a finite number."""
        value = self._get(key, default)
        if isinstance(value, str) and len(value) <= _DIGITS and _NUMBER.fullmatch(value.strip(" ")):
            value = float(value) if set(value) & set(".eE") else int(value)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not -_LARGEST <= value <= _LARGEST:
            raise self._wrong(key, value, "a number")
        return value

    def whole(self, key: str, default: int | None = None) -> int:
        """Return a whole number."""
        value = self.number(key, default)
        if value != int(value):
            raise self._wrong(key, value, "a whole number")
        return int(value)

    def amount(self, key: str, default: float | None = None) -> float:
        """Return a number that isn't below zero: a size, a count, a time."""
        value = self.number(key, default)
        if value < 0:
            raise self._wrong(key, value, "zero or more")
        return value

    def flag(self, key: str, default: bool | None = None) -> bool:
        """Return a truth value."""
        value = self._get(key, default)
        if value in (0, "0", ""):
            return False
        if value in (1, "1"):
            return True
        raise self._wrong(key, value, "0 or 1")

    def record(self, key: str) -> Record:
        """Return an object within; an empty one if it is missing."""
        value = self._get(key, {})
        if not isinstance(value, dict):
            raise self._wrong(key, value, "an object")
        return Record(value, f"{self.where}: {key}")

    def records(self, key: str) -> list[Record]:
        """Return a list of objects within; an empty one if it is missing."""
        return _list(self._get(key, []), f"{self.where}: {key}")

    def texts(self, key: str) -> list[str]:
        """Return a list of texts within; an empty one if it is missing."""
        value = self._get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._wrong(key, value, "a list of texts")
        return [Record({key: item}, self.where).text(key) for item in value]

    def _get(self, key: str, default: Any) -> Any:
        value = self._fields.get(key)
        if value is None:
            value = default
        if value is None:
            raise BadAnswer(f"{self.where}: {key} is missing")
        if isinstance(value, float) and not isfinite(value):
            raise self._wrong(key, value, "a number that ends")
        return value

    def _wrong(self, key: str, value: Any, wanted: str) -> BadAnswer:
        # A surrogate or a megabyte of text has no place in a message either.
        seen = ascii(value) if not isinstance(value, int) or -_LARGEST <= value <= _LARGEST else "a huge number"
        return BadAnswer(f"{self.where}: {key} is {seen if len(seen) <= 40 else seen[:39] + '…'}, not {wanted}")


def one_line(text: str) -> str:
    """Return a text as a label may have it."""
    if not text.isprintable():
        # A lone surrogate can't be written as UTF-8, and would spoil the whole scrape.
        text = "".join(letter if letter.isprintable() else " " for letter in text[: 2 * _LONGEST]).strip()
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def record(answer: Any, where: str) -> Record:
    """Return the object that an answer is."""
    if not isinstance(answer, dict):
        raise BadAnswer(f"{where}: the answer is not an object")
    return Record(answer, where)


def records(answer: Any, where: str) -> list[Record]:
    """Return the objects of an answer that is a list."""
    return _list(answer, where)


def _list(value: Any, where: str) -> list[Record]:
    if not isinstance(value, list):
        raise BadAnswer(f"{where}: not a list")
    for number, item in enumerate(value, 1):
        if not isinstance(item, dict):
            raise BadAnswer(f"{where}: item {number} is not an object")
    return [Record(item, f"{where}: item {number}") for number, item in enumerate(value, 1)]
