"""The end of an alert about a cluster, as the hub learns it from the real Prometheus and the rules of the site."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from hune.alerting.rules import render_rules
from hune.site.models import Site
from support.alerts import make_alert
from support.discord_server import DiscordServer
from support.hub_process import HubProcess
from support.ports import free_port
from support.prometheus_server import PrometheusServer
from support.pve_world import HEALTHY

FENCED = 'hune_pve_ha_fencing{node="pve-02"}'
OF_HA = 'pve_collector_success{collector="ha"}'


@pytest.fixture
def site(site: Site) -> Site:
    """Return the site with a cluster, and the address of the real Prometheus."""
    cluster = {"name": "home", "nodes": ["pve-01", "pve-02"], "token": {"id": "a@pve!b", "secret": "env:X"}}
    said = site.model_dump(mode="json", exclude_unset=True)
    said["engines"]["prometheus"] = {"url": f"http://127.0.0.1:{free_port()}"}
    return Site.model_validate({**said, "proxmox": [cluster]})


class Cluster:
    """What the exporter says of a cluster, and a Prometheus that asks it; `facts` None doesn't answer."""

    def __init__(self, root: Path, url: str) -> None:
        self.facts: dict[str, float | None] | None = dict(HEALTHY)
        self._root, self._url = root, url
        self._process: asyncio.subprocess.Process | None = None
        self._runner: web.AppRunner | None = None

    async def start(self, site: Site) -> None:
        app = web.Application()
        app.router.add_get("/{job}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        port = free_port()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        rules = render_rules(site)
        for name in ("hune-site.yml", "hune-pve.yml"):
            # As in life, but every second.
            text = rules[name].replace('interval: "15s"', 'interval: "1s"').replace('interval: "5s"', 'interval: "1s"')
            (self._root / name).write_text(text)
        jobs = [
            {
                "job_name": job,
                "metrics_path": f"/{job}",
                "static_configs": [{"targets": [f"127.0.0.1:{port}"], "labels": {"cluster": "home"}}],
            }
            for job in ("pve", "pve-hune")
        ]
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
            "rule_files": ["hune-*.yml"],
            "scrape_configs": jobs,
        }
        (self._root / "prometheus.yml").write_text(json.dumps(config))

    async def watch(self, memory: str) -> None:
        """Start a Prometheus that knows what is stored under this name, instead of the one before."""
        await self._end()
        program = shutil.which("prometheus")
        assert program, "prometheus is not on the PATH"
        self._process = await asyncio.create_subprocess_exec(
            program,
            f"--config.file={self._root / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._root / memory}",
            f"--web.listen-address={self._url.removeprefix('http://')}",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )

    async def holds(self, expression: str) -> bool:
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"{self._url}/api/v1/query", params={"query": expression}) as answer,
            ):
                return answer.status == 200 and bool((await answer.json())["data"]["result"])
        except aiohttp.ClientError:
            return False

    async def close(self) -> None:
        await self._end()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _end(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def _answer(self, request: web.Request) -> web.Response:
        if self.facts is None:
            return web.Response(status=503)
        upstream = request.match_info["job"] == "pve"
        lines = [
            f"{series} {value}"
            for series, value in self.facts.items()
            if value is not None
            and series != "answers"
            and upstream == (series.startswith("pve_") and not series.startswith("pve_collector_success"))
        ]
        return web.Response(text="\n".join([*lines, ""]), headers={"Content-Type": "text/plain; version=0.0.4"})


@pytest_asyncio.fixture
async def cluster(tmp_path: Path, site: Site) -> AsyncIterator[Cluster]:
    made = Cluster(tmp_path, site.url("prometheus"))
    try:
        await made.start(site)
        yield made
    finally:
        await made.close()


async def compared(hub: HubProcess, times: int) -> None:
    """Wait until the hub has compared its alerts with Prometheus so many times more."""

    async def done() -> float:
        async with hub.session.get(f"{hub.url}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        [line] = [line for line in lines if line.startswith('hune_hub_reconciliations_total{outcome="done"}')]
        return float(line.split()[-1])

    before = await done()

    async def enough() -> bool:
        return await done() >= before + times

    await hub.until(enough, f"compared {times} times")


async def test_cluster_resolves_only_what_was_read_and_is_not_wrong(
    cluster: Cluster, hub: HubProcess, discord: DiscordServer, prometheus: PrometheusServer
) -> None:
    assert cluster.facts is not None
    of = {"name": "PveNodeFenced", "cluster": "home", "starts_at": round(time.time()) - 60.0}
    fenced, over = make_alert(**of), make_alert(**of, firing=False, ends_at=time.time())  # type: ignore[arg-type]

    async def is_shown_as(state: str) -> None:
        async def shown() -> bool:
            return await hub.states() == [state]

        await hub.until(shown, f"shown as {state}")

    async def fires() -> bool:
        return await cluster.holds('ALERTS{alertname="PveNodeFenced",alertstate="firing"}')

    async def is_read() -> bool:
        return await cluster.holds('hune:pve_read{collector="storage"}')

    cluster.facts[FENCED] = 1
    await cluster.watch("first")
    await hub.until(fires, "fires")
    await hub.notify(fenced)
    await discord.wait(lambda server: len(server.posts) == 1)
    # Read, and wrong: Alertmanager's word is not believed.
    await hub.notify(over)
    await compared(hub, 3)
    await is_shown_as("firing")

    # Silent, before a Prometheus that remembers nothing: not known.
    healthy, cluster.facts = cluster.facts, None
    await cluster.watch("second")
    await is_shown_as("unknown")
    # It answers, but not what HA does.
    cluster.facts = {**healthy, FENCED: None, OF_HA: 0}
    await hub.until(is_read, "the rest is read")
    await compared(hub, 3)
    await is_shown_as("unknown")
    assert len(discord.posts) == 1

    cluster.facts = {**healthy, FENCED: 0}
    await discord.wait(lambda server: len(server.posts) == 2)
    assert "RESOLVED" in discord.posts[1].text
    await is_shown_as("resolved")
