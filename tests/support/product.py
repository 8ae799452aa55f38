"""The product as its users start it: the command `hune` on a data directory of its own."""

from __future__ import annotations

import base64
import contextlib
import json
import math
import os
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hune.core.errors import Unavailable
from hune.core.layout import Layout
from hune.http.control import call

COMMAND = [sys.executable, "-m", "hune"]
PATIENCE_SECONDS = 120.0
"""For what takes seconds where nothing else runs; it costs nothing where it isn't needed."""


class Product:
    """One installation: `data_dir`, an optional site file, its environment."""

    def __init__(self, root: Path, *, environ: Mapping[str, str] | None = None) -> None:
        self.root = root
        self.data_dir = root / "data"
        self.work = root / "work"
        self.work.mkdir(parents=True, exist_ok=True)
        self.environ = {**os.environ, **(environ or {})}
        for variable in ("HUNE_SITE", "HUNE_DATA_DIR", "DISCORD_WEBHOOK_URL"):
            if not environ or variable not in environ:
                self.environ.pop(variable, None)

    def write_site(self, text: str) -> Path:
        """Put a site file where `hune` looks for it."""
        path = self.work / "site.yaml"
        path.write_text(text)
        return path

    def key_to(self, name: str) -> dict[str, str]:
        """Return the header that opens the door of an engine."""
        word = (self.data_dir / "keys" / name).read_text().strip()
        return {"Authorization": f"Basic {base64.b64encode(f'hune:{word}'.encode()).decode()}"}

    def run(self, *arguments: str, timeout_seconds: float = 240.0) -> subprocess.CompletedProcess[str]:
        """Run a command and return what it printed, whatever its exit code; it never shows a traceback."""
        result = subprocess.run(
            [*COMMAND, *arguments, "--data-dir", str(self.data_dir)],
            capture_output=True,
            text=True,
            env=self.environ,
            cwd=self.work,
            timeout=timeout_seconds,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert "Traceback" not in result.stdout + result.stderr, result.stderr
        return result

    def ask(self, *arguments: str, timeout_seconds: float = 240.0) -> Any:
        """Run a command that succeeds, with --json; return the document."""
        result = self.run(*arguments, "--json", timeout_seconds=timeout_seconds)
        assert result.returncode == 0, result.stderr or result.stdout
        return json.loads(result.stdout)

    def up(self, *arguments: str) -> Any:
        """Start detached on free ports; return the status once everything works."""
        return self.ask("up", "--detach", "--auto-ports", *arguments)

    def down(self) -> None:
        """Stop, if it runs."""
        self.run("down")

    def status(self) -> Any:
        """Return what `hune status --json` prints, without a process for each question."""
        code, status = call(Layout(self.data_dir).socket, "GET", "/status", timeout_seconds=PATIENCE_SECONDS)
        assert code == 200, status
        return status

    def url(self, name: str) -> str:
        """Return the base URL of a service."""
        [row] = [row for row in self.status()["services"] if row["name"] == name]
        return f"http://{row['address']}"

    def pid(self, process: str) -> int:
        """Return the process id of a child, 0 while it has none."""
        return int(next((row["pid"] for row in self.status()["processes"] if row["name"] == process), 0))

    def contents(self, *folders: str) -> Iterator[tuple[Path, bytes]]:
        """Yield what is in every file of these folders (all of them: ""); what vanishes meanwhile is left out."""
        for folder in folders:
            for place, _, names in os.walk(self.data_dir / folder):
                for path in (Path(place, name) for name in names):
                    with contextlib.suppress(FileNotFoundError):
                        if path.is_file():
                            yield path, path.read_bytes()

    def health(self) -> Any:
        """Return the health report, healthy or not, without a process for each question."""
        try:
            return call(Layout(self.data_dir).socket, "GET", "/health", timeout_seconds=PATIENCE_SECONDS)[1]
        except Unavailable as error:
            return {"healthy": False, "services": [], "detail": str(error)}


def wait_until(condition: Callable[[], Any], what: str, *, seconds: float = PATIENCE_SECONDS) -> Any:
    """Return the condition's first true value; fail, naming what was waited for, when it stays false."""
    end = time.monotonic() + seconds
    while True:
        # However long a busy machine stopped this process, the last look comes after the end.
        was_last = time.monotonic() >= end
        if found := condition():
            return found
        if was_last:
            raise AssertionError(f"{what}: not within {seconds:g} s")
        time.sleep(0.1)


def get_json(url: str, headers: Mapping[str, str] = MappingProxyType({}), /, **parameters: str) -> Any:
    """Return what a URL answers."""
    if parameters:
        url = f"{url}?{urllib.parse.urlencode(parameters)}"
    with urllib.request.urlopen(urllib.request.Request(url, headers=dict(headers)), timeout=PATIENCE_SECONDS) as answer:
        return json.load(answer)


def query(base_url: str, expression: str, **parameters: str) -> list[Any]:
    """Return the rows of an instant query."""
    rows = get_json(f"{base_url}/api/v1/query", query=expression, **parameters)["data"]["result"]
    assert isinstance(rows, list)
    return rows


def wait_until_equal(prometheus: str, store: str, *, start: float, end: float) -> None:
    """Wait until the store holds every stored-to-be sample of (start, end]; fail, naming series that differ."""
    different: list[str] = []

    def equal() -> bool:
        different[:] = differing_series(prometheus, store, start=start, end=end)
        return not different

    try:
        wait_until(equal, "the store holds the same as Prometheus")
    except AssertionError as error:
        raise AssertionError("\n".join([str(error), f"{len(different)} differ:", *different[:5]])) from None


def differing_series(prometheus: str, store: str, *, start: float, end: float) -> list[str]:
    """Return, for each stored-to-be series whose samples of (start, end] differ, what differs.

    Samples that are not a number are left out: VictoriaMetrics keeps none.
    """
    selector = '{__name__=~".+",__name__!~"hune:.*",job!~"node-fast|node-alive"}'
    rows = query(prometheus, f"{selector}[{math.ceil(end - start) + 1}s]", time=repr(end))
    mine = {
        _key(row["metric"]): [
            (round(float(at) * 1000), value)
            for at, value in row["values"]
            if start < float(at) <= end and value != "NaN"
        ]
        for row in rows
    }
    theirs: dict[str, list[tuple[int, str]]] = {}
    parameters = {"match[]": selector, "start": repr(start), "end": repr(end)}
    url = f"{store}/api/v1/export?{urllib.parse.urlencode(parameters)}"
    with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as answer:
        for line in answer:
            row = json.loads(line)
            points = zip(row["timestamps"], row["values"], strict=True)
            # The external label is added on the way.
            theirs[_key({name: text for name, text in row["metric"].items() if name != "site"})] = [
                (at, value)
                for at, value in points
                # A stale marker is exported as null, or as NaN where it comes first.
                if value not in (None, "NaN") and not math.isnan(_number(value)) and start * 1000 < at <= end * 1000
            ]
    different = []
    for key in sorted({*mine, *theirs}):
        ours, stored = mine.get(key, []), theirs.get(key, [])
        if not _same(ours, stored):
            missing = {at for at, _ in ours} - {at for at, _ in stored}
            more = {at for at, _ in stored} - {at for at, _ in ours}
            different.append(
                f"{key}: {len(ours)} here, {len(stored)} stored; missing {sorted(missing)}, more {sorted(more)}"
            )
    return different


def _same(ours: list[tuple[int, str]], stored: list[tuple[int, str]]) -> bool:
    """Whether both are the same samples; VictoriaMetrics keeps values as decimals of about 15 digits."""
    return len(ours) == len(stored) and all(
        at == stored_at and math.isclose(float(value), _number(stored_value), rel_tol=1e-12)
        for (at, value), (stored_at, stored_value) in zip(ours, stored, strict=True)
    )


def _number(value: object) -> float:
    return {"Infinity": float("inf"), "-Infinity": float("-inf")}.get(str(value)) or float(str(value))


def _key(labels: Mapping[str, str]) -> str:
    return json.dumps(labels, sort_keys=True)
