"""From a crossing in the lab to the accepted message: heat, cut links and dead nodes, beside the usual settings.

The lab's three machines are heated, unplugged and killed again and again at random phases, each kind on a machine of
its own, and each time until Hune has told that it is over. Its site is the default one with one receiver, a webhook at
a local capture server. Then every CPU, port and machine crosses once more, until a stock Prometheus + Alertmanager
(scrape 15 s, evaluation 15 s, group_wait 30 s) over the same machines has told as well.
"""

from __future__ import annotations

import argparse
import contextlib
import http.server
import json
import os
import platform
import random
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

from heat import figures, say, stock_pipeline

from hune.core.layout import Layout
from hune.http.control import call
from hune.lab.places import socket_path
from support.product import Product, query, wait_until

GOALS_SECONDS = {"CpuHot": 2.0, "LinkDown": 2.0, "NodeDown": 6.0}
"""Of the 95th percentile; a dead node is called so after 3 s of silence."""
WORDS = {"CpuHot": "CPU hot", "LinkDown": "link down", "NodeDown": "node down"}
HOT, COOL = 80.0, 45.0
PATIENCE_SECONDS = 150.0
STOCK_RULES = {
    "CpuHot": "max by (node) (node_hwmon_temp_celsius) > 70",
    "LinkDown": 'node_network_carrier{device=~"enp1s0f."} == 0',
    "NodeDown": "up == 0",
}
PORTS = ("enp1s0f0", "enp1s0f1")


@dataclass(frozen=True)
class Subject:
    """What crosses a limit."""

    alert: str
    node: str
    device: str = ""


@dataclass
class Arrivals:
    """When which firing and ends were accepted, by the path they came to."""

    at: dict[tuple[str, str, Subject], list[float]] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)
    news: threading.Condition = field(default_factory=threading.Condition)

    def take(self, path: str, body: Any, identity: str) -> None:
        now = time.time()
        if path == "/hune":
            rows = body["data"]["alerts"] if body["type"] == "digest" else [{**body["data"], "type": body["type"]}]
            found = [(row["type"].removeprefix("alert."), row["labels"]) for row in rows if "labels" in row]
        else:
            found = [(row["status"], row["labels"]) for row in body["alerts"]]
        with self.news:
            self.ids += [identity] if identity else []
            for status, labels in found:
                device = labels.get("device", "") if labels["alertname"] == "LinkDown" else ""
                subject = Subject(labels["alertname"], labels.get("node", ""), device)
                self.at.setdefault((path, status, subject), []).append(now)
            self.news.notify_all()

    def after(self, path: str, status: str, subject: Subject, moment: float) -> float | None:
        """Return when it was first told after a moment, None if it wasn't."""
        return next((at for at in self.at.get((path, status, subject), []) if at >= moment), None)

    def wait(self, path: str, status: str, subject: Subject, moment: float) -> float | None:
        """Return when it was told, None if that takes too long."""
        with self.news:
            self.news.wait_for(lambda: self.after(path, status, subject, moment) is not None, PATIENCE_SECONDS)
            return self.after(path, status, subject, moment)


@contextlib.contextmanager
def capture(arrivals: Arrivals) -> Iterator[str]:
    """Take webhooks of both pipelines at `/hune` and `/stock`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            arrivals.take(self.path, body, self.headers.get("webhook-id", ""))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


class Lab:
    """The lab's hands: each returns the moment of the change."""

    def __init__(self, layout: Layout) -> None:
        self._socket = socket_path(layout)

    def do(self, name: str, **body: object) -> float:
        status, answer = call(self._socket, "POST", f"/{name}", body, timeout_seconds=60.0)
        assert status == 200, answer
        return float(answer["events"][0]["time"])

    def cross(self, subject: Subject) -> float:
        if subject.alert == "CpuHot":
            return self.do("heat", node=subject.node, celsius=HOT)
        if subject.alert == "LinkDown":
            return self.do("unplug", node=subject.node, device=subject.device)
        return self.do("kill", nodes=[subject.node], how="refuse")

    def restore(self, subject: Subject) -> float:
        if subject.alert == "CpuHot":
            return self.do("heat", node=subject.node, celsius=COOL)
        if subject.alert == "LinkDown":
            return self.do("plug", node=subject.node, device=subject.device)
        return self.do("revive", node=subject.node)


class Bench:
    """The crossings, and what came of each."""

    def __init__(self, lab: Lab, arrivals: Arrivals, seed: int) -> None:
        self._lab = lab
        self._arrivals = arrivals
        self._dice = random.Random(seed)
        self._turn = threading.Lock()
        self.ours: dict[str, list[float | None]] = {name: [] for name in GOALS_SECONDS}
        self.stock: dict[str, list[float | None]] = {name: [] for name in GOALS_SECONDS}

    def again_and_again(self, subjects: list[Subject], times: int) -> None:
        """Let the subjects cross in turn, each until Hune has told the beginning and the end."""
        for number in range(times):
            subject = subjects[number % len(subjects)]
            # Beyond the moment in which Alertmanager still keeps the group of the one before.
            time.sleep(3.0 + self._uniform(1.0))
            crossed = self._lab.cross(subject)
            self._note(self.ours, subject, crossed, self._arrivals.wait("/hune", "firing", subject, crossed))
            restored = self._lab.restore(subject)
            self._arrivals.wait("/hune", "resolved", subject, restored)

    def beside_stock(self, subjects: list[Subject]) -> None:
        """Let the subjects cross once within 15 s, until both pipelines have told."""

        def one(subject: Subject) -> None:
            time.sleep(self._uniform(15.0))
            crossed = self._lab.cross(subject)
            for path, results in (("/hune", self.ours), ("/stock", self.stock)):
                self._note(results, subject, crossed, self._arrivals.wait(path, "firing", subject, crossed))
            restored = self._lab.restore(subject)
            self._arrivals.wait("/hune", "resolved", subject, restored)

        together([lambda subject=subject: one(subject) for subject in subjects])  # type: ignore[misc]

    def _uniform(self, most: float) -> float:
        with self._turn:
            return self._dice.uniform(0.0, most)

    def _note(
        self, results: dict[str, list[float | None]], subject: Subject, crossed: float, told: float | None
    ) -> None:
        with self._turn:
            results[subject.alert].append(None if told is None else told - crossed)
            say(
                f"Hune told {_told(self.ours)}, stock {_told(self.stock)}"
                f" · {WORDS[subject.alert]} {subject.node}: {'never' if told is None else f'{told - crossed:.2f} s'}"
            )


def _told(results: dict[str, list[float | None]]) -> str:
    everything = [one for many in results.values() for one in many]
    return f"{sum(one is not None for one in everything)} of {len(everything)}"


def together(tasks: list[Callable[[], None]]) -> None:
    """Run tasks at once; raise what one of them raises."""
    errors: list[BaseException] = []

    def run(task: Callable[[], None]) -> None:
        try:
            task()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(task,), daemon=True) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def measure(crossings: int, seed: int, *, with_stock: bool) -> dict[str, Any]:
    """Return the latencies of so many crossings of each kind, and of the few that the stock pipeline sees too."""
    arrivals = Arrivals()
    with contextlib.ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hune-bench-")))
        base = stack.enter_context(capture(arrivals))
        product = Product(root / "hune", environ={"BENCH_HOOK": f"{base}/hune"})
        receiver = {"name": "capture", "lab": True, "webhook": {"url": "env:BENCH_HOOK"}}
        product.write_site(json.dumps({"receivers": [receiver]}))
        stack.callback(product.down)
        say("starting Hune and its lab")
        product.up()
        nodes = [row["node"] for row in product.ask("lab", "up")["nodes"]]
        site = json.loads(Layout(product.data_dir).site_json.read_text())
        targets = {
            node["name"]: f"{node['address']}:{node['exporter']['port']}" for node in site["nodes"] if node["lab"]
        }
        if with_stock:
            groups = ["alertname", "node", "device"]
            stack.enter_context(stock_pipeline(root / "stock", targets, STOCK_RULES, groups, f"{base}/stock"))
        settled = 'hune:settled and on () (count(hune:node_up{lab="true"} == 1) == 3)'
        prometheus = product.url("prometheus")
        wait_until(lambda: query(prometheus, settled), "the rules have settled", seconds=120)
        time.sleep(20)  # The stock Prometheus has scraped everything once.
        bench = Bench(Lab(Layout(product.data_dir)), arrivals, seed)
        hot, cut, dead = nodes
        links = [Subject("LinkDown", cut, device) for device in PORTS]
        together(
            [
                lambda: bench.again_and_again([Subject("CpuHot", hot)], crossings),
                lambda: bench.again_and_again(links, crossings),
                lambda: bench.again_and_again([Subject("NodeDown", dead)], crossings),
            ]
        )
        if with_stock:
            ports = [Subject("LinkDown", node, device) for node in nodes for device in PORTS]
            bench.beside_stock([*(Subject("CpuHot", node) for node in nodes), *ports])
            # Never all at once: that would be told as Hune being cut off.
            bench.beside_stock([Subject("NodeDown", node) for node in (hot, dead)])
            bench.beside_stock([Subject("NodeDown", cut)])
        retried = _retried(product.url("hub"))
    return {
        "hune": {name: _figures(times) for name, times in bench.ours.items()},
        **({"stock": {name: _figures(times) for name, times in bench.stock.items()}} if with_stock else {}),
        "goals_p95_seconds": GOALS_SECONDS,
        "retried": retried,
        "repeated": len(arrivals.ids) - len({*arrivals.ids}),
        "retries_counted": True,
    }


def _retried(hub: str) -> int:
    """Return how many alerts a receiver didn't accept at once."""
    with urllib.request.urlopen(f"{hub}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return round(
        sum(
            float(line.rpartition(" ")[2])
            for line in lines
            if line.startswith("hune_hub_deliveries_total") and 'receiver="capture"' in line and "retried" in line
        )
    )


def _figures(times: list[float | None]) -> dict[str, Any]:
    return figures([one for one in times if one is not None], len(times))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--crossings", type=int, default=36, help="of each kind; 36 take about 13 minutes in all")
    parser.add_argument("--without-stock", action="store_true", help="Hune alone, about 5 minutes less")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = measure(options.crossings, options.seed, with_stock=not options.without_stock)
    result |= {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Linux {platform.release()}",
        "seed": options.seed,
    }
    say("")
    if options.json:
        print(json.dumps(result, indent=2))
        return
    print(f"{'crossing → delivered':<24}{'told':>8}{'p50 s':>9}{'p95 s':>9}{'max s':>9}{'goal p95':>10}")
    for pipeline in ("hune", "stock"):
        for name, row in result.get(pipeline, {}).items():
            values = [row.get(key, float("nan")) for key in ("p50_seconds", "p95_seconds", "max_seconds")]
            goal = f"{GOALS_SECONDS[name]:>8g} s" if pipeline == "hune" else ""
            title = f"{pipeline}: {WORDS[name]}"
            told = f"{row['delivered']}/{row['of']}"
            print(f"{title:<24}{told:>8}" + "".join(f"{value:>9.2f}" for value in values) + goal)
    print(
        f"retries are counted: to the message that was accepted; {result['retried']} alerts were not accepted at once"
    )
    print(result["machine"])


if __name__ == "__main__":
    main()
