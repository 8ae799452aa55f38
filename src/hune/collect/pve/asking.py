"""Many questions at once: bounded, one node's failure is one problem, and what failed isn't asked again at once."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from hune.collect.pve.cluster import read_cluster
from hune.collect.pve.collector import Collection
from hune.collect.pve.families import Exposition
from hune.collect.pve.source import Source
from hune.pve.errors import PveError

AT_ONCE = 8
"""Questions of one collector under way; the client bounds them all together for the cluster."""
_AGAIN_SECONDS = 300.0

Item = TypeVar("Item")


@dataclass(frozen=True)
class _Failure:
    again: float
    error: PveError


_failures: WeakKeyDictionary[Source, dict[object, _Failure]] = WeakKeyDictionary()


def bare(error: PveError) -> PveError:
    """Return an error without its traceback, whose frames would keep alive all that was being collected."""
    return copy.copy(error)


async def each(items: Iterable[Item], work: Callable[[Item], Awaitable[None]], *, at_once: int = AT_ONCE) -> None:
    """Do `work` for every item, `at_once` of them at a time."""
    left = iter(items)

    async def worker() -> None:
        for item in left:
            await work(item)

    async with asyncio.TaskGroup() as group:
        for number in range(at_once):
            group.create_task(worker(), name=f"worker {number}")


async def ask(
    source: Source,
    path: str,
    params: Mapping[str, str] | None = None,
    *,
    max_age_seconds: float,
) -> Any:
    """Return an answer as `Source.get` does; after a failure the same error for a quarter of the age it may have.

    Raises PveError.
    """
    now, key = source.clock.monotonic(), (path, tuple(sorted((params or {}).items())))
    failures = _failures.setdefault(source, {})
    failure = failures.get(key)
    if failure is not None and now < failure.again:
        raise bare(failure.error)
    try:
        answer = await source.get(path, params, max_age_seconds=max_age_seconds)
    except PveError as error:
        failures[key] = _Failure(now + min(max_age_seconds / 4, _AGAIN_SECONDS), bare(error))
        raise
    failures.pop(key, None)
    return answer


async def ask_nodes(
    run: Collection,
    path: str,
    parse: Callable[[str, Any, Exposition], None],
    params: Mapping[str, str] | None = None,
    *,
    max_age_seconds: float,
    optional: type[PveError] | tuple[type[PveError], ...] = (),
) -> None:
    """Ask every node that is online; `{node}` in `path` is its name.

    `parse` turns a node's name and answer into samples; either all of them count or none. An error of a type in
    `optional` means that there is nothing to tell, any other is missed. Raises PveError if the nodes aren't known.
    """

    async def ask_node(node: str) -> None:
        try:
            answer = await ask(run.source, path.format(node=node), params, max_age_seconds=max_age_seconds)
            out = Exposition()
            parse(node, answer, out)
        except optional:
            return
        except PveError as error:
            run.missed(error)
        else:
            run.out.extend(out)

    await each((await read_cluster(run.source)).online, ask_node)
