"""What the real Alertmanager makes of the rendered inhibitions: each explains what it should, and nothing else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest_asyncio

from hune.alerting.routing import render_alertmanager
from hune.promapi.alertmanager import AlertmanagerClient
from hune.site.models import Site
from support.engine import alertmanager
from support.ports import free_port

TOKEN = {"id": "hune@pve!m", "secret": "env:TOKEN"}
SITE = {
    "name": "home",
    "nodes": [{"name": name, "address": f"10.0.0.{number}"} for number, name in enumerate(("pve", "pve-b", "far"), 1)],
    "proxmox": [
        {"name": "near", "nodes": ["pve", "pve-b"], "token": TOKEN},
        {"name": "other", "nodes": ["far"], "token": TOKEN},
    ],
    "services": {"hub": {"port": 1}},
}
# Name, severity, labels; whether it is explained by another of them.
ALERTS: list[tuple[str, str, dict[str, str], bool]] = [
    ("NodeDown", "critical", {"node": "pve"}, False),
    ("CpuHot", "critical", {"node": "pve", "chip": "c0"}, True),
    ("SomebodysOwn", "warning", {"node": "pve"}, True),
    ("CpuHot", "critical", {"node": "pve-b", "chip": "c0"}, False),
    ("CpuHot", "critical", {"node": "pve", "chip": "c0", "lab": "true"}, False),
    ("PveNodeOffline", "critical", {"cluster": "near", "node": "pve"}, True),
    ("PveNodeFenced", "critical", {"cluster": "near", "node": "pve"}, False),
    # Of another cluster, which has a node of the same name.
    ("PveNodeOffline", "critical", {"cluster": "other", "node": "pve"}, False),
    ("BackupFailed", "warning", {"cluster": "other", "node": "pve-b"}, False),
    ("NodeDown", "critical", {"node": "far"}, False),
    ("BackupFailed", "warning", {"cluster": "other", "node": "far"}, True),
    ("ProbeFailed", "critical", {"probe": "web", "type": "http"}, False),
    ("ProbeFailed", "warning", {"probe": "web", "type": "http"}, True),
    # Of rules that aren't Hune's: which labels tell one from another is not known here.
    ("DiskFull", "critical", {"instance": "a", "mountpoint": "/"}, False),
    ("DiskFull", "warning", {"instance": "b", "mountpoint": "/"}, False),
]


@pytest_asyncio.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """Return a site whose Alertmanager runs."""
    made = Site.model_validate({**SITE, "engines": {"alertmanager": {"port": free_port()}}})
    (tmp_path / "alertmanager.yml").write_text(render_alertmanager(made))
    engine = alertmanager(tmp_path, made.url("alertmanager"))
    try:
        await engine.start()
        yield made
    finally:
        await engine.kill()


async def test_what_is_explained_is_suppressed_and_nothing_else(site: Site) -> None:
    given = [
        ({"alertname": name, "severity": severity, "site": "home", **labels}, explained)
        for name, severity, labels, explained in ALERTS
    ]
    expected = [labels for labels, explained in given if not explained]

    def told(labels: dict[str, str]) -> tuple[tuple[str, str], ...]:
        return tuple(sorted(labels.items()))

    async with aiohttp.ClientSession() as session:
        url = f"{site.url('alertmanager')}/api/v2/alerts"
        async with session.post(url, json=[{"labels": labels} for labels, _ in given]) as answer:
            assert answer.status == 200
        client, deadline = AlertmanagerClient(session, site.url("alertmanager")), time.monotonic() + 90.0
        while True:
            found = sorted(told(dict(alert.labels)) for alert in await client.alerts())
            if found == sorted(map(told, expected)) or time.monotonic() > deadline:
                break
            await asyncio.sleep(0.1)
        assert found == sorted(map(told, expected))
        assert await client.inhibitors(given[1][0]) == [given[0][0]]
