"""Every channel through the hub: the real client, sockets, and servers that hold to what the services document.

All channels are told at once by one hub, so that none waits for another.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from hune.alerting.notifiers import ReceiverRefused, TryLater
from hune.alerting.notifiers.emergency import send_emergency
from hune.alerting.notifiers.mail import MailComposer
from hune.alerting.notifiers.mail import MailServer as MailClient
from hune.alerting.state.episode import Incoming
from hune.http.call import open_session
from hune.site.models import Site
from hune.site.receivers import Email
from support.alerts import make_alert
from support.channel_servers import WebhookServer
from support.every_channel import Servers, environ_of, site_of
from support.hub_process import HubProcess, running_hub
from support.mail_server import MailServer
from support.notices import notice, writer
from support.ports import free_port
from support.prometheus_server import PrometheusServer
from support.stand_in import TOKEN, Fault, HttpStandIn, StandIn

SINCE = round(time.time()) - 200.0


def hot(node: str) -> Incoming:
    """Return an alert of somebody else's rules: Prometheus is not asked about it."""
    return make_alert(name="Hot", node=node, starts_at=SINCE)


def cool(node: str) -> Incoming:
    return make_alert(name="Hot", node=node, firing=False, starts_at=SINCE, ends_at=SINCE + 192)


@pytest.fixture
def site(prometheus: PrometheusServer, channels: Servers) -> Site:
    return site_of(channels, prometheus, ["pve-02"])


@pytest_asyncio.fixture
async def hub(tmp_path: Path, site: Site, channels: Servers, timing: dict[str, float]) -> AsyncIterator[HubProcess]:
    async with running_hub(tmp_path, site, environ=environ_of(channels), timing=timing) as process:
        yield process


async def notify(hub: HubProcess, channels: Servers, *alerts: Incoming) -> None:
    for name in channels:
        await hub.notify(*alerts, receiver=name)


async def everywhere(channels: Servers, holds: Callable[[StandIn], bool]) -> None:
    for server in channels.values():
        await server.wait(holds)


def told(text: str, count: int = 1) -> Callable[[StandIn], bool]:
    """Return whether so many messages say something."""
    return lambda server: sum(text in one.text for one in server.posts) >= count


def crossed(*, over: bool = False, starts_at: float = SINCE) -> Incoming:
    """Return an alert of Hune's own rules, of whose end Prometheus is asked."""
    chip = "platform_coretemp_0"
    return make_alert(chip=chip, firing=not over, starts_at=starts_at, ends_at=time.time() if over else None)


async def test_only_a_measured_end_is_told_and_that_everywhere(
    hub: HubProcess, channels: Servers, prometheus: PrometheusServer
) -> None:
    slack, teams = channels["slack"], channels["teams"]
    assert isinstance(slack, HttpStandIn)
    assert isinstance(teams, HttpStandIn)
    slack.rate_limit, teams.rate_limit = (1, 0.9), (4, 1.0)
    prometheus.firing = [crossed()]
    await notify(hub, channels, crossed())
    await everywhere(channels, lambda server: len(server.posts) == 1)
    # A node that dies at 95 °C, and then Prometheus: what Alertmanager declares as over was not measured.
    prometheus.firing = []
    await notify(hub, channels, crossed(over=True))

    async def unknown() -> bool:
        return await hub.states() == ["unknown"]

    await hub.until(unknown, "not known")
    await prometheus.stop()
    await notify(hub, channels, crossed(over=True))
    await prometheus.start()
    assert {len(server.posts) for server in channels.values()} == {1}
    prometheus.clear = {"pve-02"}
    await everywhere(channels, lambda server: len(server.posts) == 2)

    async def settled() -> bool:
        rows = [row for alert in await hub.alerts() for row in alert["deliveries"] if row["receiver"] != "console"]
        return len(rows) == len(channels) and all(row["told"] == "resolved" for row in rows)

    await hub.until(settled, "told everywhere")
    # Crossing again is another alert.
    again = crossed(starts_at=time.time())
    prometheus.clear, prometheus.firing = set(), [again]
    await notify(hub, channels, again)
    await everywhere(channels, lambda server: len(server.posts) == 3)
    for name, server in channels.items():
        first, second, third = server.posts
        assert "PVE-02" in first.text.upper(), name
        assert "firing" in first.text if name == "hook" else "CRITICAL" in first.text, name
        assert "RESOLVED" in second.text.upper(), name
        assert "RESOLVED" not in third.text.upper(), name
        assert server.refused == [], name
    assert slack.over_limit == teams.over_limit == 0
    # Where a message can be edited it is, and what follows is in its thread.
    assert [one.id for one in channels["discord"].patches] == [channels["discord"].posts[0].id]
    bot, mail, hook = channels["bot"], channels["mail"], channels["hook"]
    assert [one.id for one in bot.patches] == [bot.posts[0].id] == [bot.posts[1].payload["thread_ts"]]
    assert "thread_ts" not in bot.posts[2].payload
    assert mail.posts[1].payload["headers"]["References"] == mail.posts[0].id
    assert isinstance(mail, MailServer)
    assert mail.plaintext_logins == 0
    assert isinstance(hook, WebhookServer)
    assert len(set(hook.ids)) == 3


@pytest.mark.parametrize("request_seconds", [5.0])
async def test_faults_of_every_kind_delay_and_lose_nothing_anywhere(hub: HubProcess, channels: Servers) -> None:
    faults = [
        Fault("status", status=500),
        Fault("status", status=429, retry_after=0.3),
        Fault("hang_up"),
        Fault("silent"),
        Fault("garbage"),
        Fault("withhold"),
    ]
    for number, fault in enumerate(faults):
        for server in channels.values():
            server.fail(Fault(fault.kind, fault.status, fault.retry_after, times=1))
        await notify(hub, channels, hot(f"node-{number}"))
        await everywhere(channels, told(f"node-{number}"))
    for name, server in channels.items():
        counts = [sum(f"node-{number}" in one.text for one in server.posts) for number in range(len(faults))]
        # Only a receiver that took a message and never said so hears of it twice.
        assert counts[:-1] == [1] * (len(faults) - 1), (name, counts)
        assert server.refused == [], name
    # Else the hub would wait, as it ends, for what is withheld.
    for server in channels.values():
        await server.stop()


async def test_receivers_that_refuse_are_named_and_told_once_they_are_mended(
    hub: HubProcess, channels: Servers
) -> None:
    for server in channels.values():
        server.fail(Fault("deleted"))
    await notify(hub, channels, hot("pve-02"))

    async def all_broken() -> bool:
        report = await hub.get("/health")
        return all(row["state"] == "broken" for row in report["receivers"] if row["name"] != "console")

    await hub.until(all_broken, "every receiver is called broken")
    report = await hub.get("/health")
    assert all(row["problem"] for row in report["receivers"] if row["name"] != "console")
    for server in channels.values():
        server.fail(None)
    await everywhere(channels, lambda server: len(server.posts) == 1)


async def test_hundreds_at_once_are_one_message_everywhere(hub: HubProcess, channels: Servers) -> None:
    await notify(hub, channels, *(hot(f"n{number:03}") for number in range(300)))
    await everywhere(channels, lambda server: len(server.posts) == 1)
    for name, server in channels.items():
        [digest] = server.posts
        assert "300" in digest.text or digest.payload["data"]["total"] == 300, name
        assert "/alerts?digest=" in digest.text, name
        assert server.refused == [], name


async def test_no_secret_is_in_a_log_an_error_or_a_file(hub: HubProcess, channels: Servers, tmp_path: Path) -> None:
    for kind in ("status", "hang_up", "deleted", "refuse"):
        seen = {name: server.requests for name, server in channels.items()}
        for server in channels.values():
            server.fail(Fault(kind))
        await notify(hub, channels, hot(kind))
        for name, server in channels.items():
            await server.wait(lambda one, before=seen[name]: one.requests > before)  # type: ignore[misc]
    for server in channels.values():
        await server.stop()
    await notify(hub, channels, hot("last"))
    shown = [str(await hub.get(path)) for path in ("/health", "/alerts")]
    await hub.stop()
    for text in [*shown, hub.log()]:
        assert TOKEN not in text
    assert _files_with(TOKEN, tmp_path) == []


def _files_with(text: str, root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


async def test_address_that_is_refused_keeps_nobody_else_from_being_told(
    certificate: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = MailServer(port=free_port(), certificate=certificate)
    settings = Email.model_validate(server.settings["email"])
    message = MailComposer(writer(), "mail", settings).alert(notice())
    client = await asyncio.to_thread(MailClient, settings, TOKEN, timeout_seconds=60.0)
    await server.start()
    try:
        server.unknown = {"second@example.com": 550}
        await client.post(message)
        assert "second@example.com: refused by its server (550)" in caplog.text
        server.unknown = {"first@example.com": 550, "second@example.com": 550}
        with pytest.raises(ReceiverRefused):
            await client.post(message)
        # One that may be known in a minute is worth another try.
        server.unknown = {"first@example.com": 450, "second@example.com": 550}
        with pytest.raises(TryLater):
            await client.post(message)
        assert len(server.posts) == 1
        # So many a message: the rest in another one. Who isn't taken there either holds up nobody.
        server.unknown, server.most_recipients = {}, 1
        await client.post(message)
        assert [one.payload["to"] for one in server.posts[1:]] == [["first@example.com"], ["second@example.com"]]
        server.unknown = {"second@example.com": 451}
        await client.post(message)
        assert "second@example.com: refused by its server (451)" in caplog.text
        assert len(server.posts) == 4
    finally:
        await server.stop()


async def test_mail_server_that_thinks_for_long_is_waited_for(certificate: Path) -> None:
    """It has taken the message: whoever loses patience sends it again, and again."""
    server = MailServer(port=free_port(), certificate=certificate)
    settings = Email.model_validate(server.settings["email"])
    client = await asyncio.to_thread(MailClient, settings, TOKEN, timeout_seconds=5.0)
    server.thinks_seconds = 5.5
    await server.start()
    try:
        await client.post(MailComposer(writer(), "mail", settings).alert(notice()))
    finally:
        await server.stop()


async def test_word_past_a_dead_hub_reaches_every_channel(site: Site, channels: Servers) -> None:
    environ = {name: text for server in channels.values() for name, text in server.environ.items()}
    channels["teams"].fail(Fault("status", status=500))
    async with open_session() as session:
        assert await send_emergency(site, environ, "the hub is dead <@everyone>", session) == len(channels) - 1
    for name, server in channels.items():
        assert [("the hub is dead" in one.text) for one in server.posts] == [True] * (name != "teams"), name
        assert server.refused == [], name
