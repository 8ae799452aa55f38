"""The double of the engines keeps its promise: the real Prometheus and store answer the pages' questions alike.

Prometheus records what the rules and the exporters would give, and is asked the very expressions of the pages; the
answers must name the same series with the same labels as those of the double.
"""

import asyncio
import contextlib
import json
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Any

import aiohttp
import pytest

from hune.core.errors import HuneError
from hune.nester import history
from hune.nester.queries import LIVE, VITALS, read_live, read_vitals
from hune.promapi.prometheus import PrometheusClient
from hune.site.models import Site
from support.fake_engines import CHIP, FakeEngines
from support.ports import free_port

START_SECONDS = 120.0
SITE = Site.model_validate(
    {
        "name": "homelab",
        "this_host": False,
        "nodes": [
            {
                "name": "pve-01",
                "address": "192.168.1.11",
                "kind": "proxmox",
                "links": [{"device": "enp1s0f0", "speed": "10G"}],
            }
        ],
        "probes": [{"name": "nas", "type": "tcp", "target": "192.168.1.20:445"}],
    }
)
NODE = {"node": "pve-01"}
EXPORTED = {**NODE, "job": "node"}
PROBED = {"job": "probe", "probe": "nas", "type": "tcp"}


def record(name: str, expression: str, **labels: str) -> dict[str, Any]:
    return {"record": name, "expr": expression, "labels": labels}


RULES = [
    record("hune:tick", "vector(1)"),
    record("hune:node_up", "vector(1)", **NODE, remote="true"),
    record("hune:cpu_limit_celsius", "vector(70)", **NODE, chip=CHIP),
    record("hune:cpu_celsius", "vector(47)", **NODE, chip=CHIP, sensor="temp1", label="Package id 0"),
    *(
        record(
            "hune:cpu_celsius",
            f"vector({40 + core})",
            **NODE,
            chip=CHIP,
            sensor=f"temp{core + 2}",
            label=f"Core {core}",
        )
        for core in range(6)
    ),
    record("hune:link_up", "vector(1)", **NODE, device="enp1s0f0"),
    record("hune:link_speed_bytes", "vector(1.25e9)", **NODE, device="enp1s0f0"),
    {"alert": "CpuHot", "expr": "vector(78) > 70", "labels": {**NODE, "severity": "critical"}},
    record("node_cpu_seconds_total", "time() * 0.9", **EXPORTED, mode="idle", cpu="0"),
    record("node_cpu_seconds_total", "time() * 0.1", **EXPORTED, mode="user", cpu="0"),
    record("node_memory_MemTotal_bytes", "vector(1000)", **EXPORTED),
    record("node_memory_MemAvailable_bytes", "vector(400)", **EXPORTED),
    record("node_load1", "vector(0.7)", **EXPORTED),
    record("node_boot_time_seconds", "time() - 3600", **EXPORTED),
    record("node_filesystem_avail_bytes", "vector(30)", **EXPORTED, mountpoint="/", device="/dev/sda1"),
    record("node_filesystem_free_bytes", "vector(30)", **EXPORTED, mountpoint="/", device="/dev/sda1"),
    record("node_filesystem_size_bytes", "vector(100)", **EXPORTED, mountpoint="/", device="/dev/sda1"),
    record("probe_success", "vector(1)", **PROBED),
    record("probe_duration_seconds", "vector(0.023)", **PROBED),
]

Shape = set[tuple[str, frozenset[str]]]


def shape(rows: Iterable[Mapping[str, str]]) -> Shape:
    """Return which series there are, and which labels they have; a job's own labels are not the pages' business."""
    ignored = {"__name__", "read", "instance", "job"}
    return {(row.get("read") or row.get("__name__", ""), frozenset(set(row) - ignored)) for row in rows}


@contextlib.contextmanager
def running(program: str, *arguments: str) -> Iterator[None]:
    found = shutil.which(program)
    assert found, f"{program} is not on the PATH; scripts/test puts it there"
    with subprocess.Popen([found, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.kill()


@pytest.fixture(scope="module")
def prometheus_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Prometheus that scrapes itself as the node's two jobs, and records the rest."""
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    group = {"name": "hune-fast", "interval": "1s", "rules": RULES}
    (folder / "rules.yml").write_text(json.dumps({"groups": [group]}))
    jobs = [("node", NODE), ("node-fast", NODE), ("probe", {"probe": "nas", "type": "tcp"})]
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
        "rule_files": ["rules.yml"],
        "scrape_configs": [
            {"job_name": name, "static_configs": [{"targets": [f"127.0.0.1:{port}"], "labels": labels}]}
            for name, labels in jobs
        ],
    }
    (folder / "prometheus.yml").write_text(json.dumps(config))
    arguments = (
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    )
    with running("prometheus", *arguments):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def store_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real store."""
    folder, port = tmp_path_factory.mktemp("store"), free_port()
    arguments = (
        f"-storageDataPath={folder}",
        f"-httpListenAddr=127.0.0.1:{port}",
        "-search.latencyOffset=1s",
        "-loggerLevel=ERROR",
    )
    with running("victoria-metrics", *arguments):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
async def prometheus(prometheus_url: str) -> AsyncIterator[PrometheusClient]:
    async with aiohttp.ClientSession() as session:
        client = PrometheusClient(session, prometheus_url)
        await until(client, "/-/ready")
        yield client


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[PrometheusClient]:
    """The store with an hour of one node; storing it twice changes nothing that is asked."""
    async with aiohttp.ClientSession() as session:
        client = PrometheusClient(session, store_url)
        await until(client, "/health")
        body = "\n".join(_hour(time.time() // 15 * 15 - 3600)).encode()
        async with session.post(f"{store_url}/api/v1/import/prometheus", data=body) as response:
            assert response.status == 204
        # What was imported can otherwise be asked for a moment later, and not all of it at once.
        async with session.get(f"{store_url}/internal/force_flush") as response:
            assert response.status == 200
        yield client


def _hour(start: float) -> Iterable[str]:
    # Counters are functions of the time itself: an hour that is stored again a moment later tells the same.
    chip = f'node="pve-01",job="node",chip="{CHIP}"'
    port = 'node="pve-01",job="node",device="enp1s0f0"'
    for second in range(round(start), round(start) + 3600, 15):
        at = second * 1000
        yield f'node_hwmon_temp_celsius{{{chip},sensor="temp1"}} 47 {at}'
        yield f'node_hwmon_temp_celsius{{{chip},sensor="temp2"}} 51 {at}'
        yield f'node_hwmon_temp_celsius{{node="pve-01",job="node",chip="nvme",sensor="temp1"}} 66 {at}'
        yield f'node_hwmon_chip_names{{{chip},chip_name="coretemp"}} 1 {at}'
        yield f'node_hwmon_chip_names{{node="pve-01",job="node",chip="nvme",chip_name="nvme"}} 1 {at}'
        for mode, share in (("idle", 0.9), ("user", 0.1)):
            yield f'node_cpu_seconds_total{{node="pve-01",job="node",mode="{mode}",cpu="0"}} {second * share} {at}'
        yield f'node_memory_MemTotal_bytes{{node="pve-01",job="node"}} 1000 {at}'
        yield f'node_memory_MemAvailable_bytes{{node="pve-01",job="node"}} 400 {at}'
        yield f"node_network_receive_bytes_total{{{port}}} {second * 125} {at}"
        yield f"node_network_transmit_bytes_total{{{port}}} {second * 250} {at}"


async def until(client: PrometheusClient, path: str) -> None:
    """Return once a path of a server answers."""
    async with asyncio.timeout(START_SECONDS):
        while True:
            with contextlib.suppress(HuneError):
                if (await client.fetch("GET", path))[0] == 200:
                    return
            await asyncio.sleep(0.1)


async def whole(client: PrometheusClient, expression: str, wanted: Shape) -> list[Any]:
    """Return the answer of a Prometheus that has measured and recorded everything once."""
    missing = wanted
    try:
        async with asyncio.timeout(START_SECONDS):
            while True:
                samples = await client.query(expression)
                missing = wanted - shape(sample.labels for sample in samples)
                if not missing:
                    return samples
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise AssertionError(f"never answered: {missing}") from None


def double() -> FakeEngines:
    engines = FakeEngines(SITE)
    engines.fire("CpuHot", "pve-01")
    return engines


async def test_live_answers_are_those_of_the_real_prometheus(prometheus: PrometheusClient) -> None:
    promised = shape(row["metric"] for row in double().vector(LIVE))
    samples = await whole(prometheus, LIVE, promised)
    assert shape(sample.labels for sample in samples) == promised
    live = read_live(samples, now=time.time())
    node = live.nodes["pve-01"]
    assert live.measured_at is not None
    assert time.time() - live.measured_at < 60
    assert node.up is not None
    assert (node.up.value, len(node.sensors), node.limits[CHIP]) == (1, 7, 70)
    assert node.speeds_bits["enp1s0f0"].value == 1e10
    assert [firing.labels["alertname"] for firing in live.firing] == ["CpuHot"]
    assert 0 <= time.time() - live.firing[0].since < 600


async def test_vitals_are_those_of_the_real_prometheus(prometheus: PrometheusClient) -> None:
    promised = shape(row["metric"] for row in double().vector(VITALS))
    samples = await whole(prometheus, VITALS, promised)
    assert shape(sample.labels for sample in samples) == promised
    vitals = read_vitals(samples, now=time.time())
    readings = vitals.readings["pve-01"]
    # Of a counter that is seconds old a rate says little yet.
    assert 0 <= readings["cpu_ratio"].value <= 1
    assert readings["memory_ratio"].value == pytest.approx(0.6)
    assert readings["disk_ratio"].value == pytest.approx(0.7)
    assert vitals.facts["pve-01"]["cpus"] == 1
    success, seconds = vitals.probes["nas"]
    assert (success.value, seconds) == (1, 0.023)


@pytest.mark.parametrize(
    ("template", "value"),
    [
        (history.HOT, 51),
        (history.BUSY, 0.1),
        (history.USED, 0.6),
        (history.RECEIVED, 1000),
        (history.SENT, 2000),
    ],
)
async def test_history_is_that_of_the_real_store(store: PrometheusClient, template: str, value: float) -> None:
    devices = history.only(["enp1s0f0"]) if "{devices}" in template else ""
    query = history.expression(template, history.RANGES["1h"], node="pve-01", devices=devices)
    end = time.time() // 15 * 15 - 30
    found = await store.query_range(query, start=end - 1800, end=end, step_seconds=15)
    promised = double().matrix(query, end - 1800, end, 15)
    assert shape(series.labels for series in found) == shape(row["metric"] for row in promised)
    assert found[0].points[-1][1] == pytest.approx(value, rel=0.01)


async def test_question_that_the_pages_never_ask_is_refused_by_both(prometheus: PrometheusClient) -> None:
    with pytest.raises(HuneError):
        await prometheus.query("up{")
    with pytest.raises(ValueError, match="unknown expression"):
        double().vector("up{")
