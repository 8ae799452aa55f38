"""Nester over fake engines, served from a thread of its own while a browser looks at it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hune.core.clock import SystemClock
from hune.core.layout import Layout
from hune.nester.app import Nester
from support.fake_engines import FakeEngines
from support.homelab import homelab
from support.ports import free_port

START_SECONDS = 120.0


class LeapingClock(SystemClock):
    """The machine's clock, whose durations pass at once when a test wants nothing kept from before."""

    def __init__(self) -> None:
        self._leapt = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self._leapt

    def leap(self) -> None:
        """Let an hour pass for whatever is kept for a while."""
        self._leapt += 3600.0


class NesterServer:
    """A running Nester; `engines` may be changed while it serves, and it can be stopped and started again."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self._engines_port, self._hub_port, self._port = free_port(), free_port(), free_port()
        self._layout = Layout(folder)
        self.site = homelab(engines_port=self._engines_port, hub_port=self._hub_port, nester_port=self._port, **changes)
        self.engines = FakeEngines(self.site)
        self.clock = LeapingClock()
        self.url = f"http://127.0.0.1:{self._port}"
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._error: BaseException | None = None

    def start(self) -> None:
        """Serve; return once it does. Raises whatever kept it from doing so."""
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="nester", daemon=True)
        self._thread.start()
        if not ready.wait(START_SECONDS):
            raise TimeoutError(f"Nester did not start in {START_SECONDS:g} s")
        if self._error:
            raise self._error

    def stop(self) -> None:
        """End it, as SIGTERM would."""
        if self._loop and self._task:
            self._loop.call_soon_threadsafe(self._task.cancel)
        if self._thread:
            self._thread.join(START_SECONDS)
            assert not self._thread.is_alive(), "Nester did not stop"

    def _run(self, started: threading.Event) -> None:
        try:
            asyncio.run(self._serve(started))
        except asyncio.CancelledError:
            pass
        except BaseException as error:
            self._error = error
        finally:
            started.set()

    async def _serve(self, started: threading.Event) -> None:
        ready = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()

        async def tell() -> None:
            await ready.wait()
            started.set()

        telling = asyncio.create_task(tell())
        try:
            async with self.engines.serving(
                engines_port=self._engines_port, hub_port=self._hub_port, socket=self._layout.socket
            ):
                await Nester(self.site, self._layout, clock=self.clock).run(ready)
        finally:
            telling.cancel()


@contextlib.contextmanager
def nester_server(folder: Path, **changes: Any) -> Iterator[NesterServer]:
    """Return a server that ends with the block."""
    server = NesterServer(folder, **changes)
    server.start()
    try:
        yield server
    finally:
        server.stop()
