"""Both Proxmox exporters before one simulated API: time, processor, peak memory and API calls of a scrape."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

from support.fakepve_server import FakePve, fakepve
from support.pve_exporters import OURS, UPSTREAM, Exporter, config_for, exporter

_FROZEN_AT = 1786870800
_LATENCY_SECONDS = 0.02


@dataclass
class Row:
    """What one scrape of one exporter takes: the median of several."""

    scenario: str
    exporter: str
    seconds: float
    cpu_seconds: float
    peak_mb: float
    calls: int
    series: int


def cluster(guests: int, nodes: int, **more: Any) -> dict[str, Any]:
    """Describe a cluster of running guests; every tenth is a container, every fifth under HA."""
    names = [f"pve-{number:02}" for number in range(1, nodes + 1)]
    rows = [
        {"vmid": 100 + n, "name": f"guest-{n}", "node": names[n % nodes], "status": "running", "config": {"onboot": 1}}
        for n in range(guests)
    ]
    vms = [{**row, **({"ha_state": "started"} if n % 5 == 0 else {})} for n, row in enumerate(rows) if n % 10]
    replication: dict[str, list[object]] = {f"/nodes/{name}/replication": [] for name in names}
    return {
        "name": "bench",
        "nodes": dict.fromkeys(names, True),
        "vms": vms,
        "cts": rows[::10],
        "frozen_at": _FROZEN_AT,
        "answers": replication,
        **more,
    }


def family(pid: int) -> list[int]:
    """Return a process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(found for child in children for found in family(int(child)))]


def cpu_seconds(pid: int) -> float:
    total = 0
    for member in family(pid):
        fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def peak_mb(pid: int) -> float:
    """Return the most memory that the process that serves ever had (of several, the largest)."""
    lines = [line for member in family(pid) for line in Path(f"/proc/{member}/status").read_text().splitlines()]
    return max(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


def scrape(pve: FakePve, running: Exporter, **parameters: object) -> tuple[float, float, int, bytes]:
    """Return seconds, processor seconds, API calls and body of one scrape."""
    pve.clear("requests")
    cpu, began = cpu_seconds(running.process.pid), time.perf_counter()
    status, body = running.get("/pve", {"target": f"{pve.host}:{pve.port}", **parameters})
    seconds = time.perf_counter() - began
    assert status == 200, body[:500]
    return seconds, cpu_seconds(running.process.pid) - cpu, len(pve.get("requests")), body


def measure(name: str, pve: FakePve, running: dict[str, Exporter], times: int, **parameters: object) -> Iterator[Row]:
    """Scrape several times, one after the other in turn so that both meet the same machine; return the medians."""
    rounds: dict[str, list[tuple[float, float, int, bytes]]] = {kind: [] for kind in running}
    for _ in range(times):
        for kind, one in running.items():
            rounds[kind].append(scrape(pve, one, **parameters))
    for kind, rows in rounds.items():
        yield Row(
            scenario=name,
            exporter=kind,
            seconds=statistics.median(row[0] for row in rows),
            cpu_seconds=statistics.mean(row[1] for row in rows),
            peak_mb=peak_mb(running[kind].process.pid),
            calls=round(statistics.mean(row[2] for row in rows)),
            series=sum(1 for line in rows[-1][3].splitlines() if not line.startswith(b"#")),
        )


@contextlib.contextmanager
def both(config: Path) -> Iterator[dict[str, Exporter]]:
    with exporter(UPSTREAM, config=config) as upstream, exporter(OURS, config=config) as ours:
        yield {UPSTREAM: upstream, OURS: ours}


def of_cluster(config: Path, guests: int, nodes: int, times: int) -> Iterator[Row]:
    """Compare scrapes of the cluster scope."""
    with fakepve(cluster(guests, nodes)) as pve, both(config_for(pve, config)) as running:
        yield from measure(f"{guests:,} guests, cluster scope", pve, running, times, cluster=1, node=0)


def of_node(config: Path, guests: int, times: int) -> Iterator[Row]:
    """Compare scrapes of the node scope with an API that takes its time: the first one, and later ones."""
    name = f"{guests} guests, {_LATENCY_SECONDS * 1000:g} ms a call, node scope"
    with fakepve(cluster(guests, 1, set={"time_scale": 1.0})) as pve, both(config_for(pve, config)) as running:
        pve.call("slow_network", _LATENCY_SECONDS)
        yield from measure(f"{name}, first", pve, running, 1, cluster=0, node=1)
        yield from measure(f"{name}, later", pve, running, times, cluster=0, node=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=5, help="scrapes of which the median counts; default 5")
    parser.add_argument("--only", choices=("1000", "10000", "node"), help="one of the three scenarios")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="hune-bench-") as folder:
        config = Path(folder, "pve.yml")
        if options.only in (None, "1000"):
            rows += of_cluster(config, 1_000, 10, options.times)
        if options.only in (None, "10000"):
            rows += of_cluster(config, 10_000, 10, options.times)
        if options.only in (None, "node"):
            rows += of_node(config, 300, options.times)
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Linux {platform.release()}"
    if options.json:
        print(json.dumps({"rows": [asdict(row) for row in rows], "machine": machine}))
        return
    print("| scrape | exporter | seconds | processor s | peak MB | API calls | series |\n|---|---|---|---|---|---|---|")
    for row in sorted(rows, key=lambda row: row.scenario):
        print(
            f"| {row.scenario} | {row.exporter} | {row.seconds:.3f} | {row.cpu_seconds:.2f} | {row.peak_mb:.0f}"
            f" | {row.calls} | {row.series} |"
        )
    by_key = {(row.scenario, row.exporter): row for row in rows}
    for scenario in dict.fromkeys(row.scenario for row in rows):
        theirs, ours = by_key[scenario, UPSTREAM], by_key[scenario, OURS]
        print(
            f"{scenario}: {theirs.seconds / ours.seconds:.1f} times faster, "
            f"{theirs.cpu_seconds / max(ours.cpu_seconds, 0.01):.1f} times less processor, "
            f"{theirs.calls / max(ours.calls, 1):.1f} times fewer calls, "
            f"memory {ours.peak_mb / theirs.peak_mb:.2f} of theirs"
        )
    print(machine)


if __name__ == "__main__":
    main()
