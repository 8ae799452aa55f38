"""History comes whole from the real Prometheus and VictoriaMetrics, once, however often it is brought or broken off."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from hune.store import backfill as backfill_work
from support import remote_write as remote
from support.ports import free_port
from support.store_command import Told, store
from support.timescale import Adapter, adapter, stored
from support.tools import tool

HOUR_MS = 3_600_000
STALE = 0x7FF0000000000002
Series = dict[remote.Labels, list[tuple[int, float]]]


def history(now_ms: int) -> Series:
    """Return an hour and a half of a few series, one of which ended."""
    moments = range(now_ms - 3 * HOUR_MS // 2, now_ms - 60_000, 15_000)
    made: Series = {
        (("__name__", "m"), ("job", "a"), ("n", str(number))): [(at, float(at % 1000 + number)) for at in moments]
        for number in range(30)
    }
    made[(("__name__", "m"), ("job", "b"))] = [
        *((at, 0.0) for at in moments[:100]),
        (moments[100], remote.number(STALE)),
    ]
    made[(("__name__", "odd"), ("job", "b"))] = [(moments[0], float("inf")), (moments[1], float("-inf"))]
    return made


def expected(series: Series) -> dict[remote.Labels, list[tuple[int, int | None]]]:
    return {
        labels: [(at, None if remote.bits(value) == STALE else remote.bits(value)) for at, value in samples]
        for labels, samples in series.items()
    }


@contextlib.contextmanager
def engine(argv: Sequence[str | Path], url: str, log: Path) -> Iterator[None]:
    with log.open("wb") as file:
        running = subprocess.Popen(argv, stdout=file, stderr=file, stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 180
        while True:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/-/ready", timeout=60):
                break
            assert running.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield
    finally:
        running.terminate()
        running.wait(timeout=180)


def write(url: str, series: Series) -> None:
    body = remote.packed(remote.request(series.items()))
    headers = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"}
    with urllib.request.urlopen(urllib.request.Request(f"{url}/api/v1/write", body, headers), timeout=180) as answer:
        assert answer.status in (200, 204)


def backfill(source: str, target: Adapter, folder: Path, *flags: str) -> Told:
    flags = ("--to", target.url, "--since", "2h", *flags)
    return store("backfill", source, *flags, HUNE_DATA_DIR=str(folder))


def break_off(source: str, target: Adapter, folder: Path) -> None:
    """Begin while there is no adapter, and end it after its first window."""
    argv = [sys.executable, "-m", "hune", "store", "backfill", source, "--to", target.url, "--since", "2h"]
    environment = {**os.environ, "HUNE_DATA_DIR": str(folder)}
    with subprocess.Popen(argv, env=environment, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL) as running:
        target.start()
        deadline = time.monotonic() + 180
        while not list((folder / "data" / "timescale").glob("backfill-*.json")):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        running.kill()


def flush(url: str) -> None:
    urllib.request.urlopen(f"{url}/internal/force_flush", timeout=180).close()


def test_history_of_prometheus_comes_whole_and_goes_on_where_it_was(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As many requests to a window as a large Prometheus makes.
    monkeypatch.setattr(backfill_work, "_REQUEST_BYTES", 1_000)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    series = history(time.time_ns() // 1_000_000 // 1000 * 1000)
    configuration = tmp_path / "prometheus.yml"
    configuration.write_text("{}")
    argv = [tool("prometheus"), f"--config.file={configuration}", f"--storage.tsdb.path={tmp_path / 'data'}"]
    argv += ["--web.enable-remote-write-receiver", f"--web.listen-address=127.0.0.1:{port}"]
    with engine(argv, url, tmp_path / "log"), adapter(database) as target:
        write(url, series)
        target.stop()
        break_off(url, target, tmp_path / "hune")
        done = backfill(url, target, tmp_path / "hune")
        assert done.code == 0, done.error
        assert "(100%)" in done.output
        assert asyncio.run(stored(database)) == expected(series)
        again = backfill(url, target, tmp_path / "hune", "--again", "--json")
        assert again.document["samples"] == sum(map(len, series.values()))
        assert asyncio.run(stored(database)) == expected(series)
        resumed = backfill(url, target, tmp_path / "hune", "--json", "--until", "1m")
        assert resumed.document["samples"] == 0


def test_history_of_victoriametrics_comes_whole(database: str, tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    series = history(time.time_ns() // 1_000_000 // 1000 * 1000)
    argv = [tool("victoria-metrics"), f"-storageDataPath={tmp_path / 'data'}", f"-httpListenAddr=127.0.0.1:{port}"]
    with engine([*argv, "-search.latencyOffset=0s"], url, tmp_path / "log"), adapter(database) as target:
        write(url, series)
        flush(url)
        done = backfill(url, target, tmp_path / "hune", "--match", "job=b")
        assert done.code == 0, done.error
        of_b = {labels: samples for labels, samples in series.items() if ("job", "b") in labels}
        assert asyncio.run(stored(database)) == expected(of_b)
        done = backfill(url, target, tmp_path / "hune", "--match", 'job=~"a|b')
        assert done.code == 0, done.error
        assert asyncio.run(stored(database)) == expected(of_b), "the quotation mark is part of the expression"
        done = backfill(url, target, tmp_path / "hune")
        assert done.code == 0, done.error
        assert asyncio.run(stored(database)) == expected(series)


def test_what_cant_be_brought_is_told_in_one_line(tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    target = Adapter("postgresql://nobody/nothing")
    for source, flags, part in (
        (nobody, (), "Cannot connect"),
        ("prometheus:9090", (), "not a URL"),
        (nobody, ("--match", "job"), "not a matcher"),
        (nobody, ("--until", "soon"), "neither an age nor a date"),
        (nobody, ("--until", "3h"), "not before"),
        (nobody, ("--since", "9999999999d"), "neither an age nor a date"),
        (nobody, ("--since", "999999999w"), "Cannot connect"),
        (nobody, ("--since", "0001-01-01"), "Cannot connect"),
    ):
        done = backfill(source, target, tmp_path, *flags)
        assert done.code != 0
        assert part in done.error
        assert len(done.error.splitlines()) == 1
