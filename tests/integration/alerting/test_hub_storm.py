"""A storm: thousands of alerts within seconds, receivers that fail in every way, and a hub that is killed meanwhile."""

from __future__ import annotations

import asyncio
import faulthandler
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from hune.alerting.routing import render_alertmanager
from hune.alerting.state.episode import Incoming
from hune.site.models import Site
from support.alerts import make_alert
from support.discord_server import DiscordServer
from support.engine import Engine
from support.hub_process import HubProcess, running_hub
from support.ports import free_port
from support.prometheus_server import PrometheusServer
from support.storm import Sender, UnrulyDiscord, bursts, peak_mb, told, unruly_discord


@dataclass(frozen=True)
class Storm:
    """`alerts` within `seconds`, and `kills` of the hub meanwhile."""

    alerts: int
    seconds: float
    kills: int
    patience_seconds: float


FULL = Storm(5_000, 10.0, 5, 600.0)
FRACTION = Storm(150, 0.5, 1, 120.0)
IS_FULL = os.environ.get("HUNE_TEST_LONG") == "1"
STORM = FULL if IS_FULL else FRACTION
MOST_MB = 200.0
"""More than this a hub never has in use, however many alerts wait."""
RECEIVERS = ("slow", "rude", "away")


@pytest.fixture
def timing(timing: dict[str, float]) -> dict[str, float]:
    """Return how long the hub waits for what: at full counts its own times."""
    # One message in twenty is never answered.
    return {} if IS_FULL else {**timing, "request": 1.0}


@dataclass
class Stand:
    """A hub, two receivers that take things badly, and one that is away until it is started."""

    hub: HubProcess
    slow: UnrulyDiscord
    rude: UnrulyDiscord
    away: DiscordServer


@pytest_asyncio.fixture
async def stand(tmp_path: Path, prometheus: PrometheusServer, timing: dict[str, float]) -> AsyncIterator[Stand]:
    if IS_FULL:
        faulthandler.dump_traceback_later(3 * FULL.patience_seconds, exit=True)
    url = f"http://127.0.0.1:{prometheus.port}"
    async with AsyncExitStack() as stack:
        slow = await stack.enter_async_context(unruly_discord(free_port(), seed=1, slowest_seconds=0.5))
        rude = await stack.enter_async_context(unruly_discord(free_port(), seed=2, slowest_seconds=0.02))
        away = DiscordServer(port=free_port())
        stack.push_async_callback(away.stop)
        servers = dict(zip(RECEIVERS, (slow, rude, away), strict=True))
        site = Site.model_validate(
            {
                "name": "home",
                "receivers": [{"name": name, "discord": {"webhook": f"env:{name.upper()}"}} for name in RECEIVERS],
                # Of Alertmanager's notifications; those of the test name their receiver.
                "routes": [{"receivers": ["rude"]}],
                "engines": {"prometheus": {"url": url}, "alertmanager": {"port": free_port()}},
                "services": {"hub": {"port": free_port()}, "nester": {"port": free_port()}},
            }
        )
        environ = {name.upper(): server.url for name, server in servers.items()}
        hub = await stack.enter_async_context(running_hub(tmp_path, site, environ=environ, timing=timing))
        yield Stand(hub, slow, rude, away)


async def test_storm_with_failing_receivers_and_kills_loses_nothing_and_keeps_order(stand: Stand) -> None:
    hub, sender = stand.hub, Sender(stand.hub)
    storm = bursts(STORM.alerts, STORM.seconds, seed=3)
    notifications = len(RECEIVERS) * sum(2 if burst.ends_after is not None else 1 for burst in storm)
    peaks = []

    async def kill_now_and_then() -> None:
        for number in range(1, STORM.kills + 1):
            await sender.has_sent(notifications * number // (STORM.kills + 1))
            peaks.append(peak_mb(hub.pid))
            await hub.kill()
            await hub.start()

    async with asyncio.TaskGroup() as group:
        group.create_task(sender.send(storm, RECEIVERS))
        group.create_task(kill_now_and_then())
    assert (sender.accepted, sender.refused) == (notifications, [])
    await _is_told(stand)
    peaks.append(peak_mb(hub.pid))
    assert max(peaks) < MOST_MB, peaks
    ended = {node for burst in storm if burst.ends_after is not None for node in burst.nodes}
    nodes = {node for burst in storm for node in burst.nodes}
    await _nothing_is_lost(stand, nodes, ended, *RECEIVERS)


@pytest.mark.long
async def test_storm_through_alertmanager_loses_nothing_and_keeps_order(stand: Stand, tmp_path: Path) -> None:
    hub = stand.hub
    (tmp_path / "alertmanager.yml").write_text(render_alertmanager(hub.site))
    alertmanager = Engine(
        hub.site.url("alertmanager"),
        "/-/ready",
        "prometheus-alertmanager",
        f"--config.file={tmp_path / 'alertmanager.yml'}",
        f"--storage.path={tmp_path / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{hub.site.port('alertmanager')}",
        "--cluster.listen-address=",
    )
    nodes = [f"n{number:04}" for number in range(STORM.alerts)]
    began = time.time()
    firing = [make_alert(name="Hot", node=node, starts_at=began, ends_at=began + 3600.0) for node in nodes]
    await alertmanager.start()
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_alert(hub, firing))
            group.create_task(_kill_every(hub, STORM.seconds / STORM.kills, STORM.kills))

        async def all_known() -> bool:
            return _count(hub, "SELECT count(*) FROM delivery") == 2 * len(nodes)

        await hub.until(all_known, "the hub knows all", timeout_seconds=STORM.patience_seconds)
        ended = nodes[::2]
        over = [make_alert(name="Hot", node=node, starts_at=began, ends_at=time.time()) for node in ended]
        async with asyncio.TaskGroup() as group:
            group.create_task(_alert(hub, over))
            group.create_task(_kill_every(hub, 2.0, 1))

        async def all_over() -> bool:
            return _count(hub, "SELECT count(*) FROM episode WHERE state = 'resolved'") == len(ended)

        await hub.until(all_over, "the hub knows what is over", timeout_seconds=STORM.patience_seconds)
        await _is_told(stand)
        assert peak_mb(hub.pid) < MOST_MB
        await _nothing_is_lost(stand, set(nodes), set(ended), "rude")
    finally:
        await alertmanager.kill()


def _count(hub: HubProcess, query: str) -> int:
    """Return what a query on the hub's file counts: a list of thousands, asked again and again, would be a load."""
    path = hub.layout.data("hub") / "outbox.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return int(connection.execute(query).fetchone()[0])


async def _alert(hub: HubProcess, alerts: Sequence[Incoming]) -> None:
    """Hand alerts to Alertmanager as Prometheus does, over the seconds of the storm."""
    size = 50
    for first in range(0, len(alerts), size):
        rows = [
            {
                "labels": dict(alert.labels),
                "annotations": dict(alert.annotations),
                "startsAt": datetime.fromtimestamp(alert.starts_at or 0.0, UTC).isoformat(),
                "endsAt": datetime.fromtimestamp(alert.ends_at or 0.0, UTC).isoformat(),
            }
            for alert in alerts[first : first + size]
        ]
        async with hub.session.post(f"{hub.site.url('alertmanager')}/api/v2/alerts", json=rows) as response:
            assert response.status == 200, await response.text()
        await asyncio.sleep(STORM.seconds * size / len(alerts))


async def _kill_every(hub: HubProcess, seconds: float, times: int) -> None:
    for _ in range(times):
        await asyncio.sleep(seconds)
        await hub.kill()
        await hub.start()


async def _is_told(stand: Stand) -> None:
    """Let the storm end; wait until nothing waits but dead letters."""
    stand.slow.is_calm = stand.rude.is_calm = True
    await stand.away.start()

    async def done() -> bool:
        rows = (await stand.hub.get("/health"))["receivers"]
        return all(row["pending"] == row["letters"] for row in rows)

    await stand.hub.until(done, "everything is told", timeout_seconds=STORM.patience_seconds)


async def _nothing_is_lost(stand: Stand, nodes: set[str], ended: set[str], *receivers: str) -> None:
    letters: list[dict[str, Any]] = (await stand.hub.get("/dead"))["dead"]
    servers = dict(zip(RECEIVERS, (stand.slow, stand.rude, stand.away), strict=True))
    for name, server in ((name, servers[name]) for name in receivers):
        heard = await told(stand.hub, server)
        refused = {row["node"] for row in letters if row["receiver"] == name}
        assert nodes - set(heard) - refused == set(), name
        for node in sorted(set(heard) - refused):
            *before, last = heard[node]
            # Told twice is what a kill between sending and marking costs; never that it fires after it was over.
            assert (last == "firing") == (node not in ended), (name, node, heard[node])
            assert last == "firing" or "firing" not in before[_first_end(heard[node]) :], (name, node, heard[node])


def _first_end(words: list[str]) -> int:
    return next(place for place, word in enumerate(words) if word != "firing")
