"""Answers read as loosely as the contract is: whatever is a number or a text there is one here, or a BadAnswer."""

from __future__ import annotations

from typing import Any

from hune.collect.pve.collector import Collection
from hune.pve.errors import BadAnswer

STATUS = "/cluster/status"
RESOURCES = "/cluster/resources"

Row = dict[str, Any]

_LARGEST = 2.0**64


def rows(answer: Any, path: str) -> list[Row]:
    """Return the objects of a list."""
    if not isinstance(answer, list) or not all(isinstance(row, dict) for row in answer):
        raise BadAnswer(f"{path}: not a list of objects", path=path)
    return answer


def row(answer: Any, path: str) -> Row:
    """Return an object."""
    if not isinstance(answer, dict):
        raise BadAnswer(f"{path}: not an object", path=path)
    return answer


def need(entry: Row, key: str, path: str) -> Any:
    """Return a field that must be there."""
    try:
        return entry[key]
    except KeyError:
        raise BadAnswer(f"{path}: an entry without {key}", path=path) from None


def value(given: Any, path: str) -> str:
    """Return what a field says as a sample's value; numbers may come as text, truth as 0 and 1."""
    try:
        found = float(given)
    except (TypeError, ValueError, OverflowError):
        raise BadAnswer(f"{path}: {given!a:.40} where a number should be", path=path) from None
    if isinstance(given, int) and -_LARGEST < given < _LARGEST:
        return str(int(given))
    return repr(found)


async def cluster_status(run: Collection) -> list[Row]:
    """Return the entries of `/cluster/status`. Raises PveError."""
    return rows(await run.source.get(STATUS), STATUS)


async def resources(run: Collection) -> list[Row]:
    """Return everything there is in the cluster. Raises PveError."""
    return rows(await run.source.get(RESOURCES), RESOURCES)


async def node_of(run: Collection) -> str:
    """Return the node that a collection is about: the one it names, else the one that answers. Raises PveError."""
    if run.node:
        return run.node
    for entry in await cluster_status(run):
        if need(entry, "type", STATUS) == "node" and need(entry, "local", STATUS):
            return str(need(entry, "name", STATUS))
    raise BadAnswer(f"{STATUS}: no node is the local one", path=STATUS)
