"""The shape of everything that runs: it has a name, says when it is ready, and ends when cancelled."""

from __future__ import annotations

import asyncio
from typing import Protocol

from hune.core.errors import Unavailable


class Service(Protocol):
    """A long-running part of a process."""

    name: str

    async def run(self, ready: asyncio.Event) -> None:
        """Work until cancelled; set `ready` once requests can be served. Returning early is a failure."""


async def start(group: asyncio.TaskGroup, service: Service, *, timeout_seconds: float = 60.0) -> asyncio.Task[None]:
    """Start a service in the group; return its task once it says that it is ready.

    Raises Unavailable if it isn't ready in time or ends before it is; a service that ends
    later ends the group with the same error.
    """
    ready = asyncio.Event()

    async def live() -> None:
        await service.run(ready)
        raise Unavailable(f"{service.name}: ended by itself", remedy="see its log")

    task = group.create_task(live(), name=service.name)
    waiter = asyncio.ensure_future(ready.wait())
    try:
        done, _ = await asyncio.wait({task, waiter}, timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiter.cancel()
    if task in done:
        await task
    if not done:
        task.cancel()
        raise Unavailable(f"{service.name}: not ready after {timeout_seconds:g} s", remedy="see its log")
    return task
