"""A storm of alerts: who sends it, who takes it badly, and what each of them was told in the end."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from aiohttp import web

from hune.alerting.state.episode import Incoming
from support.alerts import make_alert, payload
from support.discord_server import DiscordServer, Fault
from support.hub_process import HubProcess

_FAULTS: Mapping[int, Fault] = {
    60: Fault("none"),
    10: Fault("status", status=500),
    9: Fault("status", status=429, retry_after=0.2),
    8: Fault("hang_up"),
    5: Fault("garbage"),
    4: Fault("refuse"),
    3: Fault("silent"),
    2: Fault("withhold"),
}
"""How many requests of a hundred come to what."""
_NODE = re.compile(r"\bn\d{4}\b")
_DIGEST = re.compile(r"/alerts\?digest=(\d+)")


class UnrulyDiscord(DiscordServer):
    """A Discord that is slow and fails at random until it is `calm`."""

    def __init__(self, *, port: int, seed: int, slowest_seconds: float) -> None:
        super().__init__(port=port)
        self._dice = random.Random(seed)
        self._slowest = slowest_seconds
        self.is_calm = False

    def count_request(self) -> Fault:
        super().count_request()
        if self.is_calm:
            return Fault()
        [fault] = self._dice.choices([*_FAULTS.values()], [*_FAULTS])
        return fault

    async def take(self, request: web.Request, method: str, identity: str | None = None) -> web.StreamResponse:
        await asyncio.sleep(0.0 if self.is_calm else self._dice.uniform(0.0, self._slowest))
        return await super().take(request, method, identity)


@asynccontextmanager
async def unruly_discord(port: int, *, seed: int, slowest_seconds: float) -> AsyncIterator[UnrulyDiscord]:
    """Run one for as long as the block lasts."""
    server = UnrulyDiscord(port=port, seed=seed, slowest_seconds=slowest_seconds)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@dataclass(frozen=True)
class Burst:
    """Alerts of one group, which fire together; `ends_after` seconds they are over, None: they stay."""

    nodes: tuple[str, ...]
    at: float
    ends_after: float | None

    def alerts(self, began: float, *, firing: bool) -> list[Incoming]:
        ends_at = None if firing or self.ends_after is None else began + self.at + self.ends_after
        return [
            make_alert(name="Hot", node=node, firing=firing, starts_at=began + self.at, ends_at=ends_at)
            for node in self.nodes
        ]


def bursts(count: int, seconds: float, seed: int) -> list[Burst]:
    """Return so many alerts within so many seconds, most of them alone, others in groups; more than half end soon."""
    dice, nodes, made = random.Random(seed), [f"n{number:04}" for number in range(count)], []
    while nodes:
        size = min(len(nodes), dice.choice((1, 1, 1, 5, 20)))
        of_burst, nodes = nodes[:size], nodes[size:]
        ends_after = dice.uniform(0.1, seconds / 2) if dice.random() < 0.6 else None
        made.append(Burst(tuple(of_burst), dice.uniform(0.0, seconds), ends_after))
    return made


@dataclass
class Sender:
    """Sends as Alertmanager does: again after 5xx or no answer, never after 4xx; the end after the beginning."""

    hub: HubProcess
    accepted: int = 0
    """Notifications that the hub took."""
    refused: list[int] = field(default_factory=list)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def send(self, storm: Sequence[Burst], receivers: Sequence[str]) -> None:
        """Send everything; return once the hub has taken it, or refused it for good."""
        began = time.time()
        # As many connections as a hub may be offered at once here: whoever has none waits, as for a slow answer.
        connector = aiohttp.TCPConnector(limit=100)
        async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as group:
            for burst in storm:
                for receiver in receivers:
                    group.create_task(self._send(session, burst, receiver, began))

    async def has_sent(self, count: int) -> None:
        """Wait until the hub has taken so many notifications."""
        async with self._news:
            await self._news.wait_for(lambda: self.accepted >= count)

    async def _send(self, session: aiohttp.ClientSession, burst: Burst, receiver: str, began: float) -> None:
        await asyncio.sleep(max(0.0, began + burst.at - time.time()))
        await self._post(session, payload(burst.alerts(began, firing=True), receiver=receiver))
        if burst.ends_after is not None:
            await asyncio.sleep(max(0.0, began + burst.at + burst.ends_after - time.time()))
            await self._post(session, payload(burst.alerts(began, firing=False), receiver=receiver))

    async def _post(self, session: aiohttp.ClientSession, body: bytes) -> None:
        wait = 0.5
        while True:
            status = 0
            try:
                async with session.post(
                    f"{self.hub.url}/webhook",
                    data=body,
                    headers={"Content-Type": "application/json"},
                    timeout=aiohttp.ClientTimeout(total=10.0),
                ) as response:
                    status = response.status
            except (aiohttp.ClientError, TimeoutError):
                pass
            if status // 100 == 2:
                async with self._news:
                    self.accepted += 1
                    self._news.notify_all()
                return
            if status // 100 == 4:
                self.refused.append(status)
                return
            await asyncio.sleep(wait * random.uniform(0.5, 1.5))
            wait = min(wait * 1.5, 60.0)


async def told(hub: HubProcess, server: DiscordServer) -> dict[str, list[str]]:
    """Return what a receiver was told of each node, in order: `firing`, `resolved` or `came and went`.

    A digest tells what its link lists. Posted again under its number after a kill, it has told the beginnings when it
    was posted first, and the ends when it was posted last.
    """
    found: dict[str, list[str]] = defaultdict(list)
    numbers = [int(match[1]) if (match := _DIGEST.search(one.text)) else None for one in server.posts]
    for place, (message, number) in enumerate(zip(server.posts, numbers, strict=True)):
        if number is None:
            content = message.payload["content"]
            word = "resolved" if "RESOLVED" in content else "came and went" if "AND WENT" in content else "firing"
            for node in _NODE.findall(content)[:1]:
                found[node].append(word)
            continue
        is_first, is_last = number not in numbers[:place], number not in numbers[place + 1 :]
        for alert in (await hub.get(f"/digests/{number}"))["alerts"]:
            if is_first if alert["told"] == "firing" else is_last:
                found[alert["labels"]["node"]].append(alert["told"])
    return found


def peak_mb(pid: int) -> float:
    """Return the most memory that a process ever had in use."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM:"))
