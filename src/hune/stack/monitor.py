"""Watching that everything works: the health report, hung processes, and a person told when the tellers are dead."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import aiohttp

from hune.core.clock import Clock
from hune.core.errors import Unavailable
from hune.stack.checkup import Checkup
from hune.stack.child import Child, State
from hune.stack.health import CHECKS, judge
from hune.stack.model import Watched

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 5.0
FRESH_SECONDS = 2.0
HUNG_SECONDS = 60.0
TELL_AFTER_SECONDS = 30.0

TELLERS = ("alertmanager", "hub", "prometheus")
"""Without these nobody would be told that anything is wrong."""

LEFT_TO_HUB = ("alertmanager", "prometheus")
"""What the hub tells of itself, as an alert, when it hears the Watchdog no more."""

HUB_TELLS_WITHIN_SECONDS = 90.0
"""After which the hub has told of it, or there was nothing that it could miss."""

Tell = Callable[[str], Awaitable[None]]


def _of_process(state: State, detail: str) -> str:
    joint = " " if state is State.WAITING else ": "
    return f"{state}{joint}{detail}" if detail else str(state)


@dataclass
class Verdict:
    """Whether a service works, what was seen, and since when that is so (seconds since the epoch)."""

    name: str
    healthy: bool
    detail: str
    address: str
    pid: int
    since: float


class Monitor:
    """Judges all watched services every few seconds."""

    def __init__(self, session: aiohttp.ClientSession, clock: Clock, tell: Tell) -> None:
        self._session = session
        self._clock = clock
        self._tell = tell
        self._watched: Sequence[Watched] = ()
        self._children: Mapping[str, Child] = {}
        self._checkups: dict[tuple[str, str], Checkup] = {}
        self._pids: dict[str, int] = {}
        self._verdicts: dict[str, Verdict] = {}
        self._judged_at = float("-inf")
        self._judging = asyncio.Lock()
        self._silent_since: dict[str, float] = {}
        self._told: set[str] = set()

    def watch(self, watched: Sequence[Watched], children: Mapping[str, Child]) -> None:
        """Judge these from now on."""
        self._watched, self._children = watched, children
        names = {entry.name for entry in watched}
        self._verdicts = {name: verdict for name, verdict in self._verdicts.items() if name in names}
        self._judged_at = float("-inf")

    async def run(self) -> None:
        """Judge until cancelled."""
        while True:
            await self.judge_all()
            await self._act()
            healthy = all(verdict.healthy for verdict in self._verdicts.values())
            await self._clock.sleep(INTERVAL_SECONDS if healthy else 1.0)

    async def judge_all(self) -> None:
        """Judge every service now, unless that was done a moment ago."""
        async with self._judging:
            if self._clock.monotonic() - self._judged_at < FRESH_SECONDS and self.is_healthy():
                return
            watched = list(self._watched)
            results = await asyncio.gather(*(self._judge(entry) for entry in watched))
            for entry, (healthy, detail) in zip(watched, results, strict=True):
                self._record(entry, healthy, detail)
            self._judged_at = self._clock.monotonic()

    async def _judge(self, entry: Watched) -> tuple[bool, str]:
        child = self._children.get(entry.process)
        if entry.process and (child is None or child.state is not State.READY):
            state = child.state if child else State.WAITING
            return False, _of_process(state, child.detail if child else "")
        checkup = self._checkups.setdefault((entry.name, entry.url), Checkup(self._session, entry.url, self._clock))
        pid = child.pid if child else 0
        if self._pids.get(entry.name) != pid:
            self._pids[entry.name] = pid
            checkup.restarted()
        return await judge(CHECKS[entry.kind], checkup)

    def _record(self, entry: Watched, healthy: bool, detail: str) -> None:
        child = self._children.get(entry.process)
        if entry.adopted:
            detail += ", was running before"
        before = self._verdicts.get(entry.name)
        since = before.since if before and before.healthy == healthy else self._clock.now()
        self._verdicts[entry.name] = Verdict(
            entry.name, healthy, detail, entry.address, child.pid if child else 0, since
        )
        if before is None or before.healthy != healthy:
            log.log(logging.INFO if healthy else logging.WARNING, "%s: %s", entry.name, detail)

    async def _act(self) -> None:
        """End hung processes; tell a person about tellers that stay dead, and once when they are back."""
        now = self._clock.monotonic()
        for name, verdict in self._verdicts.items():
            if verdict.healthy:
                self._silent_since.pop(name, None)
                if name in self._told:
                    self._told.discard(name)
                    await self._tell(f"{name} works again: {verdict.detail}")
                continue
            silent = now - self._silent_since.setdefault(name, now)
            # The others of a cluster are named by what they are and where.
            role = name.partition(" ")[0]
            if (
                role in TELLERS
                and silent > TELL_AFTER_SECONDS
                and name not in self._told
                and not self._is_replaced(role)
                and not (role in LEFT_TO_HUB and await self._is_told_by_hub(silent))
            ):
                self._told.add(name)
                await self._tell(
                    f"{name} does not work since {silent:.0f} s: {verdict.detail}. Alerts may not reach you."
                )
            child = self._children.get(next((w.process for w in self._watched if w.name == name), ""))
            if child and silent > HUNG_SECONDS and verdict.detail == "does not answer" and child.state is State.READY:
                child.kill(f"{name} has not answered for {silent:.0f} s")
                self._silent_since[name] = now

    def _is_replaced(self, role: str) -> bool:
        """Whether another of its cluster works, through which alerts come, and that this one doesn't work too."""
        return any(one.healthy and one.name.partition(" ")[0] == role for one in self._verdicts.values())

    async def _is_told_by_hub(self, silent_seconds: float) -> bool:
        """Whether the hub tells people of this, or may still do: one cause is one message."""
        url = next((entry.url for entry in self._watched if entry.name == "hub"), "")
        try:
            report = json.loads(await Checkup(self._session, url, self._clock).get("/health", accept=(200, 503)))
            state = report["chain"]["state"]
        except (Unavailable, ValueError, KeyError, TypeError):
            return False
        return state in ("silent", "broken") or (state == "working" and silent_seconds < HUB_TELLS_WITHIN_SECONDS)

    def is_healthy(self) -> bool:
        """Whether every watched service worked when last judged, and the processes are those that were judged."""
        return bool(self._verdicts) and all(
            verdict is not None and verdict.healthy and self._is_of_now(entry, verdict)
            for entry in self._watched
            for verdict in [self._verdicts.get(entry.name)]
        )

    def _is_of_now(self, entry: Watched, verdict: Verdict) -> bool:
        child = self._children.get(entry.process)
        return child is None or (child.state is State.READY and child.pid == verdict.pid)

    def works(self, name: str) -> bool:
        """Whether one service worked when last judged."""
        verdict = self._verdicts.get(name)
        return verdict is not None and verdict.healthy

    def report(self) -> dict[str, Any]:
        """Return the health report: `healthy`, and a row a service."""
        return {"healthy": self.is_healthy(), "services": [asdict(v) for v in self._verdicts.values()]}
