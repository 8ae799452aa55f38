"""`hune lab …` as typed, beside a real Prometheus and a conductor that knows just the lab."""

import asyncio
import json
import os
import re
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from hune.core.layout import Layout
from hune.http.control import Answer, ControlServer
from hune.lab import overlay, state
from hune.site.models import Site
from support.lab import ADDRESSES, PATIENCE_SECONDS, RunningLab, program, wait_until
from support.ports import free_port


class Stack:
    """A Prometheus, and a conductor that at each reload starts or stops the lab as the overlay says."""

    def __init__(self, root: Path) -> None:
        self.layout = Layout(root)
        self.refusal = ""
        self._port = free_port()
        self._lab: RunningLab | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        handlers = {("GET", "/status"): self._status, ("POST", "/reload"): self._reload}
        self._server = ControlServer(self.layout.socket, handlers)

    def start(self) -> None:
        site = Site.model_validate({"name": "here", "engines": {"prometheus": {"port": self._port}}})
        self.layout.config.mkdir()
        self.layout.site_json.write_text(site.model_dump_json())
        self._configure([])
        self._prometheus = subprocess.Popen(
            [
                program("prometheus"),
                f"--config.file={self._config}",
                f"--storage.tsdb.path={self.layout.data('prometheus')}",
                f"--web.listen-address=127.0.0.1:{self._port}",
                "--web.enable-lifecycle",
                "--log.level=error",
            ]
        )
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._server.start(), self._loop).result(PATIENCE_SECONDS)
        wait_until(self._reloads, "Prometheus")

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._server.stop(), self._loop).result(PATIENCE_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_SECONDS)
        self._loop.close()
        self._prometheus.terminate()
        self._prometheus.wait(PATIENCE_SECONDS)
        if self._lab is not None:
            self._lab.stop()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `hune lab ARGUMENTS` and return what it printed."""
        environ = {**os.environ, "HUNE_DATA_DIR": str(self.layout.root), "COLUMNS": "160", "NO_COLOR": "1"}
        return subprocess.run(
            [sys.executable, "-m", "hune", "lab", *arguments],
            env=environ,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    def ok(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def refused(self, *arguments: str) -> str:
        """Return the one line that a failing command prints."""
        done = self.run(*arguments)
        assert done.returncode != 0
        assert done.stdout == ""
        (line,) = done.stderr.splitlines()
        return line

    async def _status(self, _: Mapping[str, Any]) -> Answer:
        return 200, {}

    async def _reload(self, _: Mapping[str, Any]) -> Answer:
        if self.refusal:
            return 400, {"detail": self.refusal}
        await asyncio.to_thread(self._follow_overlay)
        return 200, {}

    def _follow_overlay(self) -> None:
        path = overlay.path(self.layout)
        if path.exists() and self._lab is None:
            kept = state.load(self.layout)
            assert kept is not None
            self._configure(YAML(typ="safe").load(path)["nodes"])
            assert self._reloads()
            self._lab = RunningLab(self.layout, kept)
            self._lab.start()
        elif not path.exists() and self._lab is not None:
            self._configure([])
            assert self._reloads()
            self._lab.stop()
            self._lab = None

    @property
    def _config(self) -> Path:
        return self.layout.config / "prometheus.yml"

    def _configure(self, nodes: list[dict[str, Any]]) -> None:
        targets = [
            {
                "targets": [f"{node['address']}:{node['exporter']['port']}"],
                "labels": {"node": node["name"], "lab": "true"},
            }
            for node in nodes
        ]
        job = {"job_name": "node-fast", "scrape_interval": "1s", "params": {"collect[]": ["hwmon"]}}
        self._config.write_text(json.dumps({"scrape_configs": [{**job, "static_configs": targets}]}))

    def _reloads(self) -> bool:
        try:
            urllib.request.urlopen(
                f"http://127.0.0.1:{self._port}/-/reload", data=b"", timeout=PATIENCE_SECONDS
            ).close()
        except OSError:
            return False
        return True


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    made = Stack(tmp_path_factory.mktemp("stack"))
    made.start()
    yield made
    made.stop()


@pytest.fixture
def lab(stack: Stack) -> Iterator[Stack]:
    """The stack with the lab up, and without it afterwards."""
    stack.ok("up")
    yield stack
    stack.ok("down")


def test_up_shows_three_nodes_that_are_measured(stack: Stack) -> None:
    try:
        shown = stack.ok("up")
        for node in ADDRESSES:
            assert f"{node}  ● up" in shown
        assert "hune lab heat" in shown
        assert json.loads(stack.ok("up", "--json"))["nodes"][0]["power"] == "up"
    finally:
        assert stack.ok("down") == "the lab is gone\n"
    assert not stack.layout.lab.exists()
    assert not overlay.path(stack.layout).exists()
    assert stack.ok("down") == "there was no lab\n"


def test_each_command_says_what_happened(lab: Stack) -> None:
    assert lab.ok("heat", "PVE-02", "78") == "pve-02: 78 °C\n"
    assert lab.ok("unplug", "pve-01", "enp1s0f1") == "pve-01: enp1s0f1 unplugged\n"
    assert lab.ok("unplug", "pve-01", "enp1s0f0", "--admin") == "pve-01: enp1s0f0 disabled\n"
    assert lab.ok("slow", "pve-02", "enp1s0f0") == "pve-02: enp1s0f0 slow\n"
    assert lab.ok("kill", "pve-03", "--how", "hang") == "pve-03: down, hangs\n"
    shown = lab.ok("status")
    assert "■ down, hangs" in shown
    assert re.search(r"7[78](\.\d)? °C heated", shown)
    assert "■ enp1s0f1 unplugged" in shown
    assert lab.ok("plug", "pve-01") == "pve-01: enp1s0f0 plugged in\npve-01: enp1s0f1 plugged in\n"
    assert lab.ok("plug") == "pve-02: enp1s0f0 plugged in\n"
    assert lab.ok("revive") == "pve-03: up\n"
    assert lab.ok("cool", "pve-02").startswith("pve-02: ")
    assert lab.ok("cool") == "nothing to do\n"


def test_each_fault_of_proxmox_says_what_happened_and_how_it_stands(lab: Stack) -> None:
    faults = (
        ("local-zfs: 96 % full", ("fill", "local-zfs", "96")),
        ("lxc/126 blog-1: stopped", ("stop", "blog-1")),
        ("pve-01/pvestatd: failed", ("stop-service", "pve-01", "pvestatd")),
        ("cluster: no quorum: the nodes don't hear each other", ("split",)),
    )
    for said, arguments in faults:
        assert lab.ok(*arguments) == f"{said}\n"
    shown = [line for line in lab.ok("status").splitlines() if line.startswith("■ ")]
    assert shown == [f"■ {said}" for said, _ in faults]
    (event,) = json.loads(lab.ok("mend", "local-zfs", "--json"))["events"]
    assert (event["event"], event["fault"], event["subject"]) == ("mend", "fill", "local-zfs")
    assert lab.ok("mend").count(": mended\n") == 3
    assert lab.refused("fill", "locl", "96") == "locl: no such storage of the lab; did you mean local?"
    assert lab.ok("fence", "pve-03") == "pve-03: down, being fenced\n"


def test_json_tells_the_moment_of_the_change(lab: Stack) -> None:
    (event,) = json.loads(lab.ok("heat", "pve-01", "71.5", "--json"))["events"]
    assert (event["event"], event["node"], event["celsius"]) == ("heat", "pve-01", 71.5)
    assert event["time"] > 1.7e9
    assert json.loads(lab.ok("status", "--json"))["nodes"][0]["heat_celsius"] == 71.5


def test_up_again_keeps_the_faults_and_waits_for_the_living(lab: Stack) -> None:
    lab.ok("kill", "pve-03")
    assert "■ down, refuses" in lab.ok("up")


def test_wrong_input_is_one_line(lab: Stack) -> None:
    assert lab.refused("heat", "pve-4", "78").startswith("pve-4: no such node of the lab; did you mean")
    assert lab.refused("heat", "pve-01", "400") == "400 °C: no such CPU; give 20 to 110; this one throttles at 100"
    assert "pve-01 has no such port" in lab.refused("unplug", "pve-01", "eth0")


def test_commands_without_a_lab_say_how_to_start_it(stack: Stack) -> None:
    assert stack.refused("heat", "pve-01", "78") == "the lab is not up; start it with: hune lab up"
    assert stack.refused("status") == "the lab is not up; start it with: hune lab up"


def test_commands_without_a_stack_say_how_to_start_that(tmp_path: Path) -> None:
    alone = Stack(tmp_path)
    alone._loop.close()
    for arguments in (("up",), ("status",), ("heat", "pve-01", "78")):
        assert alone.refused(*arguments).startswith(f"Hune is not running in {tmp_path}; start it with: hune up")
    assert alone.ok("down") == "there was no lab\n"


def test_a_refused_overlay_leaves_nothing_behind(stack: Stack) -> None:
    stack.refusal = "site.yaml: nodes: pve-01: named twice; give it another name"
    try:
        assert stack.refused("up") == stack.refusal
    finally:
        stack.refusal = ""
    assert not overlay.path(stack.layout).exists()
    assert not stack.layout.lab.exists()
