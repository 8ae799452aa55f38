"""What the hub believes of the end of an alert, between Alertmanager's word and Prometheus's measurement."""

from __future__ import annotations

import time

from hune.alerting.state.episode import Incoming
from support.alerts import make_alert
from support.discord_server import DiscordServer
from support.hub_process import HubProcess
from support.prometheus_server import PrometheusServer

SINCE = round(time.time()) - 200.0


def hot(*, starts_at: float = SINCE, value: str = "78") -> Incoming:
    return make_alert(node="pve-02", chip="platform_coretemp_0", site="home", starts_at=starts_at, value=value)


def cool(*, starts_at: float = SINCE) -> Incoming:
    return make_alert(
        node="pve-02",
        chip="platform_coretemp_0",
        site="home",
        firing=False,
        starts_at=starts_at,
        ends_at=time.time(),
    )


async def fire(hub: HubProcess, discord: DiscordServer, prometheus: PrometheusServer, alert: Incoming) -> None:
    """Have an alert fire in Prometheus, and wait until people were told."""
    before = len(discord.accepted)
    prometheus.firing = [alert]
    await hub.notify(alert)
    await discord.wait(lambda server: len(server.accepted) == before + 1)


async def is_shown_as(hub: HubProcess, *states: str) -> None:
    async def shown() -> bool:
        return await hub.states() == list(states)

    await hub.until(shown, f"shown as {', '.join(states)}")


async def test_declared_and_measured_end_is_told(
    hub: HubProcess, discord: DiscordServer, prometheus: PrometheusServer
) -> None:
    await fire(hub, discord, prometheus, hot())
    prometheus.firing, prometheus.clear = [], {"pve-02"}
    await hub.notify(cool())
    await discord.wait(lambda server: len(server.accepted) == 3)
    assert "RESOLVED" in discord.accepted[2].text
    assert any("hune:cpu_celsius:max" in query for query in prometheus.queries)


async def test_declared_end_without_a_measurement_is_unknown_until_one_comes(
    hub: HubProcess, discord: DiscordServer, prometheus: PrometheusServer
) -> None:
    """A node that dies at 95 °C."""
    await fire(hub, discord, prometheus, hot())
    prometheus.firing = []
    await hub.notify(cool())
    await is_shown_as(hub, "unknown")
    assert len(discord.accepted) == 1
    prometheus.clear = {"pve-02"}
    await discord.wait(lambda server: len(server.accepted) == 3)
    await is_shown_as(hub, "resolved")


async def test_dead_prometheus_makes_unknown_and_its_return_firing_again_without_a_word(
    hub: HubProcess, discord: DiscordServer, prometheus: PrometheusServer
) -> None:
    await fire(hub, discord, prometheus, hot())
    await prometheus.stop()
    await is_shown_as(hub, "unknown")
    # What Alertmanager says after 4 minutes without Prometheus.
    await hub.notify(cool())
    report = await hub.get("/health")
    assert report["healthy"]
    assert "Prometheus can't be asked" in report["detail"]
    # Started anew, it fires since another moment; nobody has measured an end, so it is the same one.
    again = hot(starts_at=SINCE + 100)
    prometheus.firing = [again]
    await prometheus.start()
    await hub.notify(again)
    await is_shown_as(hub, "firing")
    assert len(discord.accepted) == 1


async def test_end_that_alertmanager_lost_is_told_once_measured(
    hub: HubProcess, discord: DiscordServer, prometheus: PrometheusServer
) -> None:
    await fire(hub, discord, prometheus, hot())
    prometheus.firing, prometheus.clear = [], {"pve-02"}
    await discord.wait(lambda server: len(server.accepted) == 3)
    assert discord.accepted[1].method == "PATCH"


async def test_end_declared_while_prometheus_says_firing_is_not_believed(
    hub: HubProcess, discord: DiscordServer, prometheus: PrometheusServer
) -> None:
    await fire(hub, discord, prometheus, hot())
    prometheus.clear = {"pve-02"}
    await hub.notify(cool())

    async def settled() -> bool:
        [alert] = await hub.alerts()
        return alert["state"] == "firing" and alert["doubted_at"] is None

    await hub.until(settled, "the claim is refuted")
    assert len(discord.accepted) == 1


async def test_crossing_again_is_a_new_alert(
    hub: HubProcess, discord: DiscordServer, prometheus: PrometheusServer
) -> None:
    await fire(hub, discord, prometheus, hot())
    prometheus.firing, prometheus.clear = [], {"pve-02"}
    await hub.notify(cool())
    await discord.wait(lambda server: len(server.accepted) == 3)
    prometheus.clear = set()
    await fire(hub, discord, prometheus, hot(starts_at=time.time()))
    await is_shown_as(hub, "resolved", "firing")
    assert discord.accepted[3].method == "POST"


async def test_peak_is_seen_by_asking_and_told_at_the_end(
    hub: HubProcess, discord: DiscordServer, prometheus: PrometheusServer
) -> None:
    await fire(hub, discord, prometheus, hot(value="72"))
    prometheus.firing = [hot(value="81.5")]

    async def peaked() -> bool:
        return [alert["peak"] for alert in await hub.alerts()] == [81.5]

    await hub.until(peaked, "the peak is seen")
    prometheus.firing = [hot(value="71")]
    prometheus.firing, prometheus.clear = [], {"pve-02"}
    await discord.wait(lambda server: len(server.accepted) == 3)
    assert "peak 81.5 °C" in discord.accepted[2].payload["content"]


async def test_crossing_that_alertmanager_believes_told_is_told_by_the_hub(
    hub: HubProcess, discord: DiscordServer, prometheus: PrometheusServer
) -> None:
    """Cooled under a silence: Alertmanager never sent the end, and keeps the next crossing for itself."""
    crossing = hot(starts_at=time.time())
    prometheus.firing = prometheus.active = [crossing]
    await discord.wait(lambda server: len(server.accepted) == 1)
    assert "pve-02" in discord.accepted[0].text
    # Its own word, should it come late, is no second message.
    await hub.notify(crossing)
    await hub.notify(crossing)
    await is_shown_as(hub, "firing")
    assert len(discord.accepted) == 1


async def test_silenced_crossing_is_not_told(
    hub: HubProcess, discord: DiscordServer, prometheus: PrometheusServer
) -> None:
    prometheus.firing = [hot(starts_at=time.time() - 60)]
    other = make_alert(name="Other", node="pve-01", starts_at=time.time())

    async def asked() -> bool:
        return prometheus.asked_what_is_told >= 3

    await hub.until(asked, "Alertmanager is asked")
    await hub.notify(other)
    await discord.wait(lambda server: len(server.accepted) == 1)
    assert "pve-01" in discord.accepted[0].text


async def test_doubt_survives_the_death_of_the_hub(
    hub: HubProcess, discord: DiscordServer, prometheus: PrometheusServer
) -> None:
    await fire(hub, discord, prometheus, hot())
    prometheus.firing = []
    await is_shown_as(hub, "unknown")
    await hub.all_marked()
    await hub.kill()
    prometheus.clear = {"pve-02"}
    await hub.start()
    await discord.wait(lambda server: len(server.accepted) == 3)
    assert "RESOLVED" in discord.accepted[2].text


async def test_thing_that_left_the_site_is_not_called_resolved(
    hub: HubProcess, discord: DiscordServer, prometheus: PrometheusServer
) -> None:
    gone = make_alert(node="pve-99", site="home", starts_at=SINCE)
    await fire(hub, discord, prometheus, gone)
    # The catalogue's expression also holds once the site no longer has the node.
    prometheus.firing, prometheus.clear = [], {"pve-99"}
    await discord.wait(lambda server: len(server.accepted) == 3)
    assert "NO LONGER WATCHED" in discord.accepted[2].text


async def test_test_alert_expires_without_a_word(hub: HubProcess, discord: DiscordServer) -> None:
    for _ in range(2):
        assert await hub.post(b'{"alerts":[{"status":"firing","labels":{"alertname":"TestAlert"}}]}') == 200
    await discord.wait(lambda server: len(server.accepted) == 2)
    await is_shown_as(hub, "resolved", "resolved")
    assert [alert["ending"] for alert in await hub.alerts()] == ["expired", "expired"]
    assert len(discord.accepted) == 2
