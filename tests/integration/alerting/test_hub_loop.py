"""The hub inside the test's own loop, where every blocking call of Hune's code fails the test."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import aiohttp

from hune.alerting.hub.service import Hub
from hune.alerting.hub.timing import Timing
from hune.alerting.notifiers.emergency import send_emergency
from hune.core.layout import Layout
from hune.core.service import start
from hune.site.models import Site
from support.alerts import make_alert, payload
from support.discord_server import DiscordServer, Fault
from support.prometheus_server import PrometheusServer

SINCE = round(time.time()) - 200.0


async def test_nothing_blocks_the_loop(
    tmp_path: Path,
    site: Site,
    discord: DiscordServer,
    other_discord: DiscordServer,
    prometheus: PrometheusServer,
    timing: dict[str, float],
) -> None:
    environ = {"FIRST_WEBHOOK": discord.url, "SECOND_WEBHOOK": other_discord.url}
    hub = Hub(site, Layout(tmp_path), environ=environ, timing=Timing(**timing))
    headers = {"Content-Type": "application/json"}
    async with asyncio.TaskGroup() as group, aiohttp.ClientSession() as session:
        task = await start(group, hub)

        async def post(body: bytes) -> None:
            async with session.post(f"{site.url('hub')}/webhook", data=body, headers=headers) as answer:
                assert answer.status == 200

        hot = make_alert(node="pve-02", starts_at=SINCE)
        prometheus.firing = [hot]
        await post(payload([hot]))
        await discord.wait(lambda server: len(server.accepted) == 1)
        discord.fail(Fault("status", 500, times=1))
        await post(payload([make_alert(name="A", node=f"n{number}", starts_at=SINCE) for number in range(200)]))
        await discord.wait(lambda server: len(server.accepted) == 2)
        prometheus.firing, prometheus.clear = [], {"pve-02"}
        await discord.wait(lambda server: len(server.accepted) == 4)
        for path in ("health", "metrics", "alerts", "digests/1"):
            async with session.get(f"{site.url('hub')}/{path}") as answer:
                assert answer.status == 200
        task.cancel()


async def test_emergency_reaches_every_receiver_that_can_be_reached(
    site: Site, discord: DiscordServer, other_discord: DiscordServer
) -> None:
    environ = {"FIRST_WEBHOOK": discord.url, "SECOND_WEBHOOK": other_discord.url}
    async with aiohttp.ClientSession() as session:
        assert await send_emergency(site, environ, "alertmanager does not work", session) == 2
        await other_discord.stop()
        assert await send_emergency(site, {"FIRST_WEBHOOK": discord.url}, "hub does not work @everyone", session) == 1
    assert discord.accepted[0].payload["content"] == "🆘 Hune · home: alertmanager does not work"
    assert "@everyone" not in discord.accepted[1].text
