"""What the pages know of a cluster, asked of a real Prometheus that scrapes an exporter with a thousand guests.

Names are hostile, and every series is there twice, with a label that nobody knows; then the API dies.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from hune.core.clock import SystemClock
from hune.core.errors import HuneError
from hune.nester.proxmox.asking import Clusters
from hune.promapi.prometheus import PrometheusClient, Sample
from hune.site.models import Site
from support.clusters import Row, guest_rows, node_rows, verdict_rows
from support.ports import free_port

GUESTS = 1000
START_SECONDS = 120.0
NAMES = {105: '<b title="x">\\"', 106: "\u202eנגטרופ", 107: "🦀", 108: "line\nbreak", 109: "back\\slash"}
SITE = Site.model_validate(
    {
        "name": "homelab",
        "nodes": [{"name": "pve-01", "address": "192.168.1.11", "kind": "proxmox"}],
        "proxmox": [{"name": "lab", "nodes": ["pve-01"], "token": {"id": "hune@pve!mon", "secret": "env:SECRET"}}],
    }
)


def exposition(rows: list[Row]) -> str:
    """Return rows as an exporter writes them, each twice: the second with a label that nobody knows."""

    def label(name: str, text: str) -> str:
        escaped = text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
        return f'{name}="{escaped}"'

    lines = []
    for name, value, labels in rows:
        for more in ({}, {"rack": "A3", "lab_owner": "me"}):
            written = ",".join(label(key, text) for key, text in {**labels, **more}.items())
            lines.append(f"{name}{{{written}}} {value!r}\n")
    return "".join(lines)


class Exporter:
    """An exporter that answers, or says that nothing could be had."""

    def __init__(self) -> None:
        self.answers = True
        status: list[Row] = [*node_rows("pve-01"), *node_rows("pve-02", up=0.0)]
        details: list[Row] = [
            ("pve_collector_success", 1.0, {"collector": "ha"}),
            ("pve_collector_success", 0.0, {"collector": "zfs"}),
            ("hune_pve_quorum_quorate", 1.0, {}),
            ("hune_pve_ceph_health_status", 1.0, {}),
            ("hune_pve_ceph_size_bytes", 4e15, {}),
            ("hune_pve_ceph_used_bytes", 1e15, {}),
        ]
        for vmid in range(100, 100 + GUESTS):
            status += guest_rows(vmid, NAMES.get(vmid, f"web-{vmid}"), "pve-02" if vmid == 100 else "pve-01")
            details += verdict_rows(vmid, "unprotected" if vmid == 101 else "protected")
        # Of a guest on a node that is offline Proxmox says that it doesn't run.
        status = [
            (name, 0.0 if (name, row["id"]) == ("pve_up", "qemu/100") else value, row) for name, value, row in status
        ]
        self._texts = {"/pve": exposition(status), "/hune": exposition(details)}

    async def answer(self, request: web.Request) -> web.Response:
        return web.Response(text=self._texts[request.path]) if self.answers else web.Response(status=503)


@contextlib.contextmanager
def prometheus(folder: Path, exporter_port: int) -> Iterator[str]:
    found = shutil.which("prometheus")
    assert found, "prometheus is not on the PATH; scripts/test puts it there"
    port = free_port()
    target = {"targets": [f"127.0.0.1:{exporter_port}"], "labels": {"cluster": "lab", "lab": "true", "instance": "lab"}}
    jobs = [
        {"job_name": job, "metrics_path": path, "static_configs": [target]}
        for job, path in (("pve", "/pve"), ("pve-hune", "/hune"))
    ]
    config = {"global": {"scrape_interval": "3s", "scrape_timeout": "3s"}, "scrape_configs": jobs}
    (folder / "prometheus.yml").write_text(json.dumps(config))
    arguments = (
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    )
    with subprocess.Popen([found, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


@pytest.fixture
async def exporter() -> AsyncIterator[tuple[Exporter, int]]:
    made, port = Exporter(), free_port()
    app = web.Application()
    app.add_routes([web.get("/pve", made.answer), web.get("/hune", made.answer)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield made, port
    await runner.cleanup()


class Ahead(SystemClock):
    """A clock that can be set ahead."""

    ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


async def look(known: Clusters) -> None:
    """Look until everything was read once."""
    async with asyncio.timeout(START_SECONDS):
        while known.summaries[0].running is None or not known.summaries[0].collectors:
            await asyncio.sleep(0.2)
            with contextlib.suppress(HuneError):
                await known.look()


async def test_a_thousand_guests_are_read_and_what_a_dead_api_last_said_stays(
    exporter: tuple[Exporter, int], tmp_path: Path
) -> None:
    made, port = exporter
    with prometheus(tmp_path, port) as url:
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
            clock, client = Ahead(), PrometheusClient(session, url)
            known = Clusters(SITE, client, clock, group)
            await look(known)
            (lab,) = known.summaries
            assert (lab.nodes, lab.nodes_up, lab.running, lab.stopped, lab.unseen) == (2, 1, GUESTS - 1, 0, 1)
            assert lab.verdicts == {"protected": GUESTS - 1, "unprotected": 1}
            assert (lab.quorate, lab.lacking, lab.collectors) == (True, ("zfs",), 2)
            assert lab.ceph is not None
            assert (lab.ceph.health, lab.ceph.used_ratio) == (1, 0.25)
            detail = await known.detail("lab")
            assert detail is not None
            guests = {guest.vmid: guest for guest in detail.guests}
            assert len(guests) == GUESTS
            assert {vmid: guests[vmid].name for vmid in NAMES} == NAMES
            assert (guests[100].status, guests[101].status) == ("unknown", "running")
            assert (guests[101].verdict, guests[102].verdict) == ("unprotected", "protected")
            assert len(await known.guest_names()) == GUESTS

            made.answers = False
            async with asyncio.timeout(START_SECONDS):
                rows: list[Sample | None] = [None]
                while rows:
                    await asyncio.sleep(0.2)
                    rows = [*await client.query("pve_guest_info")]
            clock.ahead += 60
            await known.look()
            assert known.summaries[0].running == GUESTS - 1
            assert known.summaries[0].status_is_old(clock.now())
            # It is asked anew behind what is kept.
            again = detail
            async with asyncio.timeout(START_SECONDS):
                while again is detail:
                    await asyncio.sleep(0.05)
                    again = await known.detail("lab") or detail
            assert again.guests == detail.guests
