"""A dead endpoint for ten real minutes, with the hub's own times."""

from __future__ import annotations

import asyncio
import faulthandler
import time
from collections import Counter

import pytest

from support.alerts import make_alert
from support.discord_server import DiscordServer
from support.hub_process import HubProcess

MINUTES = 10
SINCE = round(time.time()) - 5.0


@pytest.fixture
def timing() -> dict[str, float]:
    """Return no compression: every wait is the hub's own."""
    return {}


@pytest.mark.long
async def test_ten_minutes_without_an_endpoint_lose_nothing_and_repeat_nothing(
    hub: HubProcess, discord: DiscordServer, other_discord: DiscordServer
) -> None:
    faulthandler.dump_traceback_later(MINUTES * 60 + 300, exit=True)
    await discord.stop()
    for minute in range(MINUTES):
        # Each minute one alert fires; every second one is over a minute later. The other receiver hears at once.
        for receiver in ("discord", "other"):
            await hub.notify(make_alert(name="Hot", node=f"n{minute:03}", starts_at=SINCE), receiver=receiver)
        if minute % 2:
            over = make_alert(name="Hot", node=f"n{minute - 1:03}", starts_at=SINCE, firing=False, ends_at=time.time())
            await hub.notify(over)
        told = minute + 1
        await other_discord.wait(
            lambda server, told=told: sum("CRITICAL" in one.text for one in server.posts) == told  # type: ignore[misc]
        )
        await asyncio.sleep(60.0)
    report = await hub.get("/health")
    assert not report["healthy"]
    assert f"discord: connection refused ({MINUTES} alerts wait)" in report["detail"]

    await discord.start()
    await discord.wait(lambda server: len(server.accepted) == 1, timeout_seconds=60.0)
    assert "5 firing · 5 came and went" in discord.accepted[0].payload["content"]
    digest = await hub.get("/digests/1")
    assert Counter(alert["labels"]["node"] for alert in digest["alerts"]) == Counter(
        f"n{minute:03}" for minute in range(MINUTES)
    )

    async def healthy() -> bool:
        return bool((await hub.get("/health"))["healthy"])

    await hub.until(healthy, "healthy again")
    assert len(discord.accepted) == 1
    assert len([one for one in other_discord.posts if "CRITICAL" in one.text]) == MINUTES
