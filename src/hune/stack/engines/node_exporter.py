"""node_exporter: the metrics of this host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hune.core.errors import Unavailable
from hune.stack.checkup import Checkup, metric_sum, read_metrics
from hune.stack.model import File, Process

if TYPE_CHECKING:
    from hune.stack.setting import Setting

NAME = "node-exporter"
PACKAGE = "prometheus-node-exporter"
PROGRAMS = ("prometheus-node-exporter", "node_exporter")
TOOLS: tuple[str, ...] = ()
IMAGE = "prom/node-exporter:v1.12.1"

ADOPTED_BY = "node_exporter_build_info"
"""The metric by which an exporter that already listens is recognised."""


def process(setting: Setting) -> Process:
    """Return the process, on the address Hune listens on."""
    ignored = setting.site.engines.node_exporter.ignored_devices
    leave_out = (
        (f"--collector.netclass.ignored-devices={ignored}", f"--collector.netdev.device-exclude={ignored}")
        if ignored
        else ()
    )
    return Process(
        name=NAME,
        argv=(
            str(setting.binaries[NAME].path),
            f"--web.listen-address={setting.listen(NAME)}",
            "--log.level=warn",
            *leave_out,
        ),
        ready_url=f"{setting.site.url(NAME)}/metrics?collect[]=loadavg",
        # One thread of Go is enough for a scrape a second.
        env={"GOMAXPROCS": "1"},
    )


def files(_setting: Setting) -> list[File]:
    """Return nothing: its flags say it all."""
    return []


async def check(checkup: Checkup) -> str:
    """Return what was checked; raise Unavailable if it can't read this host."""
    metrics = await read_metrics(checkup, "node_load1", path="/metrics?collect[]=loadavg")
    if "node_load1" not in metrics:
        raise Unavailable("reads nothing of this host")
    return f"reads this host (load {metric_sum(metrics, 'node_load1'):g})"
