"""The real senders: what they collected is in the database and read back, to the last bit, stale markers included."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from hune.promapi.remote import Matcher
from support import promql, remote_read
from support import remote_write as remote
from support.ports import free_port
from support.recorder import Recorder
from support.scrape_target import ScrapeTarget
from support.timescale import Adapter, adapter, fetch, stored
from support.tools import tool

LONG = os.environ.get("HUNE_TEST_LONG") == "1"
SECONDS = 600 if LONG else 12
SERIES = 2_000
STALE = 0x7FF0000000000002

_SCRAPE = """\
global: {{scrape_interval: 1s, scrape_timeout: 900ms}}
scrape_configs:
- job_name: target
  static_configs: [{{targets: ['127.0.0.1:{port}']}}]
"""
_REMOTE = """\
remote_write:
- url: {url}/api/v1/write
  queue_config: {{batch_send_deadline: 500ms}}
  metadata_config: {{send_interval: 1s}}
"""

Stored = dict[remote.Labels, list[tuple[int, int | None]]]


@contextlib.contextmanager
def process(argv: Sequence[str | Path], log: Path) -> Iterator[None]:
    with log.open("wb") as file:
        running = subprocess.Popen(argv, stdout=file, stderr=file, stdin=subprocess.DEVNULL)
    try:
        yield
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(timeout=180)


async def until(is_so: Callable[[], bool], seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(is_so):  # noqa: ASYNC110 - what happens elsewhere is asked for
            await asyncio.sleep(0.2)


def between(found: Stored, start_ms: int, end_ms: int) -> Stored:
    """Return what lies in a window."""
    cut = {
        labels: [sample for sample in samples if start_ms <= sample[0] <= end_ms] for labels, samples in found.items()
    }
    return {labels: samples for labels, samples in cut.items() if samples}


def unsigned_zeros(found: Stored) -> Stored:
    """Return what Prometheus makes of −0 when it sends samples, to a reader or a writer: 0."""
    return {
        labels: [(time, 0 if bits == -(1 << 63) else bits) for time, bits in samples]
        for labels, samples in found.items()
    }


def read_back(url: str, start_ms: int, end_ms: int, *, streamed: bool = False) -> Stored:
    found = remote_read.read(url, [Matcher("job", "=", "target")], start_ms, end_ms, streamed=streamed)
    return {
        labels: [(time, None if bits == STALE else bits) for time, bits in samples] for labels, samples in found.items()
    }


async def asked_through(read_url: str, folder: Path, start: float, end: float) -> dict[str, Any]:
    """Return what a Prometheus answers that has nothing but what it reads remotely."""
    configuration = folder / "asking.yml"
    configuration.write_text(f"remote_read: [{{url: '{read_url}/api/v1/read', read_recent: true}}]\n")
    port = free_port()
    argv = [tool("prometheus"), f"--config.file={configuration}", f"--storage.tsdb.path={folder / 'asking'}"]
    with process([*argv, f"--web.listen-address=127.0.0.1:{port}"], folder / "asking.log"):
        url = f"http://127.0.0.1:{port}"
        await until(lambda: answers_requests(f"{url}/-/ready"), 180)
        return await asyncio.to_thread(promql.answers, url, start=start, end=end)


async def checksum(database: str) -> list[Any]:
    """Return how many rows there are, and a number that another sample or value would change."""
    row = "format('%s %s %s', series_id, time, value)"
    found = await fetch(database, f"SELECT count(*), sum(hashtextextended({row}, 0)::numeric) FROM hune.readable")
    return list(found[0].values())


async def send_again(running: Adapter, requests: Sequence[tuple[bytes, dict[str, str]]]) -> None:
    """Send recorded requests twice, in any order, several at once: to a process that knows them, and as news to it."""
    assert requests
    chance = random.Random(4)
    for again in range(2):
        if again:
            await asyncio.to_thread(running.stop)
            await asyncio.to_thread(running.start)
        shuffled = chance.sample(requests, len(requests))
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda one: running.write(one[0], **one[1]), shuffled))
        assert {answer.status for answer in answers} == {204}


def answers_requests(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


async def test_what_prometheus_has_is_in_the_database(database: str, tmp_path: Path) -> None:
    port, target_port = free_port(), free_port()
    url = f"http://127.0.0.1:{port}"
    with (
        adapter(database) as running,
        Recorder(running) as recorder,
        ScrapeTarget(target_port, series=SERIES) as target,
    ):
        configuration = tmp_path / "prometheus.yml"
        configuration.write_text(_SCRAPE.format(port=target_port) + _REMOTE.format(url=recorder.url))
        argv = [tool("prometheus"), f"--config.file={configuration}", f"--storage.tsdb.path={tmp_path / 'data'}"]
        with process([*argv, f"--web.listen-address=127.0.0.1:{port}"], tmp_path / "log"):
            # What was scraped while the sender's queue still started is not sent: that is Prometheus' way.
            await until(lambda: running.metric("hune_store_samples_written_total") > 0, 180)
            await until(lambda: target.served > 4, 180)
            start = time.time_ns() // 1_000_000
            await until(lambda: time.time_ns() // 1_000_000 > start + SECONDS * 1000, 2 * SECONDS + 180)
            end = time.time_ns() // 1_000_000 - 500
            await until(lambda: running.metric("hune_store_newest_sample_timestamp_seconds") * 1000 > end + 1000, 180)
            await until(lambda: running.metric("hune_store_samples_waiting") == 0, 180)
            theirs = await asyncio.to_thread(read_back, url, start, end)
            # Whole chunks: these prove that the tests read them as Prometheus makes them.
            chunks = await asyncio.to_thread(read_back, url, start, end, streamed=True)
            assert unsigned_zeros(between(chunks, start, end)) == theirs
            # A window that reaches back further would meet what was scraped before the sender's queue worked.
            window = {"start": start / 1000 + 4, "end": end / 1000}
            said = await asyncio.to_thread(promql.answers, url, **window)
        said_through_us = await asked_through(running.url, tmp_path, **window)
        ours = between(await stored(database), start, end)
        assert running.metric("hune_store_refused_total") == 0
        before = await checksum(database)
        await send_again(running, recorder.requests)
        assert await checksum(database) == before
        for streamed in (False, True):
            assert await asyncio.to_thread(read_back, running.url, start, end, streamed=streamed) == theirs
    assert len(said) >= 50
    assert {question: said_through_us[question] for question in said} == said
    assert len(theirs) > SERIES
    assert ours == theirs
    # Where a scrape failed, so did all others.
    ended = {dict(labels)["__name__"] for labels, samples in ours.items() if any(bits is None for _, bits in samples)}
    assert ended >= {"ghost"}


async def kept_of_one(database: str) -> list[float]:
    """Return what is stored of one series that counts scrapes."""
    asked = "SELECT value FROM hune.readable WHERE metric = 'counting' AND labels->>'n' = '1' AND value IS NOT NULL"
    return [row["value"] for row in await fetch(database, f"{asked} ORDER BY time")]


async def test_what_vmagent_scraped_is_in_the_database(database: str, tmp_path: Path) -> None:
    port, target_port = free_port(), free_port()
    with adapter(database) as running, ScrapeTarget(target_port, series=100):
        configuration = tmp_path / "scrape.yml"
        configuration.write_text(_SCRAPE.format(port=target_port))
        argv = [tool("vmagent"), f"-promscrape.config={configuration}", f"-remoteWrite.url={running.url}/write"]
        argv += [f"-remoteWrite.tmpDataPath={tmp_path / 'queue'}", f"-httpListenAddr=127.0.0.1:{port}"]
        with process([*argv, "-remoteWrite.flushInterval=500ms"], tmp_path / "log"):
            async with asyncio.timeout(180):
                while len(await kept_of_one(database)) < 8:  # noqa: ASYNC110 - of others
                    await asyncio.sleep(0.2)
        found = await stored(database)
    counting = {dict(labels)["n"]: samples for labels, samples in found.items() if ("__name__", "counting") in labels}
    assert len(counting) == 100
    scraped = [remote.number(bits) for _, bits in counting["1"] if bits is not None]
    [up] = [samples for labels, samples in found.items() if ("__name__", "up") in labels]
    succeeded = [remote.number(bits) for _, bits in up if bits is not None]
    # Each scrape once and in order; one that came too late may have been served.
    assert len(scraped) == succeeded.count(1.0) >= 8
    assert scraped == sorted(set(scraped))
    assert max(scraped) - len(scraped) <= succeeded.count(0.0)
    ended = {dict(labels)["__name__"] for labels, samples in found.items() if any(bits is None for _, bits in samples)}
    assert ended == {"ghost"} if 0.0 not in succeeded else ended > {"ghost"}
