"""What the exporter discovers becomes targets of the real Prometheus, and stays so while nobody answers."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hune.core.layout import Layout
from hune.site.models import Site
from hune.stack.engines import ENGINES, prometheus
from hune.stack.setting import Binary, Setting
from support.fakepve_server import fakepve
from support.ports import free_port
from support.pve_exporters import OURS, config_for, exporter
from support.tools import tool

STATUS = [
    {"type": "cluster", "id": "cluster", "name": "home", "nodes": 2, "quorate": 1, "version": 2},
    {"type": "node", "id": "node/pve-01", "name": "pve-01", "nodeid": 1, "ip": "192.0.2.11", "online": 1, "local": 1},
    {"type": "node", "id": "node/pve-02", "name": "pve-02", "nodeid": 2, "ip": "192.0.2.12", "online": 1, "local": 0},
]
CLUSTER: dict[str, Any] = {
    "name": "home",
    "nodes": {"pve-01": True, "pve-02": True},
    "cts": [{"vmid": 200, "name": "ct", "node": "pve-01", "status": "running"}],
    "answers": {
        "/cluster/status": STATUS,
        "/cluster/resources": [
            {"type": "lxc", "id": "lxc/200", "vmid": 200, "node": "pve-01", "name": "ct", "status": "running"}
        ],
        "/nodes/pve-01/lxc/200/interfaces": [{"name": "eth0", "inet": "192.0.2.200/24", "hwaddr": "bc:24:11:0:0:1"}],
    },
}


def jobs(port: int, target: str) -> list[Any]:
    """Return the jobs that a site renders, asking the exporter on a port for a target."""
    site = Site.model_validate(
        {
            "nodes": [{"name": "other", "address": "192.0.2.99"}],
            "services": {"pve_exporter": {"url": f"http://127.0.0.1:{port}"}},
            "proxmox": [
                {
                    "name": "home",
                    "nodes": ["other"],
                    "token": {"id": "hune@pve!m", "secret": "env:SECRET"},
                    "discover": {"nodes": {}, "guests": {"networks": ["192.0.2.0/24"]}},
                }
            ],
        }
    )
    binaries = {name: Binary(Path("/usr/bin", name)) for name in ENGINES}
    setting = Setting(site, Layout(Path("/data")), binaries, ("hune",))
    rendered = json.loads(prometheus.render(setting))["scrape_configs"]
    chosen = [job for job in rendered if job["job_name"].startswith("discovered")]
    for job in chosen:
        for source in job["http_sd_configs"]:
            source["url"] = source["url"].replace("target=home", f"target={target}")
            source["refresh_interval"] = "1s"
    return chosen


@contextmanager
def running_prometheus(directory: Path, scrape_configs: list[Any]) -> Iterator[str]:
    port = free_port()
    (directory / "prometheus.yml").write_text(json.dumps({"scrape_configs": scrape_configs}))
    process = subprocess.Popen(
        [
            tool("prometheus"),
            f"--config.file={directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={directory / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait(60)


def wait(holds: Callable[[], object]) -> None:
    end = time.monotonic() + 180.0
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


def ask(url: str, path: str) -> Any:
    try:
        with urllib.request.urlopen(f"{url}{path}", timeout=60) as answer:
            return json.load(answer)
    except OSError:
        return None


def active(url: str) -> set[tuple[str, str, str, str]]:
    found = ask(url, "/api/v1/targets?state=active") or {"data": {"activeTargets": []}}
    labels = [target["labels"] for target in found["data"]["activeTargets"]]
    assert not any("node" in row for row in labels)
    return {(row["job"], row["instance"], row["cluster"], row["id"]) for row in labels}


def failures(url: str) -> float:
    with urllib.request.urlopen(f"{url}/metrics", timeout=60) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("prometheus_sd_http_failures_total"))


def test_discovered_targets_stay_while_the_exporter_is_away(tmp_path: Path) -> None:
    flags = ("--discover.nodes", "9200", "--discover.guests", "9300", "--discover.guests.network", "192.0.2.0/24")
    with fakepve(CLUSTER) as pve:
        config, target = config_for(pve, tmp_path / "pve.yml"), f"{pve.host}:{pve.port}"
        with exporter(OURS, *flags, config=config) as found:
            port = int(found.url.rsplit(":", 1)[1])
            with running_prometheus(tmp_path, jobs(port, target)) as url:
                expected = {
                    ("discovered-nodes", "192.0.2.11:9200", target, "node/pve-01"),
                    ("discovered-nodes", "192.0.2.12:9200", target, "node/pve-02"),
                    ("discovered-guests", "192.0.2.200:9300", target, "lxc/200"),
                }
                wait(lambda: active(url) == expected)
                told = {
                    (row[0], dict(row[2])["kind"]): row[3] for row in found.series("/metrics") if "discovered" in row[0]
                }
                assert told == {
                    ("hune_pve_discovered_targets", "nodes"): 2,
                    ("hune_pve_discovered_targets", "guests"): 1,
                }
                found.process.kill()
                before = failures(url)
                wait(lambda: failures(url) >= before + 4)
                assert active(url) == expected


def test_nothing_is_discovered_that_nobody_permitted(tmp_path: Path) -> None:
    with (
        fakepve(CLUSTER) as pve,
        exporter(OURS, config=config_for(pve, tmp_path / "pve.yml")) as found,
    ):
        for kind in ("nodes", "guests"):
            status, body = found.get(f"/sd/{kind}", {"target": f"{pve.host}:{pve.port}"})
            assert (status, b"is off" in body) == (403, True)
        assert found.get("/sd/storages", {"target": f"{pve.host}:{pve.port}"})[0] == 404
