"""Holds as the hub keeps them, with stand-ins of the engines that say what tests want."""

from __future__ import annotations

import time

from hune.promapi.alertmanager import SilenceMatcher
from support.alerts import make_alert
from support.discord_server import DiscordServer
from support.hub_process import HubProcess
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
