"""A lab for tests: the real node_exporter over its trees, on ports of this test run."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from hune.core.errors import Unavailable
from hune.core.layout import Layout
from hune.http.control import call
from hune.lab import state
from hune.lab.hardware import MACHINES
from hune.lab.places import socket_path
from support.ports import free_port

PATIENCE_SECONDS = 120.0
RUN_LAB = "import sys; from hune.cli.running import services; services(['lab'], sys.argv[1])"
ADDRESSES = {machine.name: machine.address for machine in MACHINES}


def program(name: str) -> str:
    """Return the path of an engine, which must be there."""
    found = shutil.which(name)
    assert found, f"{name} is not on the PATH; scripts/test puts it there"
    return found


def wait_until(done: Any, what: str) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not done():
        assert time.monotonic() < end, f"not in time: {what}"
        time.sleep(0.02)


def prepare(layout: Layout) -> state.LabState:
    """Write the state that `hune lab up` would, with ports of this test run."""
    exporter = program("prometheus-node-exporter")
    lab = state.fresh(now=time.time(), exporter=exporter, is_free=lambda *_: True)
    lab.exporter_port, lab.machine_port = free_port(), free_port()
    lab.save(layout)
    return lab


@dataclass
class RunningLab:
    """A lab process and what tests ask of it."""

    layout: Layout
    state: state.LabState
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", RUN_LAB, str(self.layout.root)])
        wait_until(self._answers, "lab's socket")
        wait_until(lambda: all(self.measured(node) for node in self.living()), "its exporters")

    def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_SECONDS)

    def do(self, name: str, **body: object) -> list[dict[str, Any]]:
        status, answer = call(socket_path(self.layout), "POST", f"/{name}", body, timeout_seconds=PATIENCE_SECONDS)
        assert status == 200, answer
        events = answer["events"]
        assert isinstance(events, list)
        return events

    def refusal(self, name: str, **body: object) -> str:
        status, answer = call(socket_path(self.layout), "POST", f"/{name}", body, timeout_seconds=PATIENCE_SECONDS)
        assert status == 400
        return str(answer["detail"])

    def status(self) -> dict[str, dict[str, Any]]:
        _, answer = call(socket_path(self.layout), "GET", "/status", timeout_seconds=PATIENCE_SECONDS)
        return {node["node"]: node for node in answer["nodes"]}

    def living(self) -> list[str]:
        return [name for name, node in self.status().items() if node["power"] == "up"]

    def url(self, node: str, *collectors: str) -> str:
        query = "&".join(f"collect[]={name}" for name in collectors)
        return f"http://{ADDRESSES[node.removeprefix(self.state.prefix)]}:{self.state.exporter_port}/metrics?{query}"

    def metrics(self, node: str, *collectors: str, timeout: float = PATIENCE_SECONDS) -> dict[str, float]:
        """Return every series of a node as `name{labels}` → value."""
        with urllib.request.urlopen(self.url(node, *collectors), timeout=timeout) as answer:
            lines = answer.read().decode().splitlines()
        return {series: float(value) for series, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}

    def measured(self, node: str) -> bool:
        """Whether a node's exporter answers, now."""
        with contextlib.suppress(OSError, urllib.error.URLError):
            return bool(self.metrics(node, "loadavg", timeout=5.0))
        return False

    def machine(self, node: str) -> tuple[str, int]:
        return ADDRESSES[node], self.state.machine_port

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, "the lab ended; its reason is above"
        with contextlib.suppress(Unavailable):
            return call(socket_path(self.layout), "GET", "/status")[0] == 200
        return False


def is_alive(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False
