"""The real Prometheus and Alertmanager over machines that a test invents: what is told, in order."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from hune.alerting.routing import render_alertmanager
from hune.alerting.rules import render_rules
from hune.site.models import Site
from support.ports import free_port

PATIENCE_SECONDS = 180.0


@dataclass
class Machine:
    """What a machine exposes; `celsius` None has no sensor, `lives` False answers nothing."""

    celsius: float | None = 50.0
    lives: bool = True

    def exposition(self) -> str:
        lines = [f'node_scrape_collector_success{{collector="{name}"}} 1' for name in ("hwmon", "netclass")]
        if self.celsius is not None:
            of = 'chip="platform_coretemp_0"'
            lines += [
                f'node_hwmon_chip_names{{{of},chip_name="coretemp"}} 1',
                f'node_hwmon_sensor_label{{{of},sensor="temp1",label="Package id 0"}} 1',
                f'node_hwmon_temp_celsius{{{of},sensor="temp1"}} {self.celsius}',
            ]
        return "\n".join([*lines, ""])


@dataclass(frozen=True)
class Told:
    """One alert of one webhook."""

    receiver: str
    status: str
    name: str
    node: str
    annotations: dict[str, str] = field(compare=False)


class Stand:
    """A running Prometheus and Alertmanager, the machines they watch, and what they told the webhook."""

    def __init__(self, directory: Path, site: Site) -> None:
        self.directory = directory
        self.site = site
        self.machines = {node.name: Machine() for node in site.nodes}
        self.told: list[Told] = []
        self._more = threading.Condition()
        self._prometheus_port = free_port()
        self._alertmanager_port = free_port()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", site.port("hub")), self._handler())
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> Stand:
        with ExitStack() as on_failure:
            on_failure.callback(self.__exit__)
            self._thread.start()
            self.write(self.site)
            self._start(
                "prometheus-alertmanager",
                self._alertmanager_port,
                f"--storage.path={self.directory / 'am'}",
                f"--config.file={self.directory / 'alertmanager.yml'}",
                "--cluster.listen-address=",
                "--data.maintenance-interval=1s",
            )
            self.start_prometheus()
            on_failure.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait(60)
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join(10)
        self._server.server_close()

    def write(self, site: Site) -> None:
        """Render the files of a site; the machines stay."""
        self.site = site
        for name, text in render_rules(site).items():
            (self.directory / name).write_text(text)
        (self.directory / "alertmanager.yml").write_text(render_alertmanager(site))
        (self.directory / "prometheus.yml").write_text(json.dumps(self._configuration(), indent=1))

    def start_prometheus(self) -> None:
        """Start Prometheus on what it stored before; return when it answers."""
        self._start(
            "prometheus",
            self._prometheus_port,
            f"--storage.tsdb.path={self.directory / 'tsdb'}",
            f"--config.file={self.directory / 'prometheus.yml'}",
            "--rules.alert.resend-delay=5s",
        )

    def kill_prometheus(self) -> None:
        """Kill Prometheus without a chance to tidy up."""
        self._processes["prometheus"].kill()
        self._processes["prometheus"].wait(60)

    def reload_prometheus(self) -> None:
        """Let Prometheus read its files again."""
        self._processes["prometheus"].send_signal(signal.SIGHUP)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the samples of an expression."""
        query = urllib.parse.urlencode({"query": expression})
        with urllib.request.urlopen(f"{self._url(self._prometheus_port)}/api/v1/query?{query}", timeout=60) as answer:
            samples: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return samples

    def wait_for(self, expression: str) -> None:
        """Return as soon as an expression has a sample."""
        _until(lambda: bool(self.query(expression)), expression)

    def wait_until_told(self, status: str, name: str, node: str, *, after: int = 0) -> int:
        """Return where in `told` this stands, from `after` on, as soon as it has been told."""

        def place() -> int | None:
            for index, told in enumerate(self.told[after:], after):
                if (told.status, told.name, told.node) == (status, name, node):
                    return index
            return None

        with self._more:
            assert self._more.wait_for(lambda: place() is not None, PATIENCE_SECONDS), f"{name} {status}: {self.told}"
        index = place()
        assert index is not None
        return index

    def _configuration(self) -> dict[str, Any]:
        hub = f"127.0.0.1:{self._server.server_address[1]}"

        def job(name: str, path: str) -> dict[str, Any]:
            # One server plays all machines: the path says which.
            targets = [
                {"targets": [hub], "labels": {"node": node.name, "__metrics_path__": f"/{path}/{node.name}"}}
                for node in self.site.nodes
            ]
            return {
                "job_name": name,
                "scrape_interval": "1s",
                "scrape_timeout": "1s",
                "static_configs": targets,
                "relabel_configs": [{"source_labels": ["node"], "target_label": "instance"}],
            }

        return {
            "global": {"scrape_interval": "1s"},
            "rule_files": ["hune-*.yml"],
            "alerting": {
                "alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{self._alertmanager_port}"]}]}]
            },
            "scrape_configs": [job("node-fast", "metrics"), job("node-alive", "probe")],
        }

    def _start(self, program: str, port: int, *arguments: str) -> None:
        binary = shutil.which(program)
        assert binary, f"{program} is not on the PATH"
        with (self.directory / f"{program}.log").open("ab") as log:
            self._processes[program] = subprocess.Popen(
                [binary, *arguments, f"--web.listen-address=127.0.0.1:{port}"],
                # An Alertmanager unpacked from its package reads its templates below its working directory.
                cwd=Path(binary).resolve().parents[2],
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        _until(lambda: self._is_ready(program, port), f"{program} is ready")

    def _is_ready(self, program: str, port: int) -> bool:
        assert self._processes[program].poll() is None, (self.directory / f"{program}.log").read_text()
        try:
            with urllib.request.urlopen(f"{self._url(port)}/-/ready", timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    @staticmethod
    def _url(port: int) -> str:
        return f"http://127.0.0.1:{port}"

    def _hear(self, payload: dict[str, Any]) -> None:
        with self._more:
            for alert in payload["alerts"]:
                labels = alert["labels"]
                self.told.append(
                    Told(
                        payload["receiver"],
                        alert["status"],
                        labels["alertname"],
                        labels.get("node", ""),
                        alert["annotations"],
                    )
                )
            self._more.notify_all()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        stand = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                stand._hear(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self._answer(200, "")

            def do_GET(self) -> None:
                _, what, node = self.path.split("?")[0].split("/")
                machine = stand.machines[node]
                if what == "probe":
                    self._answer(200, f"probe_success {int(machine.lives)}\n")
                else:
                    self._answer(200 if machine.lives else 503, machine.exposition())

            def _answer(self, status: int, body: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        return Handler


def _until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"not within {PATIENCE_SECONDS:g} s: {what}"
        time.sleep(0.05)
