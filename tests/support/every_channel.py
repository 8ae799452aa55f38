"""Every channel at once: a server for each, and a site whose receivers are all of them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from typing import Any

from hune.site.models import Site
from support.channel_servers import SlackBotServer, SlackWebhookServer, TeamsServer, WebhookServer
from support.discord_server import DiscordServer
from support.mail_server import MailServer
from support.ports import free_port
from support.prometheus_server import PrometheusServer
from support.stand_in import HttpStandIn, StandIn

Servers = Mapping[str, StandIn]
HTTP = {"discord": DiscordServer, "slack": SlackWebhookServer, "bot": SlackBotServer, "teams": TeamsServer}


@contextlib.asynccontextmanager
async def every_channel(certificate: Path) -> AsyncIterator[Servers]:
    """Run a server for each channel as long as the block lasts; the mail server has the certificate."""
    servers: dict[str, StandIn] = {name: make(port=free_port()) for name, make in HTTP.items()}
    servers["hook"] = WebhookServer(port=free_port())
    servers["mail"] = MailServer(port=free_port(), certificate=certificate)
    for server in servers.values():
        await server.start()
    try:
        yield servers
    finally:
        for server in servers.values():
            await server.stop()


def site_of(channels: Servers, prometheus: PrometheusServer, nodes: Iterable[str]) -> Site:
    """Return a site with a receiver for each channel, told of everything."""
    engine = {"url": f"http://127.0.0.1:{prometheus.port}"}
    settings: dict[str, Any] = {name: dict(server.settings) for name, server in channels.items()}
    bot = channels["bot"]
    assert isinstance(bot, HttpStandIn)
    settings["bot"] = {"slack": {**settings["bot"]["slack"], "api": f"http://{bot.host}:{bot.port}/api"}}
    return Site.model_validate(
        {
            "name": "home",
            "nodes": [{"name": name, "address": f"10.0.0.{number}"} for number, name in enumerate(nodes, 2)],
            "receivers": [{"name": name, **channel} for name, channel in settings.items()],
            "engines": {"prometheus": engine, "alertmanager": engine},
            "services": {"hub": {"port": free_port()}, "nester": {"port": free_port()}},
        }
    )


def environ_of(channels: Servers) -> dict[str, str]:
    """Return what has to stand in the hub's environment."""
    return {name: text for server in channels.values() for name, text in server.environ.items()}
