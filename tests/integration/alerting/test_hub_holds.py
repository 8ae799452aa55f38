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


async def is_held(hub: HubProcess, *kinds: list[str]) -> None:
    """Wait until the alerts of the book, oldest first, are held by these."""

    async def held() -> bool:
        return [[hold["kind"] for hold in alert["holds"]] for alert in await hub.alerts()] == list(kinds)

    await hub.until(held, f"held by {kinds}")


async def test_silenced_alerts_are_in_the_book_and_told_when_the_silence_ends_if_they_still_fire(
    hub: HubProcess, discord: DiscordServer, prometheus: PrometheusServer
) -> None:
    silence = prometheus.silence(600, OF_NODE)
    prometheus.firing = prometheus.active = [HOT]
    await is_held(hub, ["silence"])
    [alert] = await hub.alerts()
    assert [(row["receiver"], row["state"]) for row in alert["deliveries"]] == [("discord", "held")]
    assert alert["holds"][0]["id"] == silence
    # Others are told meanwhile.
    prometheus.firing = prometheus.active = [HOT, OTHER]
    await hub.notify(OTHER)
    await discord.wait(lambda server: len(server.accepted) == 1)
    assert "pve-01" in discord.accepted[0].text
    prometheus.expire(silence)
    await discord.wait(lambda server: len(server.accepted) == 2)
    assert "pve-02" in discord.accepted[1].text
    # Under the next silence one comes and goes: it is only shown.
    silence = prometheus.silence(600, SilenceMatcher("node", "pve-.3", is_regex=True))
    prometheus.firing = prometheus.active = [HOT, OTHER, make_alert(node="pve-03", site="home", starts_at=SINCE)]
    await is_held(hub, [], [], ["silence"])
    prometheus.firing, prometheus.clear = [HOT, OTHER], {"pve-03"}

    async def over() -> bool:
        return await hub.states() == ["firing", "firing", "resolved"]

    await hub.until(over, "over")
    prometheus.expire(silence)
    await is_held(hub, [], [], [])
    assert [row["state"] for row in (await hub.alerts())[2]["deliveries"]] == ["withheld"]
    # What Alertmanager sends as soon as a silence was ended waits for nothing.
    silence, asked = prometheus.silence(600, OF_NODE), prometheus.asked_for_silences

    async def known() -> bool:
        return prometheus.asked_for_silences > asked + 1

    await hub.until(known, "the silence is known")
    prometheus.expire(silence)
    later = make_alert(name="NodeDown", site="home", starts_at=SINCE)
    prometheus.firing = [HOT, OTHER, later]
    await hub.notify(later)
    await discord.wait(lambda server: len(server.accepted) == 3)
    assert "NodeDown" in discord.accepted[2].text
    assert (await hub.get("/health"))["healthy"]


async def test_end_under_a_silence_is_told_when_it_ends_though_the_hub_was_killed_meanwhile(
    hub: HubProcess, discord: DiscordServer, prometheus: PrometheusServer
) -> None:
    prometheus.firing = [HOT]
    await hub.notify(HOT)
    await discord.wait(lambda server: len(server.accepted) == 1)
    await hub.all_marked()
    silence = prometheus.silence(600, OF_NODE)
    await is_held(hub, ["silence"])
    await hub.kill()
    # The engines are away when it starts again: what it knew of the silence holds on.
    await prometheus.stop()
    await hub.start()
    await is_held(hub, ["silence"])
    prometheus.firing, prometheus.clear = [], {"pve-02"}
    await prometheus.start()

    async def over() -> bool:
        return await hub.states() == ["resolved"]

    await hub.until(over, "over")
    assert len(discord.accepted) == 1
    prometheus.expire(silence)
    await discord.wait(lambda server: len(server.accepted) == 3)
    assert "RESOLVED" in discord.accepted[2].text


def clock(moment: datetime) -> str:
    return moment.strftime("%H:%M")


@pytest.fixture
def worked_on(site: Site) -> Site:
    """Return the site while somebody works on a node of it, outside the hours of a receiver."""
    now = datetime.now(UTC)
    window = {
        "every": f"daily {clock(now - timedelta(minutes=2))}",
        "for": "1h",
        "nodes": ["pve-02"],
        "reason": "new fan",
    }
    later = {"from": clock(now + timedelta(minutes=30)), "to": clock(now + timedelta(minutes=60))}
    routes = [{"receivers": ["discord"]}, {"receivers": ["other"], "hours": later}]
    given = {"maintenance": [window], "timezone": "Etc/UTC", "routes": routes}
    return Site.model_validate({**site.model_dump(), **given})


async def test_window_and_hours_of_the_site_file_hold_until_the_site_file_says_otherwise(
    tmp_path: Path,
    site: Site,
    worked_on: Site,
    discord: DiscordServer,
    other_discord: DiscordServer,
    prometheus: PrometheusServer,
    timing: dict[str, float],
) -> None:
    environ = {"FIRST_WEBHOOK": discord.url, "SECOND_WEBHOOK": other_discord.url}
    prometheus.firing = [HOT, OTHER]
    async with running_hub(tmp_path, worked_on, environ=environ, timing=timing) as hub:
        for receiver in ("discord", "other"):
            await hub.notify(HOT, OTHER, receiver=receiver)
        await discord.wait(lambda server: len(server.accepted) == 1)
        assert "pve-01" in discord.accepted[0].text
        hot, other = await hub.alerts()
        assert [(hold["kind"], hold["id"], hold["reason"]) for hold in hot["holds"]] == [
            ("maintenance", "site-1", "new fan")
        ]
        told = {row["receiver"]: row for row in other["deliveries"]}
        assert told["other"]["state"] == "waiting"
        assert told["other"]["due_at"] > time.time()
        assert (await hub.receiver("other"))["pending"] == 0
    async with running_hub(tmp_path, site, environ=environ, timing=timing):
        await discord.wait(lambda server: len(server.accepted) == 2)
        assert "pve-02" in discord.accepted[1].text
        await other_discord.wait(lambda server: len(server.accepted) == 2)
