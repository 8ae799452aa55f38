"""The conductor: applies the plan, keeps its processes alive, judges that they work, answers on its socket.

It imports neither the site's models nor a web framework; the plan comes from a child (`stack.prepare`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from hune.core.clock import Clock
from hune.core.errors import HuneError, Unavailable
from hune.core.files import write_atomically
from hune.core.layout import Layout
from hune.core.logs import visible
from hune.http.call import Keyring, open_session
from hune.http.control import Answer, ControlServer
from hune.promapi.prometheus import PrometheusClient
from hune.stack import flood, logfiles, planning, report
from hune.stack.apply import check_files, write_files
from hune.stack.child import Child, State
from hune.stack.model import Plan, Process
from hune.stack.monitor import LEFT_TO_HUB, Monitor
from hune.stack.prepare import Request
from hune.stack.replay import Replayer
from hune.stack.timekeeping import ClockWatch

log = logging.getLogger("hune.conductor")

_ROTATE_SECONDS = 30.0
_FORGET_SECONDS = 6.0
"""Prometheus hands changed targets to its scrapers every 5 s."""
_LOG_LINE = re.compile(r"\d{4}-\d\d-\d\dT|Traceback| +File ")


class Conductor:
    """Everything that one `hune up` runs."""

    def __init__(self, request: Request, *, clock: Clock, announce: TextIO | None = None) -> None:
        self._request = request
        self._layout = Layout(Path(request.data_dir))
        self._clock = clock
        self._announce = announce
        self._started = clock.now()
        self._plan: Plan | None = None
        self._children: dict[str, Child] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._keyring = Keyring()
        self._flood = flood.FloodWatch(clock)
        self._unasked: dict[str, str] = {}
        self._phase = "preparing"
        self._progress = ""
        self._errors: list[str] = []
        self._changing = asyncio.Lock()
        self._leaving = asyncio.Event()
        self._group: asyncio.TaskGroup

    async def run(self) -> int:
        """Run until told to stop; return the exit code."""
        async with open_session(keyring=self._keyring) as session:
            self._session = session
            self._monitor = Monitor(session, self._clock, self._tell)
            self._replayers = [
                await Replayer.opened(store, session, self._clock, self._monitor, self._layout.complete(store))
                for store in ("victoriametrics", "timescale")
            ]
            server = ControlServer(self._layout.socket, self._handlers())
            await server.start()
            try:
                async with asyncio.TaskGroup() as group:
                    self._group = group
                    self._listen_to_signals()
                    leaving = group.create_task(self._leaving.wait(), name="leaving")
                    starting = group.create_task(self._start(), name="start")
                    await asyncio.wait({leaving, starting}, return_when=asyncio.FIRST_COMPLETED)
                    if starting.done() and not starting.result():
                        # Whoever started us detached asks once more, to learn why, and ends us then.
                        with contextlib.suppress(TimeoutError):
                            async with asyncio.timeout(1.0 if self._announce else 10.0):
                                await self._leaving.wait()
                        self._leaving.set()
                        return 2
                    loops = [
                        group.create_task(self._keep_doing(work), name=work.__qualname__)
                        for work in (
                            self._monitor.run,
                            self._replay,
                            self._watch_clock,
                            self._watch_floods,
                            self._housekeeping,
                        )
                    ]
                    loops.append(group.create_task(self._become_up(), name="become up"))
                    await self._leaving.wait()
                    self._phase = "stopping"
                    for task in (*loops, starting):
                        task.cancel()
                    await self._stop_all()
            finally:
                await server.stop()
        self._say("stopped")
        return 0

    # ── start, reload, stop ───────────────────────────────────────────────────────────────────────────────

    async def _start(self) -> bool:
        try:
            plan = await self._prepare(self._request)
            await asyncio.to_thread(check_files, plan, self._layout)
            await self._adopt(plan)
        except HuneError as error:
            self._fail(str(error))
            return False
        except OSError as error:
            self._fail(
                f"{error.filename or self._layout.root}: {error.strerror}; make room, or choose another --data-dir"
            )
            return False
        for note in plan.notes:
            self._say(note)
        self._phase = "starting"
        return True

    def _fail(self, reason: str) -> None:
        self._phase, self._errors = "failed", reason.splitlines()
        for line in self._errors:
            log.error("%s", line)
            self._say(line)

    async def _prepare(self, request: Request) -> Plan:
        plan = await planning.ask(request, self._tell_progress)
        self._progress = ""
        return plan

    def _tell_progress(self, text: str) -> None:
        self._progress = text
        self._say(text)

    async def _adopt(self, plan: Plan) -> dict[str, list[str]]:
        """Make the plan true; return what was started, restarted, reloaded and stopped."""
        doors = [(process.ready_url, Path(process.key)) for process in plan.processes if process.key]
        doors += [(watched.url, Path(watched.key)) for watched in plan.watched if watched.key]
        await asyncio.to_thread(self._keyring.hold, doors)
        changed = await asyncio.to_thread(write_files, plan, self._layout)
        done: dict[str, list[str]] = {"started": [], "restarted": [], "reloaded": [], "stopped": []}
        wanted = {process.name: process for process in plan.processes}
        unwanted = {name: self._children.pop(name) for name in [*self._children] if name not in wanted}
        for name, process in wanted.items():
            child = self._children.get(name)
            if child is None or child.state in (State.GIVEN_UP, State.STOPPED):
                self._children[name] = Child(
                    process,
                    log_path=self._layout.log(name),
                    session=self._session,
                    clock=self._clock,
                    on_change=self._on_change,
                )
                done["started"].append(name)
            elif _command(child.process) != _command(process):
                child.process = process
                self._group.create_task(child.restart("its command changed"), name=f"restart {name}")
                done["restarted"].append(name)
            elif changed & {*process.reads, *child.process.reads}:
                child.process = process
                if process.reload_signal:
                    child.reload()
                    done["reloaded"].append(name)
                else:
                    self._group.create_task(child.restart("its files changed"), name=f"restart {name}")
                    done["restarted"].append(name)
        for name in done["started"]:
            after = [self._children[other].ready for other in wanted[name].after if other in self._children]
            self._tasks[name] = self._group.create_task(self._children[name].run(after), name=f"child {name}")
        self._plan = plan
        self._monitor.watch(plan.watched, self._children)
        for replayer in self._replayers:
            replayer.target(plan.url("prometheus"), plan.url(replayer.name))
        write_atomically(self._layout.run / "plan.json", plan.to_json())
        if unwanted and done["reloaded"]:
            # First it is forgotten, then it ends: a target that vanishes while it is asked is a failure to tell.
            await self._clock.sleep(_FORGET_SECONDS)
        for name, child in unwanted.items():
            await child.stop()
            self._tasks.pop(name, None)
            done["stopped"].append(name)
        return done

    async def _reload(self, body: Mapping[str, Any]) -> Answer:
        """Take the site as it is now, or `site_file`; on any error the running stack stays as it was."""
        if self._plan is None:
            raise Unavailable("still starting", remedy="try again in a moment")
        async with self._changing:
            request = replace(self._request, site_file=body.get("site_file") or self._request.site_file)
            plan = await self._prepare(replace(request, running=True))
            await asyncio.to_thread(check_files, plan, self._layout)
            self._flood, self._unasked = flood.FloodWatch(self._clock), {}
            done = await self._adopt(plan)
            self._request = request
        summary = "; ".join(f"{what}: {', '.join(names)}" for what, names in done.items() if names)
        log.info("reloaded (%s)", summary or "nothing changed")
        return 200, {**done, "notes": list(plan.notes)}

    async def _stop_all(self) -> None:
        """Stop in the reverse order of need: nobody is asked by somebody who is still running."""
        children = dict(self._children)
        stopped = {name: asyncio.Event() for name in children}

        async def stop(name: str, child: Child) -> None:
            needed_by = [other for other in children if name in children[other].process.after]
            for other in (*needed_by, *child.process.outlives):
                if other in stopped:
                    await stopped[other].wait()
            try:
                await child.stop()
            finally:
                stopped[name].set()

        await asyncio.gather(*(stop(name, child) for name, child in children.items()))

    # ── what happens meanwhile ────────────────────────────────────────────────────────────────────────────

    def _on_change(self, child: Child) -> None:
        if self._phase == "stopping":
            return
        if child.state is State.READY:
            self._say(f"{child.process.name} ready after {self._clock.now() - self._started:.1f} s")
        elif child.state in (State.RESTARTING, State.GIVEN_UP):
            self._say(f"{child.process.name}: {child.state}: {child.detail}")
        if child.state is State.GIVEN_UP and child.process.name not in LEFT_TO_HUB:
            self._group.create_task(self._tell(f"{child.process.name} was given up: {child.detail}"), name="tell")

    def _say(self, text: str) -> None:
        if self._announce is not None:
            print(text, file=self._announce, flush=True)

    def _generation(self, store: str) -> object:
        return tuple(self._children[name].pid if name in self._children else 0 for name in ("prometheus", store))

    async def _tell(self, text: str) -> None:
        """Tell a person directly, past Alertmanager and hub, by a short-lived child."""
        log.error("telling people: %s", text)
        argv = [*self._request.hune, "tell", "--data-dir", self._request.data_dir]
        try:
            child = await asyncio.create_subprocess_exec(*argv, stdin=asyncio.subprocess.PIPE)
            async with asyncio.timeout(60.0):
                await child.communicate(text.encode())
        except (OSError, TimeoutError) as error:
            log.error("nobody could be told: %s", error or "no answer in time")

    async def _keep_doing(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do work that never ends; a fault in it is told, and doesn't take the site's processes along."""
        while True:
            try:
                await work()
            except Exception:
                log.exception("%s failed, and is begun again", work.__qualname__)
            await self._clock.sleep(5.0)

    async def _become_up(self) -> None:
        """Say once that everything works; then, in the foreground, repeat what the hub prints of alerts."""
        while not self._monitor.is_healthy():
            await self._clock.sleep(0.1)
        self._phase = "up"
        assert self._plan is not None
        seconds = self._clock.now() - self._started
        self._say(f"everything works after {seconds:.1f} s: {self._plan.url('nester')}/  (Ctrl-C stops everything)")
        if self._announce is None:
            return
        path = self._layout.log("services")
        follower = logfiles.Follower({"services": path}, positions={"services": logfiles.tail(path, 0)[1]})
        while True:
            for _, line in follower.new_lines():
                if not _LOG_LINE.match(line):
                    self._say(visible(line))
            await self._clock.sleep(logfiles.PAUSE_SECONDS)

    async def _replay(self) -> None:
        async with asyncio.TaskGroup() as group:
            for replayer in self._replayers:
                group.create_task(
                    replayer.run(partial(self._generation, replayer.name)), name=f"replay: {replayer.name}"
                )

    async def _watch_clock(self) -> None:
        """Start everything again after the clock was set back: each keeps times that now lie in the future."""
        watch = ClockWatch(self._clock)
        while True:
            await self._clock.sleep(1.0)
            leap = watch.leap()
            if leap > 0:
                log.warning("the clock went forward by %.0f s, or the machine slept", leap)
            elif leap < 0:
                self._say(f"the clock was set back by {-leap:.0f} s: everything is started again")
                reason = f"the clock was set back by {-leap:.0f} s"
                async with self._changing:
                    await asyncio.gather(
                        *(child.restart(reason, clock_was_set_back=True) for child in self._children.values())
                    )

    async def _watch_floods(self) -> None:
        """Ask nodes no more that would take Prometheus from all others."""
        while True:
            await self._clock.sleep(flood.INTERVAL_SECONDS)
            if self._plan is None or "prometheus" not in self._children:
                continue
            watch, client = self._flood, PrometheusClient(self._session, self._plan.url("prometheus"))
            query = partial(client.query, timeout_seconds=flood.PATIENCE_SECONDS)
            with contextlib.suppress(HuneError):
                for node, why in (await watch.offenders(query)).items():
                    async with self._changing:
                        if node in self._unasked or watch is not self._flood:
                            continue
                        self._unasked[node] = why
                        await self._adopt(flood.without(self._plan, {node: why}))
                    await self._tell(flood.note(node, why))

    async def _housekeeping(self) -> None:
        while True:
            try:
                await asyncio.to_thread(logfiles.rotate, self._layout.logs)
            except OSError as error:
                log.warning("logs were not rotated: %s", error)
            await self._clock.sleep(_ROTATE_SECONDS)

    # ── what it answers ───────────────────────────────────────────────────────────────────────────────────

    def _handlers(self) -> dict[tuple[str, str], Any]:
        return {
            ("GET", "/status"): self._status,
            ("GET", "/health"): self._health,
            ("GET", "/metrics"): self._metrics,
            ("POST", "/reload"): self._reload,
            ("POST", "/down"): self._down,
        }

    async def _status(self, _body: Mapping[str, Any]) -> Answer:
        return 200, {
            "phase": self._phase,
            "progress": self._progress,
            "errors": self._errors,
            "pid": os.getpid(),
            "since": self._started,
            "site": self._plan.site if self._plan else "",
            "request": {key: getattr(self._request, key) for key in ("site_file", "ports", "auto_ports")},
            "notes": list(self._plan.notes) if self._plan else [],
            "complete_until": self._complete_until(),
            "has_gap": self._has_gap(),
            "processes": report.rows(self._children.values()),
            **self._monitor.report(),
        }

    async def _health(self, _body: Mapping[str, Any]) -> Answer:
        await self._monitor.judge_all()
        return 200, {**self._monitor.report(), "notes": list(self._plan.notes) if self._plan else []}

    async def _metrics(self, _body: Mapping[str, Any]) -> Answer:
        services = self._monitor.report()["services"]
        return 200, report.metrics(
            self._children.values(), services, has_gap=self._has_gap(), complete_until=self._complete_until()
        )

    def _complete_until(self) -> float:
        """Return until when every store holds everything."""
        return min(replayer.complete_until for replayer in self._replayers if replayer.is_wanted or self._plan is None)

    def _has_gap(self) -> bool:
        return any(replayer.has_gap for replayer in self._replayers if replayer.is_wanted or self._plan is None)

    async def _down(self, _body: Mapping[str, Any]) -> Answer:
        self._leaving.set()
        return 200, {"pid": os.getpid()}

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._leaving.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload_by_signal)

    def _reload_by_signal(self) -> None:
        async def reload() -> None:
            try:
                await self._reload({})
            except HuneError as error:
                log.error("not reloaded, everything stays as it was: %s", error)

        self._group.create_task(reload(), name="reload")


def _command(process: Process) -> object:
    return process.argv, dict(process.env), process.cwd, process.sealed
