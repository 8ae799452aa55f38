"""Silences as the real Alertmanager keeps them: who is told what while they hold, and when they end."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from hune.alerting.holds import silences
from hune.alerting.routing import render_alertmanager
from hune.alerting.state.episode import Incoming
from hune.promapi.alertmanager import AlertmanagerClient, SilenceMatcher
from hune.site.models import Site
from support.alerts import make_alert
from support.discord_server import DiscordServer
from support.engine import Engine, alertmanager
from support.hub_process import HubProcess, running_hub
from support.ports import free_port
from support.prometheus_server import PrometheusServer


@pytest.fixture
def site(prometheus: PrometheusServer) -> Site:
    return Site.model_validate(
        {
            "name": "home",
            "nodes": [{"name": f"pve-0{number}", "address": f"10.0.0.{number}"} for number in (1, 2)],
            "receivers": [{"name": "discord", "discord": {"webhook": "env:WEBHOOK"}}],
            "engines": {
                "prometheus": {"url": f"http://127.0.0.1:{prometheus.port}"},
                "alertmanager": {"url": f"http://127.0.0.1:{free_port()}"},
            },
            "services": {"hub": {"port": free_port()}, "nester": {"port": free_port()}},
        }
    )


@pytest_asyncio.fixture
async def engine(tmp_path: Path, site: Site) -> AsyncIterator[Engine]:
    (tmp_path / "alertmanager.yml").write_text(render_alertmanager(site))
    made = alertmanager(tmp_path, site.url("alertmanager"))
    try:
        await made.start()
        yield made
    finally:
        await made.kill()


@pytest_asyncio.fixture
async def hub(
    tmp_path: Path, engine: Engine, site: Site, discord: DiscordServer, timing: dict[str, float]
) -> AsyncIterator[HubProcess]:
    # Whatever comes late comes because the silence ended, not because it was missed.
    longer = {**timing, "missed": 600.0}
    async with running_hub(tmp_path, site, environ={"WEBHOOK": discord.url}, timing=longer) as process:
        yield process


async def fire(hub: HubProcess, prometheus: PrometheusServer, *alerts: Incoming) -> None:
    """Have alerts fire in Prometheus, which tells Alertmanager."""
    prometheus.firing = list(alerts)
    rows = [
        {
            "labels": dict(alert.labels),
            "annotations": dict(alert.annotations),
            "startsAt": datetime.fromtimestamp(alert.starts_at or 0, UTC).isoformat(),
        }
        for alert in alerts
    ]
    url = hub.site.url("alertmanager") + "/api/v2/alerts"
    async with hub.session.post(url, json=rows) as answer:
        assert answer.status == 200


async def held(hub: HubProcess, *counts: int) -> None:
    async def so() -> bool:
        return [len(alert["holds"]) for alert in await hub.alerts()] == list(counts)

    await hub.until(so, f"held by {counts}")


async def amtool(hub: HubProcess, *arguments: str) -> str:
    program = shutil.which("amtool")
    assert program, "amtool: not on the PATH"
    process = await asyncio.create_subprocess_exec(
        *(program, f"--alertmanager.url={hub.site.url('alertmanager')}", *arguments), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode().strip()


async def test_silence_of_amtool_holds_until_it_is_expired_though_alertmanager_is_killed_meanwhile(
    tmp_path: Path, hub: HubProcess, engine: Engine, discord: DiscordServer, prometheus: PrometheusServer
) -> None:
    hot = make_alert(site="home", starts_at=time.time() - 5)
    silence = await amtool(
        hub, "silence", "add", "--author=Ada", "--comment=new fan", "--duration=1h", "node=pve-02", "site=~ho.e"
    )
    await fire(hub, prometheus, hot)
    await held(hub, 1)
    [listed] = (await hub.get("/silences"))["silences"]
    assert (listed["id"], listed["by"], listed["reason"], listed["alerts"]) == (silence, "Ada", "new fan", [1])
    [alert] = await hub.alerts()
    assert [row["receiver"] for row in alert["deliveries"]] == ["console", "discord"]

    async def written_down() -> bool:
        kept = tmp_path / "alertmanager" / "silences"
        return kept.exists() and silence.encode() in kept.read_bytes()

    await hub.until(written_down, "Alertmanager has its silences on the disk")
    await engine.kill()

    async def noticed() -> bool:
        return bool((await hub.get("/silences"))["problem"])

    await hub.until(noticed, "Alertmanager is away")
    assert [len(one["holds"]) for one in await hub.alerts()] == [1]
    await engine.start()
    await fire(hub, prometheus, hot)
    assert discord.requests == 0
    await amtool(hub, "silence", "expire", silence)
    await discord.wait(lambda server: len(server.accepted) == 1)
    # Alertmanager tells it too, now: nobody hears it twice.
    await fire(hub, prometheus, hot, other := make_alert(node="pve-01", site="home", starts_at=time.time()))
    await discord.wait(lambda server: len(server.accepted) == 2)
    assert other.labels["node"] in discord.accepted[1].text


_LABELS = {"alertname": "CpuHot", "node": "pve-02", "site": "home", "severity": "critical", "text": "a\nb é"}
_MATCHERS = (
    ("node", "pve-02", False, True, True),
    ("node", "pve-0", False, True, False),
    ("node", "pve-0", True, True, False),
    ("node", "pve-0.", True, True, True),
    ("node", "pve-01|pve-02", True, True, True),
    ("node", "x|", True, True, False),
    ("node", "pve-01", False, False, True),
    ("node", "pve-.*", True, False, False),
    ("missing", "", False, True, True),
    ("missing", "a?", True, True, True),
    ("missing", "a", True, False, True),
    ("missing", "", False, False, False),
    ("missing", ".+", True, False, True),
    ("site", "home", False, True, True),
    ("text", "a.b.*", True, True, False),
    ("text", "(?s)a.b.é", True, True, True),
    ("text", r"a\sb \pL", True, True, True),
    ("node", "PVE-02", True, True, False),
    ("node", "(?i)PVE-02", True, True, True),
)


async def test_matchers_are_judged_as_alertmanager_judges_them(tmp_path: Path, engine: Engine, site: Site) -> None:
    async with aiohttp.ClientSession() as session:
        client, now = AlertmanagerClient(session, site.url("alertmanager")), time.time()
        alert = {"labels": _LABELS, "annotations": {}}
        async with session.post(f"{site.url('alertmanager')}/api/v2/alerts", json=[alert]) as answer:
            assert answer.status == 200
        always = SilenceMatcher("site", "home")
        made = {}
        for name, value, is_regex, is_equal, expected in _MATCHERS:
            matchers = (SilenceMatcher(name, value, is_regex, is_equal), always)
            identity = await client.create_silence(
                matchers, starts_at=now, ends_at=now + 600, by="tests", reason="tests"
            )
            made[identity] = (matchers, expected)
        async with asyncio.timeout(90.0):
            while not (told := await client.alerts()):  # noqa: ASYNC110 - of another process
                await asyncio.sleep(0.05)
        assert set(told[0].silenced_by) == {identity for identity, (_, expected) in made.items() if expected}
        for one in await client.silences():
            matchers, expected = made[one.id]
            assert set(one.matchers) == set(matchers)
            assert silences.matches(one.matchers, _LABELS) is expected, str(one.matchers)
