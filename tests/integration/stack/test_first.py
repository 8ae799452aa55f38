"""What a process needs is made before it starts; if it can't be, that is told, and it isn't started."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hune.core.clock import SystemClock
from hune.http.call import open_session
from hune.stack.child import Child, State
from hune.stack.model import Process


async def state_after(folder: Path, first: tuple[str, ...]) -> Child:
    """Return a child that became ready, or was begun again after a failure."""
    process = Process(name="one", argv=("sh", "-c", f"touch {folder}/started; sleep 60"), ready_url="", first=first)
    settled = asyncio.Event()

    def on_change(child: Child) -> None:
        if child.state in (State.READY, State.RESTARTING):
            seen.append((child.state, child.detail))
            settled.set()

    seen: list[tuple[State, str]] = []
    async with open_session() as session:
        child = Child(process, log_path=folder / "log", session=session, clock=SystemClock(), on_change=on_change)
        running = asyncio.ensure_future(child.run([]))
        async with asyncio.timeout(180):
            await settled.wait()
        await child.stop()
        await running
    child.state, child.detail = seen[0]
    return child


def test_a_process_starts_once_what_it_needs_is_made(tmp_path: Path) -> None:
    (tmp_path / "needed.py").touch()
    child = asyncio.run(state_after(tmp_path, ("compileall", "-q", str(tmp_path))))
    assert child.state is State.READY
    assert (tmp_path / "__pycache__").exists()


def test_what_cant_be_made_is_told_and_nothing_starts(tmp_path: Path) -> None:
    first = ("hune.stack.cluster", str(tmp_path / "data"), str(tmp_path / "key"), "/nowhere")
    child = asyncio.run(state_after(tmp_path, first))
    assert child.state is State.RESTARTING
    assert child.detail.startswith("what it needs can't be made: ")
    assert "/initdb" in child.detail
    assert not (tmp_path / "started").exists()
