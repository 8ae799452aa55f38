"""The hub's heartbeat, and its own word when the Watchdog stays away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from hune.alerting.state.episode import Incoming
from hune.site.models import Site
from support.discord_server import DiscordServer, Fault
from support.heartbeat_server import HeartbeatServer, heartbeat_server
from support.hub_process import HubProcess, running_hub
from support.ports import free_port

WATCHDOG = Incoming(True, {"alertname": "Watchdog", "severity": "none", "site": "home"}, {}, 1_700_000_000.0)


@pytest_asyncio.fixture
async def listener() -> AsyncIterator[HeartbeatServer]:
    async with heartbeat_server(free_port()) as server:
        yield server


@pytest_asyncio.fixture
async def beating(
    tmp_path: Path, site: Site, discord: DiscordServer, listener: HeartbeatServer, timing: dict[str, float]
) -> AsyncIterator[HubProcess]:
    wanted = Site.model_validate(
        {**site.model_dump(), "heartbeat": {"url": "env:HEARTBEAT_URL", "every": "10s"}},
    )
    environ = {"FIRST_WEBHOOK": discord.url, "SECOND_WEBHOOK": discord.url, "HEARTBEAT_URL": listener.url}
    # However busy the machine, the Watchdog isn't missed while the test looks elsewhere.
    timing |= {"listen": 0.2, "chain_overdue": 300.0, "chain_silence": 300.0, "heartbeat_trouble": 0.5}
    async with running_hub(tmp_path, wanted, environ=environ, timing=timing) as process:
        yield process


async def test_the_outside_hears_of_the_hub_only_while_the_hub_hears_the_watchdog(
    beating: HubProcess, listener: HeartbeatServer, discord: DiscordServer
) -> None:
    assert listener.calls == []
    listener.status = 302
    await beating.notify(WATCHDOG, receiver="_chain")

    async def refused() -> bool:
        return "answered 302" in (await beating.get("/health"))["heartbeat"]["problem"]

    await beating.until(refused, "a beat that is refused is seen in health, and nowhere else")
    assert (await beating.get("/health"))["healthy"]
    assert set(listener.calls) == {"GET /Secret-Token"}
    listener.status = 200
    listener.calls.clear()
    await beating.notify(WATCHDOG, receiver="_chain")

    async def accepted() -> bool:
        return bool((await beating.get("/health"))["heartbeat"]["accepted_at"])

    await beating.until(accepted, "the first beat")
    assert set(listener.calls) == {"GET /Secret-Token"}
    assert (await beating.get("/health"))["chain"]["heard_at"]
    assert await beating.alerts() == []

    # It is heard once more, and nothing comes after: people are told, and so is the outside.
    await beating.stop()
    listener.calls.clear()
    beating.retime(chain_overdue=1.0, chain_silence=2.0)
    await beating.start()
    await beating.notify(WATCHDOG, receiver="_chain")

    async def told() -> bool:
        return any("Watchdog" in accepted.payload["content"] for accepted in discord.accepted)

    await beating.until(told, "people are told")
    [alert] = await beating.alerts()
    assert (alert["alertname"], alert["state"]) == ("ChainBroken", "firing")
    assert sorted(one["receiver"] for one in alert["deliveries"]) == ["console", "discord", "other"]

    async def failed() -> bool:
        return any("POST" in call for call in listener.calls)

    await beating.until(failed, "the outside is told")
    said = next(call for call in listener.calls if "POST" in call)
    assert said.startswith("POST /Secret-Token/fail alerts don't arrive: ")
    assert "127.0.0.1" not in said

    async def over() -> bool:
        # As Alertmanager repeats it.
        await beating.notify(WATCHDOG, receiver="_chain")
        return await beating.states() == ["resolved"]

    await beating.until(over, "it is heard again")
    assert "Secret-Token" not in beating.log()


@pytest.mark.long
async def test_the_outside_hears_of_a_receiver_that_takes_nothing(
    beating: HubProcess, listener: HeartbeatServer, discord: DiscordServer
) -> None:
    discord.fail(Fault("status", status=500, times=10_000))
    await beating.notify(Incoming(True, {"alertname": "Foreign", "severity": "critical"}, {}, 1.0))

    async def said() -> bool:
        await beating.notify(WATCHDOG, receiver="_chain")
        return "POST /Secret-Token/fail takes no messages: discord" in listener.calls

    await beating.until(said, "the outside is told", timeout_seconds=120)
