"""The history of a cluster has no hole where Prometheus was away: Proxmox itself remembers."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from support.product import Product, get_json, query, wait_until


def _points(product: Product, start: float, end: float) -> int:
    """Return how many samples of a guest's CPU the store holds between two moments."""
    window = f"{round(end - start)}s"
    expression = f'sum(count_over_time(pve_cpu_usage_ratio{{job="pve",id=~"qemu/.+"}}[{window}] @ {end:.0f}))'
    rows = query(product.url("victoriametrics"), expression)
    return int(float(rows[0]["value"][1])) if rows else 0


def _series(product: Product) -> int:
    url = f"{product.url('victoriametrics')}/api/v1/series?match[]={{job=%22pve%22}}&start=0"
    return len(get_json(url)["data"])


@pytest.mark.long
def test_a_gap_is_closed_by_what_proxmox_remembers(product: Product) -> None:
    product.up()
    product.ask("lab", "up")
    wait_until(lambda: query(product.url("victoriametrics"), 'pve_up{job="pve"}'), "the cluster is stored")
    time.sleep(75)
    before = _series(product)
    prometheus = product.pid("prometheus")
    stopped = time.time()
    os.kill(prometheus, signal.SIGSTOP)
    time.sleep(52)
    os.kill(prometheus, signal.SIGCONT)
    start, end = stopped + 5, time.time() - 5
    wait_until(lambda: _points(product, start, end) > 100, "the gap is closed", seconds=300)
    assert _series(product) == before
    filled = _points(product, start, end)
    time.sleep(65)
    assert _points(product, start, end) == filled
    log = (Path(product.data_dir) / "logs" / "pve-exporter.log").read_text()
    assert "filled from Proxmox's own memory" in log
