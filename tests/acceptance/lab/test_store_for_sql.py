"""Ten minutes of the lab: Prometheus and vmagent send, a machine dies between, and everything is the same everywhere.

What CI asks of this in seconds: tests/integration/store/test_senders.py of both senders, and
tests/acceptance/test_timescale.py of the Prometheus that reads back.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import math
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from hune.promapi.remote import Matcher
from hune.stack.replay import STORED
from support import lab_questions, remote_read
from support.ports import free_port
from support.product import Product, get_json, wait_until
from support.remote_read import Found
from support.remote_write import Labels, identity, number
from support.timescale import stored
from support.tools import tool

log = logging.getLogger(__name__)

SECONDS = 600
STALE = 0x7FF0000000000002
BY_VMAGENT = Matcher("sender", "=", "vmagent")


@contextlib.contextmanager
def vmagent(folder: Path, targets: list[str], stores: list[str]) -> Iterator[None]:
    """Run a second sender, which asks the lab's machines too and writes to two stores."""
    configuration = folder / "scrape.yml"
    configuration.write_text(
        "global: {scrape_interval: 5s, external_labels: {sender: vmagent}}\n"
        f"scrape_configs: [{{job_name: lab, static_configs: [{{targets: {targets}}}]}}]\n"
    )
    argv = [tool("vmagent"), f"-promscrape.config={configuration}", f"-remoteWrite.tmpDataPath={folder / 'queue'}"]
    argv += [f"-remoteWrite.url={url}/api/v1/write" for url in stores]
    with (folder / "vmagent.log").open("wb") as log:
        running = subprocess.Popen(
            [*argv, f"-httpListenAddr=127.0.0.1:{free_port()}"], stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )
    try:
        yield
    finally:
        running.terminate()
        running.wait(timeout=60)


def values_of(found: Found) -> dict[Labels, list[tuple[int, float]]]:
    """Return values without stale markers, and without series that have no other sample."""
    kept = {labels: [(at, number(bits)) for at, bits in samples if bits != STALE] for labels, samples in found.items()}
    return {labels: samples for labels, samples in kept.items() if samples}


def exported(url: str, start: float, end: float) -> dict[Labels, list[tuple[int, float]]]:
    """Return what a VictoriaMetrics has of the second sender."""
    asked = urllib.parse.urlencode({"match[]": '{sender="vmagent"}', "start": repr(start), "end": repr(end)})
    found: dict[Labels, list[tuple[int, float]]] = {}
    with urllib.request.urlopen(f"{url}/api/v1/export?{asked}", timeout=60) as answer:
        for line in answer:
            row = json.loads(line)
            found[identity(row["metric"].items())] = [
                (at, float(value))
                for at, value in zip(row["timestamps"], row["values"], strict=True)
                if value not in (None, "NaN") and start * 1000 <= at <= end * 1000
            ]
    return {labels: samples for labels, samples in found.items() if samples}


def same(ours: dict[Labels, list[tuple[int, float]]], theirs: dict[Labels, list[tuple[int, float]]]) -> bool:
    """Whether both are the same; VictoriaMetrics keeps values as decimals of about 15 digits."""
    assert ours.keys() == theirs.keys()
    for labels, samples in ours.items():
        assert [at for at, _ in samples] == [at for at, _ in theirs[labels]], labels
        for (_, one), (_, other) in zip(samples, theirs[labels], strict=True):
            assert math.isclose(one, other, rel_tol=1e-12), labels
    return True


def read_back(url: str, matchers: tuple[Matcher, ...], start: float, end: float, *, streamed: bool = False) -> Found:
    found = remote_read.read(url, matchers, round(start * 1000), round(end * 1000), streamed=streamed)
    # Prometheus itself sends −0 as 0, to those who read and to those it writes to.
    return {
        labels: [(at, 0 if bits == -(1 << 63) else bits) for at, bits in samples if start * 1000 <= at <= end * 1000]
        for labels, samples in found.items()
    }


@pytest.mark.long
def test_ten_minutes_of_the_lab_are_the_same_in_prometheus_in_sql_and_in_promql(tmp_path: Path) -> None:
    product = Product(tmp_path)
    product.write_site("stores:\n  timescale: {query: true}\n")
    product.up()
    try:
        product.ask("lab", "up")
        wait_until(lambda: product.health()["healthy"], "everything works", seconds=120)
        prometheus, adapter = product.url("prometheus"), product.url("timescale")
        targets = get_json(f"{prometheus}/api/v1/targets", state="active")["data"]["activeTargets"]
        machines = [
            one["discoveredLabels"]["__address__"]
            for one in targets
            if one["labels"].get("lab") and one["labels"]["job"] == "node"
        ]
        assert len(machines) == 3
        with vmagent(tmp_path, machines, [adapter, product.url("victoriametrics")]):
            start = time.time() + 10
            wait_until(lambda: time.time() > start + SECONDS * 0.4, "some minutes", seconds=SECONDS)
            product.ask("lab", "kill", "pve-03")
            wait_until(lambda: time.time() > start + SECONDS * 0.7, "some minutes", seconds=SECONDS)
            product.ask("lab", "revive", "pve-03")
            wait_until(lambda: time.time() > start + SECONDS, "the rest", seconds=SECONDS)
        end = time.time() - 5
        wait_until(lambda: product.status()["complete_until"] > end, "nothing is missing", seconds=240)
        theirs = read_back(prometheus, STORED, start, end)
        for streamed in (False, True):
            # What the second sender says is not in Prometheus.
            ours = read_back(adapter, (*STORED, Matcher("sender", "=", "")), start, end, streamed=streamed)
            assert ours == theirs
        passfile = quote(str(product.data_dir / "keys" / "postgresql"))
        address = product.url("postgresql").removeprefix("http://")
        found = asyncio.run(stored(f"postgresql://hune@{address}/hune?passfile={passfile}"))
        by_sql = {
            labels: kept
            for labels, samples in found.items()
            if "sender" not in dict(labels)
            and (kept := [(at, STALE if bits is None else bits) for at, bits in samples if start <= at / 1000 <= end])
        }
        assert by_sql == theirs
        ended = {
            dict(labels).get("node")
            for labels, samples in by_sql.items()
            if ("job", "node") in labels and any(bits == STALE for _, bits in samples)
        }
        assert "pve-03" in ended
        asked, apart = lab_questions.different(
            prometheus, product.url("timescale-query"), start=end - SECONDS / 2, end=end
        )
        assert asked >= 50
        assert apart == {}
        of_vmagent = read_back(adapter, (BY_VMAGENT,), start, end)
        assert same(values_of(of_vmagent), exported(product.url("victoriametrics"), start, end))
        log.info(
            "%.0f s: %d series and %d samples of Prometheus, %d of them stale markers; %d series and %d samples of "
            "vmagent; %d questions",
            end - start,
            len(by_sql),
            sum(map(len, by_sql.values())),
            sum(bits == STALE for samples in by_sql.values() for _, bits in samples),
            len(of_vmagent),
            sum(map(len, of_vmagent.values())),
            asked,
        )
    finally:
        product.down()
