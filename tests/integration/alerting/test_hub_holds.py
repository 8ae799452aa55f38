"""Holds as the hub keeps them, with stand-ins of the engines that say what tests want."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hune.promapi.alertmanager import SilenceMatcher
from hune.site.models import Site
from support.alerts import make_alert
from support.discord_server import DiscordServer
from support.hub_process import HubProcess, running_hub
from support.prometheus_server import PrometheusServer

OF_NODE = SilenceMatcher("node", "pve-02")
SINCE = round(time.time()) - 200.0
HOT = make_alert(site="home", starts_at=SINCE)
OTHER = make_alert(node="pve-01", site="home", starts_at=SINCE)


async def is_held(hub: HubProcess, *kinds: str) -> None:
    async def held() -> bool:
        return [[hold["kind"] for hold in alert["holds"]] for alert in await hub.alerts()] == [list(kinds)]

    await hub.until(held, f"held by {kinds}")


async def test_alert_that_fires_silenced_is_in_the_book_held_and_told_when_the_silence_ends(
    hub: HubProcess, discord: DiscordServer, prometheus: PrometheusServer
) -> None:
    silence = prometheus.silence(600, OF_NODE)
    prometheus.firing = prometheus.active = [HOT]
    await is_held(hub, "silence")
    [alert] = await hub.alerts()
    assert [(row["receiver"], row["state"]) for row in alert["deliveries"]] == [("discord", "held")]
    assert alert["holds"][0]["id"] == silence
    assert discord.requests == 0
    prometheus.expire(silence)
    await discord.wait(lambda server: len(server.accepted) == 1)
    assert "CRITICAL" in discord.accepted[0].text


async def test_what_came_and_went_silenced_is_only_shown(
    hub: HubProcess, discord: DiscordServer, prometheus: PrometheusServer
) -> None:
    silence = prometheus.silence(600, SilenceMatcher("node", "pve-.2", is_regex=True))
    prometheus.firing = prometheus.active = [HOT]
    await is_held(hub, "silence")
    prometheus.firing, prometheus.clear = [], {"pve-02"}

    async def over() -> bool:
        return await hub.states() == ["resolved"]

    await hub.until(over, "over")
    prometheus.expire(silence)
    await is_held(hub)
    [alert] = await hub.alerts()
    assert [row["state"] for row in alert["deliveries"]] == ["withheld"]
    await hub.notify(OTHER)
    await discord.wait(lambda server: len(server.accepted) == 1)
    assert "pve-01" in discord.accepted[0].text
    assert (await hub.get("/health"))["healthy"]


async def test_end_under_a_silence_is_told_when_it_ends_though_the_hub_was_killed_meanwhile(
    hub: HubProcess, discord: DiscordServer, prometheus: PrometheusServer
) -> None:
    prometheus.firing = [HOT]
    await hub.notify(HOT)
    await discord.wait(lambda server: len(server.accepted) == 1)
    silence = prometheus.silence(600, OF_NODE)
    await is_held(hub, "silence")
    await hub.kill()
    # The engines are away when it starts again: what it knew of the silence holds on.
    await prometheus.stop()
    await hub.start()
    await is_held(hub, "silence")
    prometheus.firing, prometheus.clear = [], {"pve-02"}
    await prometheus.start()

    async def over() -> bool:
        return await hub.states() == ["resolved"]

    await hub.until(over, "over")
    assert len(discord.accepted) == 1
    prometheus.expire(silence)
    await discord.wait(lambda server: len(server.accepted) == 3)
    assert "RESOLVED" in discord.accepted[2].text


async def test_alert_that_alertmanager_sends_after_its_silence_was_ended_is_told_at_once(
    hub: HubProcess, discord: DiscordServer, prometheus: PrometheusServer
) -> None:
    silence = prometheus.silence(600, OF_NODE)
    asked = prometheus.asked_for_silences

    async def known() -> bool:
        return prometheus.asked_for_silences > asked + 1

    await hub.until(known, "the silence is known")
    prometheus.firing = [HOT]
    prometheus.expire(silence)
    await hub.notify(HOT)
    await discord.wait(lambda server: len(server.accepted) == 1)


async def test_other_alerts_are_told_while_one_is_silenced(
    hub: HubProcess, discord: DiscordServer, prometheus: PrometheusServer
) -> None:
    prometheus.silence(600, OF_NODE)
    prometheus.firing = prometheus.active = [HOT]
    await is_held(hub, "silence")
    prometheus.firing = prometheus.active = [HOT, OTHER]
    await hub.notify(OTHER)
    await discord.wait(lambda server: len(server.accepted) == 1)
    assert "pve-01" in discord.accepted[0].text


def clock(moment: datetime) -> str:
    return moment.strftime("%H:%M")


@pytest.fixture
def worked_on(site: Site) -> Site:
    """Return the site while somebody works on a node of it."""
    began = datetime.now(UTC) - timedelta(minutes=2)
    window = {"every": f"daily {clock(began)}", "for": "1h", "nodes": ["pve-02"], "reason": "new fan"}
    return Site.model_validate({**site.model_dump(), "maintenance": [window], "timezone": "Etc/UTC"})


async def test_window_of_the_site_file_holds_its_node_alone(
    tmp_path: Path,
    site: Site,
    worked_on: Site,
    discord: DiscordServer,
    prometheus: PrometheusServer,
    timing: dict[str, float],
) -> None:
    async with running_hub(tmp_path, worked_on, environ={"FIRST_WEBHOOK": discord.url}, timing=timing) as hub:
        prometheus.firing = [HOT, OTHER]
        await hub.notify(HOT, make_alert(name="Watchdog", site="home", starts_at=SINCE), OTHER)
        await discord.wait(lambda server: len(server.accepted) == 2)
        assert not any("pve-02: CPU" in message.text and "Watchdog" not in message.text for message in discord.accepted)
        held = (await hub.alerts())[0]
        assert [(hold["kind"], hold["id"], hold["reason"]) for hold in held["holds"]] == [
            ("maintenance", "site-1", "new fan")
        ]
    # The window is gone from the site file: what still fires is told.
    async with running_hub(tmp_path, site, environ={"FIRST_WEBHOOK": discord.url}, timing=timing):
        await discord.wait(lambda server: len(server.accepted) == 3)
        assert "pve-02" in discord.accepted[2].text


@pytest.fixture
def resting(site: Site) -> Site:
    """Return the site outside the hours of its receiver."""
    now = datetime.now(UTC)
    later = {"from": clock(now + timedelta(minutes=30)), "to": clock(now + timedelta(minutes=60))}
    return Site.model_validate({**site.model_dump(), "routes": [{"receivers": ["discord"], "hours": later}]})


async def test_receiver_is_told_when_its_hours_begin(
    tmp_path: Path,
    site: Site,
    resting: Site,
    discord: DiscordServer,
    prometheus: PrometheusServer,
    timing: dict[str, float],
) -> None:
    async with running_hub(tmp_path, resting, environ={"FIRST_WEBHOOK": discord.url}, timing=timing) as hub:
        prometheus.firing = [HOT]
        await hub.notify(HOT)
        [alert] = await hub.alerts()
        assert [row["state"] for row in alert["deliveries"]] == ["waiting"]
        assert alert["deliveries"][0]["due_at"] > time.time()
        assert (await hub.receiver("discord"))["pending"] == 0
    # The hours are gone from the site file.
    async with running_hub(tmp_path, site, environ={"FIRST_WEBHOOK": discord.url}, timing=timing):
        await discord.wait(lambda server: len(server.accepted) == 1)
