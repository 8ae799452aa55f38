"""What a lost node or quorum explains, through the real Alertmanager and the hub: silent, and told once it isn't so."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import time
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from hune.alerting.catalogue import ALERTS
from hune.alerting.routing import render_alertmanager
from hune.alerting.state.episode import Incoming
from hune.site.models import Site
from support.discord_server import DiscordServer
from support.hub_process import HubProcess
from support.ports import free_port
from support.prometheus_server import PrometheusServer

SINCE = time.time() - 60.0


@pytest.fixture
def site(site: Site) -> Site:
    """Return the site with a cluster of its nodes, of which one receiver hears everything."""
    cluster = {"name": "home", "nodes": ["pve-01", "pve-02", "pve-03"], "token": {"id": "a@pve!b", "secret": "env:X"}}
    said = site.model_dump(mode="json", exclude_unset=True)
    return Site.model_validate({**said, "proxmox": [cluster], "routes": [{"receivers": ["discord"]}]})


class Alertmanager:
    """The real one; it is told alerts as Prometheus would tell it."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/api/v2/alerts"
        self._session = aiohttp.ClientSession()

    async def hear(self, *alerts: Incoming) -> None:
        rows = [
            {
                "labels": dict(alert.labels),
                "annotations": dict(alert.annotations),
                "startsAt": datetime.fromtimestamp(alert.starts_at or 0.0, UTC).isoformat(),
                "endsAt": datetime.fromtimestamp(alert.ends_at or time.time() + 300.0, UTC).isoformat(),
            }
            for alert in alerts
        ]
        async with self._session.post(self._url, json=rows) as answer:
            assert answer.status == 200, await answer.text()

    async def states(self) -> dict[str, str]:
        """Return of each alert whether it is told: `active` or `suppressed`."""
        async with self._session.get(self._url) as answer:
            return {row["labels"]["alertname"]: row["status"]["state"] for row in await answer.json()}

    async def close(self) -> None:
        await self._session.close()


@pytest_asyncio.fixture
async def alertmanager(tmp_path: Path, site: Site, hub: HubProcess) -> AsyncIterator[Alertmanager]:
    program = shutil.which("prometheus-alertmanager")
    assert program, "prometheus-alertmanager is not on the PATH"
    (tmp_path / "alertmanager.yml").write_text(render_alertmanager(site))
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        program,
        f"--config.file={tmp_path / 'alertmanager.yml'}",
        f"--storage.path={tmp_path / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        # Unpacked by `dpkg -x`, Alertmanager finds its templates from the root of the tree.
        cwd=Path(program).parents[2],
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    made = Alertmanager(f"http://127.0.0.1:{port}")

    async def answers() -> bool:
        with contextlib.suppress(aiohttp.ClientError):
            return not await made.states()
        return False

    try:
        await hub.until(answers, "alertmanager answers")
        yield made
    finally:
        await made.close()
        process.kill()
        await process.wait()


def alert(name: str, labels: Mapping[str, str], *, over: bool = False) -> Incoming:
    severity = ALERTS[name].severity or "critical"
    said = {"summary": f"{name} is so", "description": "", "runbook_url": ""}
    given = {"alertname": name, "severity": severity, **labels}
    return Incoming(not over, given, said, SINCE, time.time() if over else None)


def heard(discord: DiscordServer) -> list[str]:
    """Return what people were told by messages of their own, in order."""
    return [
        ("over " if "RESOLVED" in accepted.text else "") + name
        for accepted in discord.posts
        for name in ALERTS
        if re.search(rf"/{name}\b|\b{name} is so", accepted.text)
    ]


OF_NODE = {"cluster": "home", "node": "pve-02"}


@pytest.mark.parametrize(
    ("cause", "explained", "apart"),
    [
        (
            ("NodeDown", {"node": "pve-02"}),
            [
                ("CpuHot", {"node": "pve-02", "chip": "platform_coretemp_0"}),
                ("ZfsPoolDegraded", {**OF_NODE, "pool": "rpool"}),
                ("BackupFailed", OF_NODE),
            ],
            ("PveNodeFenced", OF_NODE),
        ),
        (
            ("PveNodeOffline", OF_NODE),
            [
                ("DiskFailing", {**OF_NODE, "device": "sda"}),
                ("StorageOffline", {**OF_NODE, "storage": "tank"}),
                ("CephOsdDown", {**OF_NODE, "osd": "3"}),
            ],
            ("PveNodeFenced", OF_NODE),
        ),
        (
            ("PveQuorumLost", {"cluster": "home"}),
            [("PveNodeOffline", OF_NODE), ("PveQdeviceDown", {"cluster": "home"})],
            ("GuestDown", {"cluster": "home", "id": "qemu/100"}),
        ),
    ],
    ids=["node down", "node offline", "quorum lost"],
)
async def test_what_a_loss_explains_is_silent_until_it_ends(
    cause: tuple[str, dict[str, str]],
    explained: list[tuple[str, dict[str, str]]],
    apart: tuple[str, dict[str, str]],
    alertmanager: Alertmanager,
    hub: HubProcess,
    discord: DiscordServer,
    prometheus: PrometheusServer,
) -> None:
    name, labels = cause
    children = [alert(child, of) for child, of in explained]
    critical = [child for child in children if child.labels["severity"] == "critical"]
    prometheus.firing = [alert(name, labels), *children, alert(*apart)]
    await alertmanager.hear(alert(name, labels))
    await discord.wait(lambda server: len(server.posts) == 1)
    await alertmanager.hear(*children)

    async def silent() -> bool:
        states = await alertmanager.states()
        return all(states.get(child.labels["alertname"]) == "suppressed" for child in children)

    await hub.until(silent, "what is explained is suppressed")
    await alertmanager.hear(alert(*apart))
    await discord.wait(lambda server: len(server.posts) == 2)
    assert heard(discord) == [name, apart[0]]

    prometheus.firing = prometheus.firing[1:]
    await alertmanager.hear(alert(name, labels, over=True))

    def told_since() -> list[str]:
        # What isn't critical waits ten seconds to be told together; on a busy machine those are over by now.
        unhurried = {child.labels["alertname"] for child in children if child not in critical}
        return sorted(name for name in heard(discord)[2:] if name not in unhurried)

    await discord.wait(lambda _server: len(told_since()) == len(critical))
    assert told_since() == sorted(child.labels["alertname"] for child in critical)
    # Alertmanager's word alone ends nothing: the cause has not been measured as over.
    assert f"over {name}" not in heard(discord)
