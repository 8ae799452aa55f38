"""A hub process between a stand-in of Discord and one of Prometheus, on ports of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from hune.site.models import Site
from support.discord_server import DiscordServer, discord_server
from support.every_channel import Servers, every_channel
from support.hub_process import HubProcess, running_hub
from support.mail_server import make_certificate
from support.ports import free_port
from support.prometheus_server import PrometheusServer, prometheus_server

# Everything that takes minutes in life takes a second or two here.
TIMING = {
    "reconcile": 0.3,
    "watch": 0.2,
    "doubt": 0.6,
    "recheck": 0.1,
    "missed": 1.0,
    "test_alert": 4.0,
    "outage": 1.0,
    "retry_first": 0.05,
    "retry_ceiling": 0.3,
    "broken_retry": 1.0,
}


@pytest.fixture
def request_seconds() -> float:
    """Return how long a receiver may take over a message: no busy machine has it given up, and told again."""
    return 60.0


@pytest.fixture
def timing(request_seconds: float) -> dict[str, float]:
    """Return how long the hub waits for what; a test module may compress less."""
    return {**TIMING, "request": request_seconds}


@pytest_asyncio.fixture
async def discord() -> AsyncIterator[DiscordServer]:
    async with discord_server(free_port()) as server:
        yield server


@pytest_asyncio.fixture
async def other_discord() -> AsyncIterator[DiscordServer]:
    async with discord_server(free_port()) as server:
        yield server


@pytest_asyncio.fixture
async def prometheus() -> AsyncIterator[PrometheusServer]:
    async with prometheus_server(free_port()) as server:
        yield server


@pytest.fixture
def site(prometheus: PrometheusServer) -> Site:
    """Return a site with two Discord receivers; one server stands for Prometheus and Alertmanager."""
    engine = {"url": f"http://127.0.0.1:{prometheus.port}"}
    return Site.model_validate(
        {
            "name": "home",
            "nodes": [{"name": f"pve-0{number}", "address": f"10.0.0.{number}"} for number in (1, 2, 3)],
            "receivers": [
                {"name": "discord", "lab": True, "discord": {"webhook": "env:FIRST_WEBHOOK"}},
                {"name": "other", "discord": {"webhook": "env:SECOND_WEBHOOK"}},
            ],
            "routes": [{"match": {"severity": "critical"}, "receivers": ["discord"]}],
            "engines": {"prometheus": engine, "alertmanager": engine},
            "services": {"hub": {"port": free_port()}, "nester": {"port": free_port()}},
        }
    )


@pytest_asyncio.fixture
async def hub(
    tmp_path: Path, site: Site, discord: DiscordServer, other_discord: DiscordServer, timing: dict[str, float]
) -> AsyncIterator[HubProcess]:
    environ = {"FIRST_WEBHOOK": discord.url, "SECOND_WEBHOOK": other_discord.url}
    async with running_hub(tmp_path, site, environ=environ, timing=timing) as process:
        yield process


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the certificate of a mail server, with its key."""
    path = tmp_path_factory.mktemp("mail") / "mail.pem"
    make_certificate(path)
    return path


@pytest_asyncio.fixture
async def channels(certificate: Path) -> AsyncIterator[Servers]:
    """Return a server of each channel, which holds to what its service documents."""
    async with every_channel(certificate) as servers:
        yield servers
