"""From a temperature crossing its limit to the accepted message, beside a plain Prometheus with its usual settings.

Each node is a real node_exporter over a small synthetic sysfs tree; a crossing is the rename of one `temp1_input`.
Both pipelines watch the same nodes in the same run: Hune (its default site, a Discord webhook at a local capture
server) and a stock Prometheus + Alertmanager (scrape 15 s, evaluation 15 s, group_wait 30 s, webhook receiver; every
crossing a group of its own). A node stays hot until both have told.

With --frozen-store the site also has a store in PostgreSQL, whose adapter and server are stopped (SIGSTOP) all along.
"""

from __future__ import annotations

import argparse
import contextlib
import http.server
import json
import os
import platform
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

from support.ports import free_port
from support.product import Product, query, wait_until

COOL, HOT = 52_000, 78_000


class BenchNode:
    """A real node_exporter over a tree with one CPU sensor."""

    def __init__(self, root: Path, name: str, number: int) -> None:
        self.name = name
        self.address = f"127.0.9.{number}"
        self.port = free_port()
        self._sensor = root / name / "sys/class/hwmon/hwmon0/temp1_input"
        self._sensor.parent.mkdir(parents=True)
        (root / name / "sys/class/net").mkdir()
        (root / name / "proc").mkdir()
        (self._sensor.parent / "name").write_text("coretemp\n")
        (self._sensor.parent / "temp1_label").write_text("Package id 0\n")
        self.write(COOL)
        argv = [
            found("prometheus-node-exporter", "node_exporter"),
            "--collector.disable-defaults",
            "--collector.hwmon",
            "--collector.netclass",
            f"--path.sysfs={root / name / 'sys'}",
            f"--path.procfs={root / name / 'proc'}",
            f"--web.listen-address={self.address}:{self.port}",
            "--log.level=error",
        ]
        environ = {**os.environ, "GOMAXPROCS": "1"}
        self.process = subprocess.Popen(argv, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def write(self, millidegrees: int) -> float:
        """Set the temperature; return the moment after the rename."""
        staged = self._sensor.with_name(".temp1_input")
        staged.write_text(f"{millidegrees}\n")
        staged.rename(self._sensor)
        return time.time()


def found(*programs: str) -> str:
    for program in programs:
        if path := shutil.which(program):
            return path
    raise SystemExit(f"{programs[0]}: not on the PATH; run this through scripts/bench")


class Arrivals(http.server.ThreadingHTTPServer):
    """Takes the stock Alertmanager's webhooks; remembers when each node's first alert arrived."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        self.at: dict[str, float] = {}
        arrivals = self.at

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                for alert in body["alerts"]:
                    if alert["status"] == "firing":
                        arrivals.setdefault(alert["labels"]["node"], time.time())
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        super().__init__(("127.0.0.1", port), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


@contextlib.contextmanager
def stock_pipeline(
    root: Path, targets: dict[str, str], rules: dict[str, str], group_by: list[str], webhook: str
) -> Iterator[None]:
    """A plain Prometheus and Alertmanager with their usual settings, over targets (name → address) and rules."""
    root.mkdir()
    prometheus, alertmanager = free_port(), free_port()
    rows = [{"alert": name, "expr": expr, "labels": {"severity": "critical"}} for name, expr in rules.items()]
    (root / "rules.yml").write_text(json.dumps({"groups": [{"name": "stock", "rules": rows}]}))
    scraped = [{"targets": [address], "labels": {"node": name}} for name, address in targets.items()]
    config = {
        "global": {"scrape_interval": "15s", "evaluation_interval": "15s"},
        "rule_files": ["rules.yml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{alertmanager}"]}]}]},
        "scrape_configs": [{"job_name": "node", "static_configs": scraped}],
    }
    (root / "prometheus.yml").write_text(json.dumps(config))
    route = {"receiver": "hook", "group_by": group_by, "group_wait": "30s", "group_interval": "5m"}
    receivers = [{"name": "hook", "webhook_configs": [{"url": webhook}]}]
    (root / "alertmanager.yml").write_text(json.dumps({"route": route, "receivers": receivers}))
    program = Path(found("prometheus-alertmanager", "alertmanager"))
    commands = [
        [
            str(program),
            f"--config.file={root / 'alertmanager.yml'}",
            f"--storage.path={root / 'am'}",
            f"--web.listen-address=127.0.0.1:{alertmanager}",
            "--cluster.listen-address=",
            "--log.level=error",
        ],
        [
            found("prometheus"),
            f"--config.file={root / 'prometheus.yml'}",
            f"--storage.tsdb.path={root / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{prometheus}",
            "--log.level=error",
        ],
    ]
    # An unpacked Debian Alertmanager finds its templates below its own root.
    processes = [
        subprocess.Popen(argv, cwd=program.parents[2], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for argv in commands
    ]
    try:
        yield
    finally:
        for process in processes:
            finish(process)


@contextlib.contextmanager
def frozen_store(product: Product) -> Iterator[None]:
    """Keep the adapter and PostgreSQL stopped; the conductor starts them anew when they are silent for long."""
    done, stopped = threading.Event(), set()

    def freeze() -> None:
        while not done.is_set():
            server = product.pid("postgresql")
            children = Path(f"/proc/{server}/task/{server}/children")
            workers = map(int, children.read_text().split()) if children.exists() else ()
            for pid in (product.pid("timescale"), server, *workers):
                with contextlib.suppress(ProcessLookupError):
                    if pid:
                        os.kill(pid, signal.SIGSTOP)
                        stopped.add(pid)
            done.wait(5.0)

    thread = threading.Thread(target=freeze)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        for pid in stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def measure(crossings: int, spread_seconds: float, seed: int, *, frozen: bool = False) -> dict[str, Any]:
    """Return the latencies of both pipelines over so many crossings at uniform phases."""
    rng = random.Random(seed)
    with contextlib.ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hune-bench-")))
        nodes = [BenchNode(root, f"node-{number:02d}", number) for number in range(1, crossings + 1)]
        for node in nodes:
            stack.callback(finish, node.process)
        record, discord_port = root / "accepted.jsonl", free_port()
        argv = [sys.executable, "-m", "support.discord_server", "--port", str(discord_port), "--record", str(record)]
        here = Path(__file__).resolve().parents[2] / "tests"
        capture = subprocess.Popen(argv, cwd=here, stdout=subprocess.DEVNULL)
        stack.callback(finish, capture)
        first = wait_until(lambda: record.exists() and record.read_text().splitlines(), "the capture server listens")
        webhook = json.loads(first[0])["listening"]
        arrivals = Arrivals(free_port())
        stack.callback(arrivals.shutdown)
        targets = {node.name: f"{node.address}:{node.port}" for node in nodes}
        rules = {"CpuHot": "max by (node) (node_hwmon_temp_celsius) > 70"}
        hook = f"http://127.0.0.1:{arrivals.server_port}/"
        stack.enter_context(stock_pipeline(root / "stock", targets, rules, ["alertname", "node"], hook))
        product = Product(root / "hune", environ={"BENCH_WEBHOOK": webhook})
        site: dict[str, Any] = {
            "nodes": [{"name": node.name, "address": node.address, "exporter": {"port": node.port}} for node in nodes],
            "receivers": [{"name": "discord", "discord": {"webhook": "env:BENCH_WEBHOOK"}}],
            "routes": [{"match": {"severity": "critical"}, "receivers": ["discord"]}],
        }
        if frozen:
            site["stores"] = {"timescale": {}}
        product.write_site(json.dumps(site))
        stack.callback(product.down)
        say("starting Hune and the stock pipeline over the same nodes")
        product.up()
        prometheus = product.url("prometheus")
        count = 'count(hune:node_up{node=~"node-.*"} == 1)'
        wait_until(
            lambda: [row["value"][1] for row in query(prometheus, count)] == [str(crossings)], "all nodes are seen"
        )
        time.sleep(20)  # The stock Prometheus has scraped everything once, and Hune's grace period is over.
        if frozen:
            stack.enter_context(frozen_store(product))
        began = time.time()
        moments = sorted(rng.uniform(0, spread_seconds) for _ in nodes)
        crossed = {}
        for node, moment in zip(nodes, moments, strict=True):
            time.sleep(max(0.0, began + moment - time.time()))
            crossed[node.name] = node.write(HOT)
            say(f"{len(crossed)} of {crossings} crossed, Hune told {len(delivered(record))}, stock {len(arrivals.at)}")
        end = time.time() + 120
        while time.time() < end and (len(arrivals.at) < crossings or len(delivered(record)) < crossings):
            time.sleep(0.5)
            say(f"waiting: Hune told {len(delivered(record))}, stock {len(arrivals.at)} of {crossings}")
        ours = delivered(record)
    return {
        "hune": figures([ours[name] - at for name, at in crossed.items() if name in ours], crossings),
        "stock": figures([arrivals.at[name] - at for name, at in crossed.items() if name in arrivals.at], crossings),
    }


def finish(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(20)


def delivered(record: Path) -> dict[str, float]:
    """Return when each node was first named in an accepted message."""
    first: dict[str, float] = {}
    if not record.exists():
        return first
    for line in record.read_text().splitlines():
        row = json.loads(line)
        if "payload" not in row:
            continue
        text = json.dumps(row["payload"])
        for number in range(1, 255):
            name = f"node-{number:02d}"
            if name in text or name.upper() in text:
                first.setdefault(name, row["at"])
    return first


def figures(latencies: list[float], crossings: int) -> dict[str, Any]:
    ordered = sorted(latencies)
    if len(ordered) < 2:
        return {"delivered": len(ordered), "of": crossings}
    return {
        "delivered": len(ordered),
        "of": crossings,
        "p50_seconds": round(statistics.median(ordered), 3),
        "p95_seconds": round(min(statistics.quantiles(ordered, n=20)[-1], ordered[-1]), 3),
        "max_seconds": round(ordered[-1], 3),
    }


def say(text: str) -> None:
    print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--crossings", type=int, default=50)
    parser.add_argument("--spread", type=float, default=120.0, help="seconds over which the crossings are spread")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--frozen-store", action="store_true", help="with a store in PostgreSQL that is stopped")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = measure(options.crossings, options.spread, options.seed, frozen=options.frozen_store)
    say("")
    if "p95_seconds" in result["hune"] and "p95_seconds" in result["stock"]:
        result["times_faster"] = {
            key: round(result["stock"][f"{key}_seconds"] / result["hune"][f"{key}_seconds"], 1)
            for key in ("p50", "p95")
        }
    result |= {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Linux {platform.release()}",
        "seed": options.seed,
    }
    if options.json:
        print(json.dumps(result, indent=2))
        return
    print(f"{'crossing → delivered':<24}{'told':>8}{'p50 s':>9}{'p95 s':>9}{'max s':>9}")
    for name in ("hune", "stock"):
        row = result[name]
        values = [row.get(key, float("nan")) for key in ("p50_seconds", "p95_seconds", "max_seconds")]
        print(f"{name:<24}{row['delivered']:>4}/{row['of']:<3}" + "".join(f"{value:>9.2f}" for value in values))
    if "times_faster" in result:
        print(f"times faster: p50 {result['times_faster']['p50']}, p95 {result['times_faster']['p95']}")
    print(result["machine"])


if __name__ == "__main__":
    main()
