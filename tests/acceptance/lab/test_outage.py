"""Prometheus dead for longer than Alertmanager waits and its rules remember, while nodes heat, cool and die."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from support.capture import Capture, capturing
from support.product import Product, get_json, query, wait_until

OUTAGE_SECONDS = 330.0
"""Alertmanager calls everything resolved after 4 minutes, a rule remembers its past for 5."""

BREAKABLE = """#!/bin/sh
test -e {flag} && {{ echo 'broken on purpose' >&2; exit 1; }}
exec {prometheus} "$@"
"""

SITE = """
engines:
  prometheus: {{path: {path}}}
receivers:
  - {{name: discord, discord: {{webhook: "env:DISCORD_WEBHOOK_URL"}}, lab: true}}
"""


def _states(product: Product) -> dict[str, str]:
    """Return the newest state of CpuHot of each node."""
    rows = [row for row in get_json(f"{product.url('hub')}/alerts")["alerts"] if row["alertname"] == "CpuHot"]
    return {row["labels"]["node"]: row["state"] for row in sorted(rows, key=lambda row: float(row["starts_at"]))}


def _never_resolved(capture: Capture, nodes: tuple[str, ...], *, since: float, seconds: float) -> None:
    end = time.time() + seconds
    while time.time() < end:
        for node in nodes:
            assert not capture.messages("cpu", node, "resolved", since=since)
        time.sleep(1.0)


@pytest.mark.long
def test_minutes_without_prometheus_resolve_nothing_and_repeat_nothing(tmp_path: Path) -> None:
    flag, wrapper = tmp_path / "broken", tmp_path / "prometheus"
    wrapper.write_text(BREAKABLE.format(flag=flag, prometheus=shutil.which("prometheus")))
    wrapper.chmod(0o755)
    with capturing(tmp_path) as capture:
        product = Product(tmp_path, environ={"DISCORD_WEBHOOK_URL": capture.url})
        product.write_site(SITE.format(path=wrapper))
        product.up()
        try:
            product.ask("lab", "up")
            prometheus = product.url("prometheus")
            wait_until(lambda: query(prometheus, "hune:settled"), "the grace period is over")
            hot = time.time()
            for node in ("pve-01", "pve-02", "pve-03"):
                assert product.run("lab", "heat", node, "85").returncode == 0
                capture.wait_for("cpu", node, since=hot)

            flag.touch()
            began = time.time()
            os.kill(product.pid("prometheus"), signal.SIGKILL)
            capture.wait_for("prometheus", since=began, seconds=240)
            # While nobody looks one cools down and one dies hot.
            assert product.run("lab", "cool", "pve-02").returncode == 0
            assert product.run("lab", "kill", "pve-03").returncode == 0
            _never_resolved(
                capture, ("pve-01", "pve-02", "pve-03"), since=hot, seconds=began + OUTAGE_SECONDS - time.time()
            )
            assert set(_states(product).values()) == {"unknown"}

            flag.unlink()
            product.ask("reload")
            capture.wait_for("cpu", "pve-02", "resolved", since=began, seconds=240)
            capture.wait_for("pve-03", "down", since=began, seconds=240)
            _never_resolved(capture, ("pve-01", "pve-03"), since=hot, seconds=30)
            assert _states(product) == {"pve-01": "firing", "pve-02": "resolved", "pve-03": "unknown"}
            for node in ("pve-01", "pve-03"):
                posts = [found for found in capture.messages("cpu", node, since=hot) if found.method == "POST"]
                assert len(posts) == 1, posts

            assert product.run("lab", "revive", "pve-03").returncode == 0
            for node in ("pve-01", "pve-03"):
                assert product.run("lab", "cool", node).returncode == 0
                capture.wait_for("cpu", node, "resolved", since=began, seconds=240)
        finally:
            product.down()
