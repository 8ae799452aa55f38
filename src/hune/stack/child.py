"""One process under supervision: started, awaited, watched, started again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path

import aiohttp

from hune.core import keys
from hune.core.backoff import Backoff
from hune.core.clock import Clock
from hune.core.errors import Unavailable
from hune.stack import postgres_ping
from hune.stack.model import Process
from hune.stack.spawn import guarded
from hune.stack.timekeeping import put_aside_the_future

log = logging.getLogger(__name__)

STABLE_SECONDS = 30.0
"""A process that lived for so long starts with a clean record."""

GIVE_UP_AFTER = 8
"""Failures in a row after which a process is left alone until somebody looks at it."""


class State(StrEnum):
    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    GIVEN_UP = "given up"
    STOPPED = "stopped"


class Child:
    """Runs `process` until told to stop; `on_change` is called after every change of state."""

    def __init__(
        self,
        process: Process,
        *,
        log_path: Path,
        session: aiohttp.ClientSession,
        clock: Clock,
        on_change: Callable[[Child], None],
    ) -> None:
        self.process = process
        self.state = State.WAITING
        self.pid = 0
        self.since = clock.now()
        self.restarts = 0
        self.detail = f"for {' and '.join(process.after)}" if process.after else ""
        self.ready = asyncio.Event()
        self._log_path = log_path
        self._session = session
        self._clock = clock
        self._on_change = on_change
        self._backoff = Backoff(initial=0.2, ceiling=20.0)
        self._running: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()
        self._wanted_to_end = False
        self._clock_was_set_back = False

    def _enter(self, state: State, detail: str = "") -> None:
        self.state, self.detail, self.since = state, detail, self._clock.now()
        if state is State.READY:
            self.ready.set()
        else:
            self.ready.clear()
        self._on_change(self)

    async def run(self, after: list[asyncio.Event]) -> None:
        """Keep the process running; return when it was stopped or given up."""
        for event in after:
            await _first(event.wait(), self._stopping.wait())
        while not self._stopping.is_set():
            began = self._clock.monotonic()
            reason = await self._live()
            self.pid = 0
            if self._stopping.is_set():
                break
            if self._wanted_to_end:
                self._wanted_to_end = False
                continue
            if self._clock.monotonic() - began > STABLE_SECONDS:
                self._backoff.reset()
            delay = self._backoff.next()
            self.restarts += 1
            if self._backoff.failures >= GIVE_UP_AFTER:
                log.error("%s: given up after %d failures: %s", self.process.name, self._backoff.failures, reason)
                words = self.last_words()
                self._enter(
                    State.GIVEN_UP, reason if words in reason and words else f"{reason}; last words: {words or 'none'}"
                )
                return
            log.warning("%s: %s; starting again in %.1f s", self.process.name, reason, delay)
            self._hurry.clear()
            self._enter(State.RESTARTING, reason)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await _first(self._stopping.wait(), self._hurry.wait())
        self._enter(State.STOPPED)

    async def _live(self) -> str:
        """Run the process once; return why it ended."""
        self._enter(State.STARTING)
        try:
            await self._leave_the_future()
            if self.process.first and (reason := await self._go_first()):
                return reason
            running = await self._spawn(self.process.argv, environment(self.process, os.environ))
        except OSError as error:
            return f"can't be started: {error.strerror or error}"
        self._running, self.pid = running, running.pid
        try:
            exited = asyncio.ensure_future(running.wait())
            becoming = asyncio.ensure_future(self._become_ready())
            await asyncio.wait({exited, becoming}, return_when=asyncio.FIRST_COMPLETED)
            if not exited.done() and not becoming.result():
                await self._end(running, grace_seconds=5.0)
                return f"not ready after {self.process.ready_seconds:g} s"
            becoming.cancel()
            return _how_it_ended(await exited)
        finally:
            self._running = None
            if running.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    running.kill()

    async def _leave_the_future(self) -> None:
        if self.process.series_dir:
            folder = Path(self.process.series_dir)
            was_set_back, self._clock_was_set_back = self._clock_was_set_back, False
            if aside := await asyncio.to_thread(
                put_aside_the_future, folder, self._clock.now(), was_set_back=was_set_back
            ):
                log.warning(
                    "%s: the clock was set back, and what was stored under a later time would hide all that is new: "
                    "put aside in %s",
                    self.process.name,
                    aside,
                )

    async def _go_first(self) -> str:
        """Run what makes what is missing; return why it failed, nothing if it didn't."""
        argv = (sys.executable, "-P", "-m", *self.process.first)
        running = self._running = await self._spawn(argv, {**os.environ, **self.process.env}, as_itself=False)
        try:
            code = await running.wait()
        finally:
            self._running = None
        if self._stopping.is_set() or code == 0:
            return "" if code == 0 else "was stopped"
        return f"what it needs can't be made: {self.last_words()}"

    async def _spawn(
        self, argv: Sequence[str], environ: Mapping[str, str], *, as_itself: bool = True
    ) -> asyncio.subprocess.Process:
        self._log_path.parent.mkdir(parents=True, exist_ok=True)
        # Appending, so that rotation can cut the file under the process.
        output = os.open(self._log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            return await asyncio.create_subprocess_exec(
                *guarded(
                    argv,
                    os.getpid(),
                    end_signal=self.process.stop_signal,
                    identity=self.process.identity if as_itself else (),
                ),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environ,
                # Its own session: Ctrl-C reaches the conductor alone, which stops everything in order.
                start_new_session=True,
                cwd=self.process.cwd,
            )
        finally:
            os.close(output)

    async def _become_ready(self) -> bool:
        """Wait until the process answers; return whether it did in time."""
        began = self._clock.monotonic()
        pause = 0.05
        while self._clock.monotonic() - began < self.process.ready_seconds:
            if not self.process.ready_url or await self._answers():
                log.info(
                    "%s: ready after %.1f s (pid %d)", self.process.name, self._clock.monotonic() - began, self.pid
                )
                self._enter(State.READY)
                return True
            await asyncio.sleep(pause)
            pause = min(0.5, pause * 1.3)
        return False

    async def _answers(self) -> bool:
        if self.process.ready_url.startswith(postgres_ping.SCHEME):
            with contextlib.suppress(Unavailable):
                await postgres_ping.ping(self.process.ready_url, user=keys.USER, database=keys.USER)
                return True
            return False
        try:
            timeout = aiohttp.ClientTimeout(total=2.0)
            async with self._session.get(self.process.ready_url, timeout=timeout) as response:
                return response.status < 300
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False

    def reload(self) -> None:
        """Ask the process to read its files again."""
        if self._running is not None:
            self._running.send_signal(signal.Signals[f"SIG{self.process.reload_signal}"])

    async def restart(self, reason: str, *, clock_was_set_back: bool = False) -> None:
        """End the process so that it is started again at once; one that waits to be waits no longer."""
        self._clock_was_set_back = self._clock_was_set_back or clock_was_set_back
        log.warning("%s: restarting: %s", self.process.name, reason)
        self._backoff.reset()
        if self._running is not None:
            self._wanted_to_end = True
            await self._end(self._running, grace_seconds=self.process.stop_seconds)
        else:
            self._hurry.set()

    def kill(self, reason: str) -> None:
        """End a process that answers nothing any more."""
        log.warning("%s: killed: %s", self.process.name, reason)
        if self._running is not None:
            self._kill(self._running)

    def _kill(self, running: asyncio.subprocess.Process) -> None:
        """Kill a process, and the workers that it would leave: a stopped one doesn't notice that it is alone."""
        workers = _children_of(running.pid) if self.process.has_workers else ()
        with contextlib.suppress(ProcessLookupError):
            running.kill()
        for pid in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    async def stop(self) -> None:
        """Stop for good: ask, wait, and kill if it doesn't go."""
        self._stopping.set()
        if self._running is not None:
            await self._end(self._running, grace_seconds=self.process.stop_seconds)

    async def _end(self, running: asyncio.subprocess.Process, *, grace_seconds: float) -> None:
        with contextlib.suppress(ProcessLookupError):
            running.send_signal(signal.Signals[f"SIG{self.process.stop_signal}"])
            # A stopped process takes no SIGTERM before it is continued.
            running.send_signal(signal.SIGCONT)
        try:
            async with asyncio.timeout(grace_seconds):
                await running.wait()
        except TimeoutError:
            log.warning("%s: did not stop within %g s, killed", self.process.name, grace_seconds)
            self._kill(running)
            await running.wait()

    def last_words(self) -> str:
        """Return the last line of the log."""
        try:
            with self._log_path.open("rb") as file:
                file.seek(max(0, self._log_path.stat().st_size - 2000))
                lines = file.read().decode(errors="replace").strip().splitlines()
        except OSError:
            return ""
        return lines[-1][:300] if lines else ""


def _children_of(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


_NEEDED = {"PATH", "HOME", "TMPDIR", "TZ", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR"}
"""What programs of others may need of the environment; the rest may be a secret."""


def environment(process: Process, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a process: of `environ` what concerns it, its own variables, its sealed ones."""
    if process.is_ours:
        # systemd's notification socket is for the conductor alone.
        given = {key: value for key, value in environ.items() if key not in ("NOTIFY_SOCKET", "WATCHDOG_USEC")}
    else:
        given = {key: value for key, value in environ.items() if key in _NEEDED or key.startswith("LC_")}
    return {**given, **process.env, **{key: secrets.token_urlsafe(24) for key in process.sealed}}


def _how_it_ended(code: int) -> str:
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"ended by {signal.Signals(-code).name}"
    return f"ended by itself with code {code}"


async def _first(*waits: object) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]  # type: ignore[call-overload]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
