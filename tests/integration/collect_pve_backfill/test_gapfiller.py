"""A gap in the real store is closed from what Proxmox remembers: no new series, and twice is as good as once."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from hune.collect.pve.gapfiller import GapFiller
from hune.core.clock import SystemClock
from hune.core.errors import Unavailable
from hune.promapi.prometheus import PrometheusClient
from hune.promapi.remote import WRITE_HEADERS, write_request
from hune.pve.errors import NotThere, Unreachable
from support.ports import free_port
from support.tools import tool

SCRAPE_SECONDS = 15
NODES = ("pve-01", "pve-02")
AHEAD_SECONDS = {"pve-01": 0, "pve-02": 90}


class Memory:
    """What the nodes of a cluster remember, as an API tells it; each node has a clock of its own."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.error: Exception | None = None
        self.late = 0.3
        """By how much the clocks are behind when they are read."""

    async def get(self, path: str, params: Mapping[str, str] | None = None, *, node: str = "") -> Any:
        self.asked.append(path)
        if self.error:
            raise self.error
        if path == "/cluster/status":
            return [
                {"type": "cluster", "name": "rack", "quorate": 1},
                *({"type": "node", "name": name, "online": 1} for name in NODES),
                {"type": "node", "name": "pve-03", "online": 0},
            ]
        now = time.time() + AHEAD_SECONDS[node]
        if path == f"/nodes/{node}/time":
            return {"time": now - self.late}
        assert path == "/cluster/metrics/export"
        assert params is not None
        assert params["local-only"] == params["history"] == "1"
        moments = range(int(max(float(params["start-time"]), now - 1800)) // 10 * 10, int(now), 10)
        return {
            "data": [
                {"id": id_, "metric": metric, "timestamp": moment, "type": "gauge", "value": value}
                for moment in moments
                for id_ in (f"node/{node}", f"qemu/{100 + NODES.index(node)}")
                for metric, value in (("cpu_current", 0.25), ("uptime", moment), ("cpu_avg1", 1.0))
            ]
        }


@pytest.fixture
def store_url(tmp_path: Path) -> Iterator[str]:
    port = free_port()
    argv = [
        tool("victoria-metrics"),
        f"-storageDataPath={tmp_path}",
        f"-httpListenAddr=127.0.0.1:{port}",
        "-search.latencyOffset=1s",
        "-dedup.minScrapeInterval=1ms",
        "-loggerLevel=ERROR",
    ]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


@pytest.fixture
async def session(store_url: str) -> AsyncIterator[aiohttp.ClientSession]:
    """A session, and a store that scraped for an hour but missed ten minutes of the last twenty."""
    async with aiohttp.ClientSession() as session:
        async with asyncio.timeout(180):
            while not await _answers(session, store_url):  # noqa: ASYNC110 - of another process
                await asyncio.sleep(0.05)
        await _write(session, store_url, _scrapes())
        yield session


async def _answers(session: aiohttp.ClientSession, store_url: str) -> bool:
    try:
        async with session.get(f"{store_url}/health") as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False


def _scrapes() -> list[tuple[dict[str, str], list[tuple[float, float]]]]:
    now = time.time() // SCRAPE_SECONDS * SCRAPE_SECONDS
    moments = [now - 3600 + at for at in range(0, 3600, SCRAPE_SECONDS)]
    moments = [moment for moment in moments if not now - 1200 < moment < now - 600]
    common = {"job": "pve", "cluster": "rack", "site": "home", "instance": "rack"}
    return [
        ({**common, "__name__": name, "id": id_}, [(moment, 0.5) for moment in moments])
        for name in ("pve_up", "pve_cpu_usage_ratio", "pve_uptime_seconds")
        for id_ in ("node/pve-01", "node/pve-02", "qemu/100", "qemu/101")
    ]


async def _write(session: aiohttp.ClientSession, store_url: str, series: Any) -> None:
    url = f"{store_url}/api/v1/write"
    async with session.post(url, data=write_request(series), headers=WRITE_HEADERS) as response:
        assert response.status == 204, await response.text()
    async with session.get(f"{store_url}/internal/force_flush") as response:
        assert response.status == 200


async def _count(session: aiohttp.ClientSession, store_url: str, name: str, id_: str) -> int:
    async with session.get(f"{store_url}/internal/force_flush") as response:
        assert response.status == 200
    # Of a time that nothing leaves while a test lasts.
    expression = f'count_over_time({name}{{id="{id_}"}}[1d])'
    rows = await PrometheusClient(session, store_url).query(expression)
    return int(rows[0].value)


async def _series(session: aiohttp.ClientSession, store_url: str) -> int:
    client = PrometheusClient(session, store_url)
    data = await client.call("POST", "/api/v1/series", form={"match[]": '{__name__=~"pve_.+"}', "start": "0"})
    return len(data)


def _filler(memory: Memory, session: aiohttp.ClientSession, store_url: str) -> GapFiller:
    return GapFiller(
        memory,
        session,
        SystemClock(),
        cluster="rack",
        prometheus_url=store_url,
        store_url=store_url,
    )


async def test_a_gap_is_closed_without_a_new_series_and_a_second_time_changes_nothing(
    session: aiohttp.ClientSession, store_url: str
) -> None:
    memory = Memory()
    before = await _count(session, store_url, "pve_cpu_usage_ratio", "qemu/101")
    count = await _series(session, store_url)
    # Ten minutes, a sample each ten seconds, cpu and uptime of two nodes and two guests.
    written = await _filler(memory, session, store_url).look()
    assert written == pytest.approx(60 * 2 * 4, abs=8)
    after = {id_: await _count(session, store_url, "pve_cpu_usage_ratio", id_) for id_ in ("qemu/100", "qemu/101")}
    assert all(found == pytest.approx(before + 60, abs=2) for found in after.values())
    assert await _count(session, store_url, "pve_up", "qemu/100") == before
    assert await _series(session, store_url) == count

    # Told in whole seconds, a clock seems a second further behind another time.
    memory.late = 0.7
    again = _filler(memory, session, store_url)
    assert await again.look() == pytest.approx(written, abs=8)
    assert await _count(session, store_url, "pve_cpu_usage_ratio", "qemu/100") == after["qemu/100"]
    assert await _count(session, store_url, "pve_cpu_usage_ratio", "qemu/101") == after["qemu/101"]
    assert await again.look() == 0


async def test_without_a_gap_proxmox_is_not_asked(session: aiohttp.ClientSession, store_url: str) -> None:
    now = time.time() // SCRAPE_SECONDS * SCRAPE_SECONDS
    labels = {"__name__": "pve_up", "job": "pve", "cluster": "rack", "site": "home", "instance": "rack"}
    points = [(now - 1800 + at, 1.0) for at in range(0, 1800, SCRAPE_SECONDS)]
    await _write(session, store_url, [({**labels, "id": "node/pve-01"}, points)])
    memory = Memory()
    assert await _filler(memory, session, store_url).look() == 0
    assert memory.asked == []


async def test_an_old_proxmox_is_asked_once(session: aiohttp.ClientSession, store_url: str) -> None:
    memory = Memory()
    memory.error = NotThere("no such path")
    await _filler(memory, session, store_url).run()
    assert len(memory.asked) == 1


async def test_an_unreachable_proxmox_and_a_dead_store_are_told_as_such(
    session: aiohttp.ClientSession, store_url: str
) -> None:
    memory = Memory()
    memory.error = Unreachable("nobody answers")
    with pytest.raises(Unreachable):
        await _filler(memory, session, store_url).look()
    with pytest.raises(Unavailable):
        await _filler(memory, session, f"http://127.0.0.1:{free_port()}").look()
