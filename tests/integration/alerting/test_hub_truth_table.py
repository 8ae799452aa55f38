"""What is true of an alert, who looks after it, and what holds it: each with each, through every channel at once.

A row says how an alert ends (or doesn't), whether somebody acknowledged it, and what held it from when on. Whatever the
row, each channel hears the same, in the same order: nothing while the alert is held, and afterwards what is so.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from hune.alerting.state.episode import Incoming
from hune.promapi.alertmanager import SilenceMatcher
from support.alerts import make_alert
from support.every_channel import Servers, environ_of, site_of
from support.hub_process import HubProcess, running_hub
from support.prometheus_server import PrometheusServer

TRUTHS = (
    "measured",
    "declared and measured",
    "declared, measured later",
    "declared, not true",
    "engines dead",
    "again",
)
"""How it ends: Alertmanager's word may come, be false, or be lost; Prometheus may be away; it may cross again."""

HOLDS = ((), ("silence",), ("maintenance",), ("silence", "maintenance"))
BEGINS = ("before", "after")
"""A hold begins before the alert fires, or after people were told."""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    truth: str
    acknowledged: bool
    holds: tuple[str, ...]
    begins: str

    @property
    def is_held_before(self) -> bool:
        return bool(self.holds) and self.begins == "before"

    @property
    def ends_held(self) -> bool:
        """Whether the (first) alert is over before the hold is."""
        return self.truth in ("measured", "declared and measured", "again")

    @property
    def heard_while_held(self) -> str:
        """F for firing, R for resolved."""
        return "" if self.is_held_before else "F"

    @property
    def heard(self) -> str:
        """What each channel has heard when all is over."""
        first = "" if self.is_held_before and self.ends_held else "FR"
        return first + ("FR" if self.truth == "again" else "")


ALL = [
    Row(truth, acknowledged, held, begins)
    for truth, acknowledged, held, begins in product(TRUTHS, (False, True), HOLDS, BEGINS)
    if held or begins == "after"
]
FRACTION = [
    Row("again", True, ("silence", "maintenance"), "after"),
    Row("declared, measured later", False, ("maintenance",), "before"),
    Row("engines dead", True, ("silence",), "before"),
]
"""What CI tries: each truth that is hard, each hold, each way to begin."""


@pytest_asyncio.fixture
async def stage(
    tmp_path: Path, channels: Servers, prometheus: PrometheusServer, timing: dict[str, float]
) -> AsyncIterator[Stage]:
    site = site_of(channels, prometheus, [f"row-{number:03d}" for number in range(len(ALL))])
    prometheus.receivers = list(channels)
    # However busy the machine, no channel is given up and told again.
    patient = {**timing, "outage": 300.0}
    async with running_hub(tmp_path, site, environ=environ_of(channels), timing=patient) as hub:
        yield Stage(hub, channels, prometheus)


@pytest.mark.parametrize(
    "rows", [pytest.param(FRACTION, id="a fraction"), pytest.param(ALL, id="all", marks=pytest.mark.long)]
)
async def test_every_channel_hears_the_truth_and_nothing_while_it_is_held(stage: Stage, rows: Sequence[Row]) -> None:
    for number, row in enumerate(rows):
        await stage.play(row, f"row-{number:03d}")


class Stage:
    """One row after the other, each with a node of its own."""

    def __init__(self, hub: HubProcess, channels: Servers, prometheus: PrometheusServer) -> None:
        self.hub = hub
        self.channels = channels
        self.prometheus = prometheus

    async def play(self, row: Row, node: str) -> None:
        """Let happen what the row says, and see that people hear what they should."""
        self.prometheus.clear = set()
        held: list[tuple[str, str]] = []
        if row.is_held_before:
            held = await self.hold(row, node)
        alert = make_alert(node=node, chip="platform_coretemp_0", site="home", starts_at=time.time())
        await self.fire(row, alert, is_silenced=row.is_held_before and "silence" in row.holds)
        await self.is_shown(row, node, ["firing"], holds=len(held))
        if not row.is_held_before:
            await self.is_heard(row, node, "F")
        if row.acknowledged:
            [episode] = await self.episodes(node)
            await self.call("POST", f"/alerts/{episode['id']}/acknowledge", {"by": "Ada"})
        if row.holds and row.begins == "after":
            held = await self.hold(row, node)
            await self.is_shown(row, node, ["firing"], holds=len(held))
        await self.turn(row, alert)
        for kind, identity in held:
            # Whatever ends first, the other still holds.
            assert self.heard(node) == {row.heard_while_held}, row
            assert await self.told(node) <= {None, "firing"}, row
            await self.release(kind, identity)
        if not row.ends_held or row.truth == "again":
            await self.is_heard(row, node, row.heard.removesuffix("R"))
            self.prometheus.firing, self.prometheus.active, self.prometheus.clear = [], [], {node}
        await self.is_heard(row, node, row.heard)
        await self.is_shown(row, node, ["resolved"] * (2 if row.truth == "again" else 1), holds=0)
        expected = {"withheld", "sent"} if row.is_held_before and row.ends_held else {"sent"}
        states = {told["state"] for alert in await self.episodes(node) for told in alert["deliveries"]}
        assert states <= expected, row

    # -- what happens --------------------------------------------------------------------------------------------

    async def fire(self, row: Row, alert: Incoming, *, is_silenced: bool) -> None:
        self.prometheus.firing = self.prometheus.active = [alert]
        if not is_silenced:
            await self.notify(alert)

    async def notify(self, alert: Incoming) -> None:
        for receiver in self.channels:
            await self.hub.notify(alert, receiver=receiver)

    async def turn(self, row: Row, alert: Incoming) -> None:
        """Let the alert end, or seem to, or not."""
        node, prometheus = alert.labels["node"], self.prometheus
        over = make_alert(
            node=node,
            chip="platform_coretemp_0",
            site="home",
            firing=False,
            starts_at=alert.starts_at,
            ends_at=time.time(),
        )
        holds = len(row.holds)
        # Alertmanager says nothing of what it silences.
        if row.truth.startswith("declared") and "silence" not in row.holds:
            if row.truth != "declared, not true":
                prometheus.firing = []
            if row.truth == "declared and measured":
                prometheus.clear = {node}
            await self.notify(over)
        if row.truth != "declared, not true":
            prometheus.active = []
        match row.truth:
            case "measured" | "declared and measured":
                prometheus.firing, prometheus.clear = [], {node}
                await self.is_shown(row, node, ["resolved"], holds=holds)
            case "declared, measured later":
                prometheus.firing = []
                await self.is_shown(row, node, ["unknown"], holds=holds)
            case "engines dead":
                prometheus.active = [alert]
                await prometheus.stop()
                await self.is_shown(row, node, ["unknown"], holds=holds)
                await prometheus.start()
                await self.is_shown(row, node, ["firing"], holds=holds)
            case "again":
                prometheus.firing, prometheus.clear = [], {node}
                await self.is_shown(row, node, ["resolved"], holds=holds)
                prometheus.clear = set()
                again = make_alert(node=node, chip="platform_coretemp_0", site="home", starts_at=time.time())
                await self.fire(row, again, is_silenced="silence" in row.holds)
                await self.is_shown(row, node, ["resolved", "firing"], holds=holds)

    async def hold(self, row: Row, node: str) -> list[tuple[str, str]]:
        """Begin what holds; return each with its id."""
        begun = []
        for kind in row.holds:
            if kind == "silence":
                asked = self.prometheus.asked_for_silences
                begun.append((kind, self.prometheus.silence(600, SilenceMatcher("node", node))))

                async def known(asked: int = asked) -> bool:
                    return self.prometheus.asked_for_silences > asked + 1

                await self.hub.until(known, "the silence is known")
            else:
                wish = {"scope": {"nodes": [node]}, "ends": time.time() + 600, "by": "Ada", "reason": "new fan"}
                begun.append((kind, (await self.call("POST", "/maintenance", wish))["id"]))
        return begun

    async def release(self, kind: str, identity: str) -> None:
        if kind == "silence":
            await self.call("DELETE", f"/silences/{identity}")
        else:
            await self.call("DELETE", f"/maintenance/{identity}")

    # -- what is so ----------------------------------------------------------------------------------------------

    def heard(self, node: str) -> set[str]:
        """Return what the channels have heard of a node, which is one and the same if all is well."""
        return {
            "".join(
                "R" if "RESOLVED" in post.text or "alert.resolved" in post.text else "F"
                for post in server.posts
                if node in post.text
            )
            for server in self.channels.values()
        }

    async def told(self, node: str) -> set[str | None]:
        return {told["told"] for alert in await self.episodes(node) for told in alert["deliveries"]}

    async def is_heard(self, row: Row, node: str, what: str) -> None:
        """Wait until every channel has heard just that, and the hub knows that it was accepted."""

        async def so() -> bool:
            if self.heard(node) != {what}:
                return False
            states = {told["state"] for alert in await self.episodes(node) for told in alert["deliveries"]}
            return states <= {"sent", "withheld"}

        await self.hub.until(so, f"{row}: {what or 'nothing'} is heard of {node}")

    async def is_shown(self, row: Row, node: str, states: Sequence[str], *, holds: int) -> None:
        async def so() -> bool:
            shown = await self.episodes(node)
            return [alert["state"] for alert in shown] == list(states) and all(
                len(alert["holds"]) == holds for alert in shown
            )

        await self.hub.until(so, f"{row}: shown as {states}, held by {holds}")

    async def episodes(self, node: str) -> list[dict[str, Any]]:
        return [alert for alert in await self.hub.alerts() if alert["labels"].get("node") == node]

    async def call(self, method: str, path: str, document: object = None) -> Any:
        async with self.hub.session.request(method, self.hub.url + path, json=document) as response:
            answer = await response.json()
            assert response.status == 200, answer
            return answer
