"""A process that is wanted again, with another command or other files, is started at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hune.core.backoff import Backoff
from hune.core.clock import SystemClock
from hune.http.call import open_session
from hune.stack.child import Child, State
from hune.stack.model import Process


def test_one_that_waits_after_failures_waits_no_longer(tmp_path: Path) -> None:
    asyncio.run(_mended(tmp_path))


async def _mended(folder: Path) -> None:
    """Return once a process that fails, and would be started again in an hour, runs with another command."""
    entered: asyncio.Queue[State] = asyncio.Queue()
    broken = Process(name="one", argv=("sh", "-c", "exit 3"), ready_url="")
    async with open_session() as session, asyncio.timeout(120), asyncio.TaskGroup() as group:
        child = Child(
            broken,
            log_path=folder / "log",
            session=session,
            clock=SystemClock(),
            on_change=lambda one: entered.put_nowait(one.state),
        )
        child._backoff = Backoff(initial=3600.0, ceiling=3600.0)
        group.create_task(child.run([]))
        while await entered.get() is not State.RESTARTING:
            pass
        child.process = Process(name="one", argv=("sleep", "600"), ready_url="")
        await child.restart("its command changed")
        while await entered.get() is not State.READY:
            pass
        await child.stop()
