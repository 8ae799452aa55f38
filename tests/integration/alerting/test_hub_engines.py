"""The hub behind the real Prometheus and the real Alertmanager, with the rules and routes of a site."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest_asyncio

from hune.alerting.routing import render_alertmanager
from hune.alerting.rules import render_rules
from hune.site.models import Site
from support.discord_server import DiscordServer
from support.engine import Engine, alertmanager
from support.hub_process import HubProcess, running_hub
from support.node_exporter import NodeExporter, node_exporter
from support.ports import free_port


class Stack:
    """Two nodes, of which the first can be heated, and all that watches them."""

    def __init__(self, root: Path, exporter: NodeExporter, other: NodeExporter, discord: DiscordServer) -> None:
        ports = {name: {"port": free_port()} for name in ("prometheus", "alertmanager")}
        self.site = Site.model_validate(
            {
                "name": "home",
                "this_host": False,
                "nodes": [
                    {"name": name, "address": "127.0.0.1", "this_host": False, "exporter": {"port": one.port}}
                    for name, one in (("pve-02", exporter), ("pve-03", other))
                ],
                "receivers": [{"name": "discord", "discord": {"webhook": "env:WEBHOOK"}}],
                "routes": [{"match": {"severity": "critical"}, "receivers": ["discord"]}],
                "engines": ports,
                "services": {"hub": {"port": free_port()}, "nester": {"port": free_port()}},
            }
        )
        self.exporter = exporter
        self.discord = discord
        self._write(root)
        self.prometheus = Engine(
            self.site.url("prometheus"),
            "/-/ready",
            "prometheus",
            f"--config.file={root / 'prometheus.yml'}",
            f"--storage.tsdb.path={root / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{self.site.port('prometheus')}",
            "--rules.alert.resend-delay=5s",
        )
        self.alertmanager = alertmanager(root, self.site.url("alertmanager"))
        self.hub: HubProcess

    def _write(self, root: Path) -> None:
        (root / "rules").mkdir()
        for name, text in render_rules(self.site).items():
            (root / "rules" / name).write_text(text)
        (root / "alertmanager.yml").write_text(render_alertmanager(self.site))
        targets = [{"targets": [node.exporter_address], "labels": {"node": node.name}} for node in self.site.nodes]
        config = {
            "global": {"external_labels": {"site": "home"}},
            "rule_files": ["rules/*.yml"],
            "alerting": {
                "alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{self.site.port('alertmanager')}"]}]}]
            },
            "scrape_configs": [
                {
                    "job_name": "node-fast",
                    "scrape_interval": "1s",
                    "scrape_timeout": "1s",
                    "static_configs": targets,
                }
            ],
        }
        (root / "prometheus.yml").write_text(json.dumps(config))

    def told(self) -> list[str]:
        """Return the first lines of what people were told, edits marked as such."""
        return [
            ("edit: " if accepted.method == "PATCH" else "")
            + accepted.payload["content"].split("**")[1]
            + " "
            + next(name for name in ("CPU", "down") if name in accepted.payload["content"])
            for accepted in self.discord.accepted
        ]

    async def heat(self, celsius: float) -> None:
        """Set the temperature of the first node."""
        self.exporter.celsius = celsius

    async def settle(self) -> None:
        """Wait for the seconds after a start in which nothing may alert."""
        async with aiohttp.ClientSession() as session:

            async def settled() -> bool:
                url = f"{self.site.url('prometheus')}/api/v1/query"
                async with session.get(
                    url, params={"query": "hune:settled and on () hune:node_up{node='pve-02'} == 1"}
                ) as answer:
                    return bool((await answer.json())["data"]["result"])

            await self.hub.until(settled, "the rules have settled", timeout_seconds=120.0)

    async def explains(self, question: dict[str, str], **answers: str) -> None:
        """Wait until the hub gives these answers when it is asked why."""

        async def said() -> bool:
            report = await self.hub.get(f"/why?{urllib.parse.urlencode(question)}")
            found = {one["topic"]: one["answer"] for one in report["findings"]}
            return all(found.get(topic) == answer for topic, answer in answers.items())

        await self.hub.until(said, f"explained by {answers}")

    async def is_shown_as(self, **states: str) -> None:
        """Wait until the book shows these alerts, and no other of the first node, in these states."""

        async def shown() -> bool:
            alerts = [alert for alert in await self.hub.alerts() if alert["labels"].get("node") == "pve-02"]
            return {alert["alertname"]: alert["state"] for alert in alerts} == states

        await self.hub.until(shown, f"shown as {states}")


@pytest_asyncio.fixture
async def stack(tmp_path: Path, discord: DiscordServer) -> AsyncIterator[Stack]:
    async with node_exporter(free_port()) as exporter, node_exporter(free_port()) as other:
        made = Stack(tmp_path, exporter, other, discord)
        environ = {"WEBHOOK": discord.url}
        async with running_hub(tmp_path / "data", made.site, environ=environ) as made.hub:
            try:
                await made.alertmanager.start()
                await made.prometheus.start()
                await made.settle()
                yield made
            finally:
                await made.prometheus.kill()
                await made.alertmanager.kill()


async def test_node_that_dies_hot_is_never_called_resolved_until_it_is_measured(stack: Stack) -> None:
    await stack.heat(78.0)
    await stack.discord.wait(lambda server: len(server.accepted) == 1)
    assert stack.told() == ["CRITICAL CPU"]
    assert "pve-02: CPU at 78" in stack.discord.accepted[0].payload["content"]

    await stack.exporter.stop()
    await stack.discord.wait(lambda server: len(server.accepted) == 2)
    assert stack.told()[1:] == ["CRITICAL down"]
    await stack.is_shown_as(CpuHot="firing", NodeDown="firing")
    await stack.explains(
        {"rule": "CpuHot", "node": "pve-02"},
        value="nothing now; 78 °C is remembered",
        limit="above 70 °C; over below 67 °C",
        inhibited="yes, by NodeDown pve-02",
        routed="console, discord",
    )
    await stack.explains({"rule": "cpuhot", "node": "pve-03"}, value="45 °C")

    await stack.prometheus.kill()
    await stack.is_shown_as(CpuHot="unknown", NodeDown="unknown")
    await stack.explains({"id": "1"}, value="nothing", limit="above 70 °C; over below 67 °C", routed="console, discord")
    await stack.prometheus.start()
    await stack.is_shown_as(CpuHot="firing", NodeDown="firing")
    assert len(stack.discord.accepted) == 2

    await stack.heat(50.0)
    await stack.exporter.start()
    await stack.discord.wait(lambda server: len(server.accepted) == 6, timeout_seconds=120.0)
    assert sorted(stack.told()[2:]) == [
        "RESOLVED CPU",
        "RESOLVED down",
        "edit: RESOLVED CPU",
        "edit: RESOLVED down",
    ]
    await stack.is_shown_as(CpuHot="resolved", NodeDown="resolved")


async def test_end_and_next_crossing_are_told_though_alertmanager_dies_in_between(stack: Stack) -> None:
    await stack.heat(78.0)
    await stack.discord.wait(lambda server: len(server.accepted) == 1)
    await stack.alertmanager.kill()
    await stack.heat(50.0)
    await stack.discord.wait(lambda server: len(server.accepted) == 3)
    assert stack.told()[1:] == ["edit: RESOLVED CPU", "RESOLVED CPU"]
    await stack.heat(80.0)
    await stack.alertmanager.start()
    await stack.discord.wait(lambda server: len(server.accepted) == 4, timeout_seconds=180.0)
    assert stack.told()[3:] == ["CRITICAL CPU"]
    assert "CPU at 80" in stack.discord.accepted[3].payload["content"]
