"""Which series matchers hold for, as Prometheus means them: a label that isn't there has the value "".

What equals is left to the indexes of the database. A regular expression is one of RE2, which PostgreSQL doesn't
speak: it is tried here on the values that a label has, in time that grows with the length of the text alone.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any, TypeAlias

import asyncpg
import re2

from hune.core.errors import Refused
from hune.promapi.remote import Matcher
from hune.store.database import Connection
from hune.store.wire.labels import METRIC_NAME, sort_key
from hune.store.wire.messages import MESSAGES
from hune.store.wire.unpack import Malformed

MOST_SERIES = 100_000
"""Of one query, and values of one label: each is held in memory."""

_FETCHED = 1_000
_INDEXED_VALUES = 200
"""Above it the index would be asked too often; what the other matchers leave is compared instead."""
_LITERALS = re.compile(r"[\w/:@ -]*(\|[\w/:@ -]*)*", re.ASCII)
_ABSENT = ""

Found: TypeAlias = "list[tuple[bytes, int]]"
"""Series in order: their sort keys, and numbers in the database."""


class TooMany(Refused):
    """A query asks for more than is given at once."""


async def find(connection: Connection, matchers: Sequence[Matcher]) -> Found:
    """Return the series that all matchers hold for, sorted. Raises Malformed for what is no expression, or TooMany."""
    tests = [(matcher.name, test(matcher)) for matcher in matchers]
    where = _Where()
    expressions = []
    for matcher in matchers:
        if matcher.operator in ("=", "!="):
            where.one_of(matcher.name, [matcher.value], wanted=matcher.operator == "=")
        elif (literals := _literals(matcher.value)) is not None:
            where.one_of(matcher.name, literals, wanted=matcher.operator == "=~")
        else:
            expressions.append(matcher)
    for matcher in expressions:
        values = await _values(connection, where, matcher)
        where.one_of(matcher.name, values, wanted=True)
    found: Found = []
    statement = f"SELECT id, metric, labels::text AS labels FROM hune.series WHERE exact IS NULL{where}"  # noqa: S608 - $1, $2…
    async for rows in _batches(connection, statement, where.values):
        found += [(_key(row["metric"], row["labels"]), row["id"]) for row in rows]
        if len(found) > MOST_SERIES:
            raise TooMany(f"more than {MOST_SERIES} series")
    async for rows in _batches(connection, "SELECT id, exact FROM hune.series WHERE exact IS NOT NULL", []):
        for row in rows:
            labels = [(one.name, one.value) for one in MESSAGES["Series"].FromString(row["exact"]).labels]
            known = dict(labels)
            if all(holds(known.get(name, _ABSENT)) for name, holds in tests):
                found.append((sort_key(labels), row["id"]))
    await asyncio.to_thread(found.sort)
    return found


def test(matcher: Matcher) -> Callable[[str], bool]:
    """Return what tells whether a matcher holds for a value. Raises Malformed for what is no expression."""
    value = matcher.value
    if matcher.operator == "=":
        return lambda text: text == value
    if matcher.operator == "!=":
        return lambda text: text != value
    expression = _compiled(value)
    if matcher.operator == "=~":
        return lambda text: expression.fullmatch(text) is not None
    return lambda text: expression.fullmatch(text) is None


def _compiled(text: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    try:
        return re2.compile(f"(?s:{text})", options)
    except re2.error as error:
        raise Malformed(
            f"body: {text[:100]!r}: not a regular expression: {error.args[0].decode(errors='replace')}"
        ) from None


def _literals(text: str) -> list[str] | None:
    """Return the texts that an expression is an alternative of; None if it is more than that."""
    return text.split("|") if _LITERALS.fullmatch(text) else None


class _Where:
    """Conditions on series, and the values that stand in them as $1, $2…"""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._conditions: list[str] = []

    def __str__(self) -> str:
        return "".join(f" AND {one}" for one in self._conditions)

    def value(self, value: Any) -> str:
        self.values.append(value)
        return f"${len(self.values)}"

    def one_of(self, name: str, values: Sequence[str], *, wanted: bool) -> None:
        """Demand that a label has one of some values, or none of them; "" is one that isn't there."""
        # No label has U+0000 but those of series that are looked at one by one.
        speakable = [value for value in values if "\0" not in value]
        present = [value for value in speakable if value != _ABSENT]
        if name == METRIC_NAME:
            condition = f"metric = ANY({self.value(speakable)}::text[])"
        elif "\0" in name:
            condition = "true" if _ABSENT in values else "false"
        else:
            options = []
            if present and len(present) <= _INDEXED_VALUES and wanted:
                documents = [json.dumps({name: value}) for value in present]
                # A single value is estimated better.
                options.append(
                    f"labels @> {self.value(documents[0])}::jsonb"
                    if len(documents) == 1
                    else f"labels @> ANY({self.value(documents)}::jsonb[])"
                )
            elif present:
                options.append(
                    f"coalesce(labels ->> {self.value(name)}::text = ANY({self.value(present)}::text[]), false)"
                )
            if _ABSENT in speakable:
                options.append(f"NOT labels ? {self.value(name)}::text")
            condition = " OR ".join(options) or "false"
        self._conditions.append(f"({condition})" if wanted else f"NOT ({condition})")


async def _values(connection: Connection, where: _Where, matcher: Matcher) -> list[str]:
    """Return the values of a label that an expression holds for, among the series that are left."""
    holds = test(matcher)
    if "\0" in matcher.name:
        return [_ABSENT] if holds(_ABSENT) else []
    arguments = list(where.values)
    if matcher.name == METRIC_NAME:
        column = "metric"
    else:
        arguments.append(matcher.name)
        column = f"coalesce(labels ->> ${len(arguments)}::text, '')"
    statement = f"SELECT DISTINCT {column} AS value FROM hune.series WHERE exact IS NULL{where}"  # noqa: S608 - $1, $2…
    values: list[str] = []
    async for rows in _batches(connection, statement, arguments):
        values += await asyncio.to_thread(list, filter(holds, [row["value"] for row in rows]))
        if len(values) > MOST_SERIES:
            raise TooMany(f"more than {MOST_SERIES} values of the label {matcher.name[:100]!r}")
    return values


async def _batches(
    connection: Connection, statement: str, values: Iterable[Any]
) -> AsyncIterator[list[asyncpg.Record]]:
    cursor = await connection.cursor(statement, *values)
    while rows := await cursor.fetch(_FETCHED):
        yield rows


def _key(metric: str, labels: str) -> bytes:
    pairs = json.loads(labels)
    if metric:
        pairs[METRIC_NAME] = metric
    return sort_key(sorted(pairs.items()))
