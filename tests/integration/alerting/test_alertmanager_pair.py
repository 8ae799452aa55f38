"""A pair of real Alertmanagers before one hub: each alert is told once, whichever of them dies."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from hune.promapi.alertmanager import AlertmanagerClient, SilenceMatcher
from hune.stack.engines.alertmanager import PEER_TIMEOUT_SECONDS
from support.alertmanager_pair import Pair, running_pair
from support.discord_server import DiscordServer
from support.hub_process import HubProcess, running_hub
from support.ports import free_port


@pytest.fixture
def site() -> dict[str, Any]:
    """Return the site of both machines; its Prometheus is nowhere."""
    return {
        "name": "home",
        "receivers": [{"name": "discord", "discord": {"webhook": "env:WEBHOOK"}}],
        "engines": {"prometheus": {"url": f"http://127.0.0.1:{free_port()}"}},
    }


async def told_once(hub: HubProcess, names: set[str], *, seconds: float = 120.0) -> None:
    """Wait until people know of each alert, and see that each was told to each receiver once."""

    async def all_told() -> bool:
        alerts = await hub.alerts()
        told = {one["labels"]["node"] for one in alerts if all(each["state"] == "sent" for each in one["deliveries"])}
        return told == names

    await hub.until(all_told, f"{len(names)} alerts are told", timeout_seconds=seconds)
    assert sorted(one["labels"]["node"] for one in await hub.alerts()) == sorted(names)

    async def told() -> float:
        series = re.escape('hune_hub_deliveries_total{outcome="sent",receiver="discord"}')
        async with hub.session.get(hub.url + "/metrics") as answer:
            found = re.search(rf"^{series} (\S+)$", await answer.text(), re.MULTILINE)
        return float(found[1]) if found else 0.0

    async def counted() -> bool:
        return await told() >= len(names)

    # The book says so a moment earlier.
    await hub.until(counted, f"{len(names)} deliveries are counted")
    assert await told() == len(names)


async def storm(pair: Pair, victim: int, count: int) -> set[str]:
    """Raise alerts as Prometheus repeats them, while one is killed in mid-flight and comes back."""
    names = [f"{victim}-{number}" for number in range(count)]
    batch = max(1, count // 10)
    for begin in range(0, count, batch):
        await pair.tell(*names[: begin + batch])
        if begin // batch == 3:
            await pair.kill(victim)
        if begin // batch == 7:
            await pair.start(victim)
    await pair.tell(*names)
    return set(names)


@pytest.mark.long
@pytest.mark.parametrize("victims", [(0, 1), (1, 0)])
async def test_a_storm_is_told_once_though_one_dies_in_it_and_comes_back(
    tmp_path: Path, site: dict[str, Any], discord: DiscordServer, victims: tuple[int, int]
) -> None:
    async with (
        running_pair(tmp_path, site) as pair,
        running_hub(tmp_path / "hub", pair.sites[0], environ={"WEBHOOK": discord.url}) as hub,
    ):
        told: set[str] = set()
        for victim in victims:
            told |= await storm(pair, victim, 300)
            await told_once(hub, told)


async def test_an_alert_is_told_once_by_the_pair_and_by_what_is_left_of_it(
    tmp_path: Path, site: dict[str, Any], discord: DiscordServer
) -> None:
    async with (
        running_pair(tmp_path, site) as pair,
        running_hub(tmp_path / "hub", pair.sites[0], environ={"WEBHOOK": discord.url}) as hub,
    ):
        await pair.tell("both")
        await told_once(hub, {"both"})
        # Whichever comes first in the cluster: one of the two has to wait for the other.
        await pair.tell("first", to=(0,))
        await pair.tell("second", to=(1,))
        await told_once(hub, {"both", "first", "second"})
        await pair.kill(0)
        await pair.tell("left")
        await told_once(hub, {"both", "first", "second", "left"})
        # What one was told, the other knows: a silence that is made while one is dead is asked of whoever lives.
        async with aiohttp.ClientSession() as session:
            client = AlertmanagerClient(session, *pair.urls)
            now = time.time()
            await client.create_silence(
                [SilenceMatcher("node", "quiet")], starts_at=now, ends_at=now + 600, by="somebody", reason="a test"
            )
            await pair.start(0)
            client = AlertmanagerClient(session, pair.urls[0])

            async def gossiped() -> bool:
                return [one.reason for one in await client.silences()] == ["a test"]

            await hub.until(gossiped, "the silence is known to both")


@pytest.mark.long
async def test_a_pair_is_slower_than_one_by_no_more_than_it_waits_for_the_dead(
    tmp_path: Path, site: dict[str, Any], discord: DiscordServer
) -> None:
    """From the alert's arrival at the pair to the hub's book: with both, and right after the death of either."""
    async with (
        running_pair(tmp_path, site) as pair,
        running_hub(tmp_path / "hub", pair.sites[0], environ={"WEBHOOK": discord.url}) as hub,
    ):
        names = set[str]()
        waits: dict[str, list[float]] = {"both": [], "one": []}
        for victim in (None, 0, 1):
            await pair.settle()
            if victim is not None:
                await pair.kill(victim)
            for number in range(5):
                name = f"{victim}-{number}"
                names.add(name)
                began = time.monotonic()
                await pair.tell(name)

                async def arrived(name: str = name) -> bool:
                    return any(one["labels"]["node"] == name for one in await hub.alerts())

                await hub.until(arrived, name)
                waits["both" if victim is None else "one"].append(time.monotonic() - began)
                await asyncio.sleep(0.2)
            if victim is not None:
                await pair.start(victim)
        await told_once(hub, names)
        # A machine that is busy is as slow for one as for two.
        print({kind: [round(each, 2) for each in found] for kind, found in waits.items()})  # noqa: T201
        assert max(waits["one"]) < 2 * PEER_TIMEOUT_SECONDS + 10 * max(waits["both"])
