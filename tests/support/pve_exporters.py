"""prometheus-pve-exporter and Hune's, each in a process of its own, started from the same files and environment."""

from __future__ import annotations

import contextlib
import os
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from prometheus_client.parser import text_string_to_metric_families

from support.fakepve_server import FakePve, peer
from support.ports import free_port

SOURCES = Path(__file__).parents[2] / "src"

Series = set[tuple[str, str, tuple[tuple[str, str], ...], float]]

UPSTREAM = "upstream"
OURS = "ours"


@dataclass
class Exporter:
    """A running exporter."""

    process: subprocess.Popen[bytes]
    url: str
    context: ssl.SSLContext | None = None
    """What to trust, if it serves HTTPS."""

    def get(
        self,
        path: str = "/pve",
        parameters: Mapping[str, object] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        seconds: float = 120.0,
    ) -> tuple[int, bytes]:
        """Return status and body of a request."""
        query = f"?{urlencode(parameters)}" if parameters else ""
        request = urllib.request.Request(f"{self.url}{path}{query}", headers=dict(headers or {}))
        try:
            with urllib.request.urlopen(request, timeout=seconds, context=self.context) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def series(self, path: str = "/pve", parameters: Mapping[str, object] | None = None, **more: object) -> Series:
        """Return name, type, labels and value of each sample of an answer that must be a good one."""
        status, body = self.get(path, {**(parameters or {}), **more})
        assert status == 200, body[:500]
        return series(body)


def series(body: bytes) -> Series:
    """Return name, type, labels and value of each sample of a text; each may be there once only."""
    found = [
        (sample.name, family.type, tuple(sorted(sample.labels.items())), float(sample.value))
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    ]
    assert len({entry[:3] for entry in found}) == len(found)
    return set(found)


def config_for(pve: FakePve, path: Path, text: str = "") -> Path:
    """Write a configuration that both exporters can ask a fake with."""
    path.write_text(f"default:\n  user: {pve.user}\n  password: {pve.password}\n  verify_ssl: no\n{text}")
    return path


@contextlib.contextmanager
def exporter(
    kind: str,
    *flags: str,
    environ: Mapping[str, str] | None = None,
    config: Path | None = None,
    host: str = "127.0.0.1",
    context: ssl.SSLContext | None = None,
) -> Iterator[Exporter]:
    """Run one for as long as the block lasts; it answers when the block begins."""
    port = free_port()
    program = [peer("pve_exporter")] if kind == UPSTREAM else [sys.executable, "-m", "hune", "run", "pve-exporter"]
    argv = [*program, *flags, "--web.listen-address", f"{host}:{port}"]
    if config is not None:
        argv += ["--config.file", str(config)]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PVE_", "HUNE_DATA_DIR"))}
    process = subprocess.Popen(
        argv,
        env={**inherited, "PYTHONPATH": str(SOURCES), **(environ or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        running = Exporter(process, f"http{'s' if context else ''}://127.0.0.1:{port}", context)
        _wait(running)
        yield running
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(60)


def _wait(running: Exporter) -> None:
    end = time.monotonic() + 180.0
    while True:
        assert running.process.poll() is None, f"the exporter ended with exit code {running.process.returncode}"
        try:
            running.get("/", seconds=5.0)
        except OSError:
            assert time.monotonic() < end, "the exporter doesn't answer"
            time.sleep(0.05)
        else:
            return
