"""What breaks the chain from the rules of the real Prometheus through the real Alertmanager, and what the hub says."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from hune.alerting.routing import render_alertmanager
from hune.alerting.rules import render_rules
from hune.site.models import Site
from support.discord_server import DiscordServer
from support.engine import Engine
from support.hub_process import HubProcess, running_hub
from support.ports import free_port

# Alertmanager repeats the Watchdog every 11 s: shorter than that no silence can be.
TIMING = {"listen": 0.5, "chain_overdue": 18.0, "chain_silence": 25.0, "chain_settle": 40.0}


class Stand:
    """Both engines with a site's files."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.site = Site.model_validate(
            {
                "name": "home",
                "this_host": False,
                "nodes": [{"name": "far", "address": "192.0.2.7"}],
                "receivers": [{"name": "discord", "discord": {"webhook": "env:WEBHOOK"}}],
                "engines": {name: {"port": free_port()} for name in ("prometheus", "alertmanager")},
                "services": {"hub": {"port": free_port()}, "nester": {"port": free_port()}},
            }
        )
        self.write(self.site)
        self.prometheus = Engine(
            self.site.url("prometheus"),
            "/-/ready",
            "prometheus",
            f"--config.file={root / 'prometheus.yml'}",
            f"--storage.tsdb.path={root / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{self.site.port('prometheus')}",
            "--rules.alert.resend-delay=5s",
        )
        self.alertmanager = Engine(
            self.site.url("alertmanager"),
            "/-/ready",
            "prometheus-alertmanager",
            f"--config.file={root / 'alertmanager.yml'}",
            f"--storage.path={root / 'alertmanager'}",
            f"--web.listen-address=127.0.0.1:{self.site.port('alertmanager')}",
            "--data.maintenance-interval=1s",
            "--cluster.listen-address=",
        )

    def write(self, site: Site, *, rules: str = "rules/*.yml") -> None:
        (self.root / "rules").mkdir(exist_ok=True)
        for name, text in render_rules(site).items():
            (self.root / "rules" / name).write_text(text)
        (self.root / "alertmanager.yml").write_text(render_alertmanager(site))
        target = f"127.0.0.1:{site.port('alertmanager')}"
        config = {
            "global": {"external_labels": {"site": "home"}},
            "rule_files": [rules],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [target]}]}]},
        }
        (self.root / "prometheus.yml").write_text(json.dumps(config))


async def state_of(hub: HubProcess) -> Any:
    return (await hub.get("/health"))["chain"]["state"]


@pytest.mark.long
async def test_every_break_of_the_chain_is_told_with_what_was_found_and_over_when_it_is_mended(
    tmp_path: Path, discord: DiscordServer
) -> None:
    stand = Stand(tmp_path)
    engines = (stand.alertmanager, stand.prometheus)
    try:
        for engine in engines:
            await engine.start()
        environ = {"WEBHOOK": discord.url}
        async with running_hub(tmp_path / "hub", stand.site, environ=environ, timing=TIMING) as hub:

            async def works() -> bool:
                return bool(await state_of(hub) == "working")

            async def broken() -> bool:
                return bool(await state_of(hub) == "broken")

            await hub.until(works, "the Watchdog is heard", timeout_seconds=120)
            elsewhere = Site.model_validate(
                {**stand.site.model_dump(), "services": {"hub": {"port": free_port()}, "nester": {"port": 1}}}
            )

            async def alertmanager(begin: bool) -> None:
                await (stand.alertmanager.kill() if begin else stand.alertmanager.start())

            async def prometheus(begin: bool) -> None:
                await (stand.prometheus.kill() if begin else stand.prometheus.start())

            async def rules(begin: bool) -> None:
                stand.write(stand.site, rules="no-rules/*.yml" if begin else "rules/*.yml")
                stand.prometheus.signal(signal.SIGHUP)

            async def route(begin: bool) -> None:
                stand.write(elsewhere if begin else stand.site)
                stand.alertmanager.signal(signal.SIGHUP)

            for number, (change, words) in enumerate(
                (
                    (alertmanager, "Alertmanager can't be asked"),
                    (prometheus, "Prometheus can't be asked"),
                    (rules, "evaluates no rules"),
                    (route, "doesn't send it here"),
                ),
                1,
            ):
                await change(True)
                await hub.until(broken, words, timeout_seconds=120)
                assert words in (await hub.get("/health"))["chain"]["detail"]
                await change(False)
                await hub.until(works, f"it is heard again after: {words}", timeout_seconds=120)
                alerts = [one for one in await hub.alerts() if one["alertname"] == "ChainBroken"]
                assert [one["state"] for one in alerts] == ["resolved"] * number
                assert words in alerts[-1]["annotations"]["description"]

            # What is back at once is nobody's business.
            for engine in engines:
                await engine.kill()
                await engine.start()
            await hub.kill()
            await hub.start()
            await hub.until(works, "all is as before", timeout_seconds=120)
            assert [one["alertname"] for one in await hub.alerts()].count("ChainBroken") == 4
    finally:
        for engine in engines:
            await engine.kill()
