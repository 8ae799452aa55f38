"""blackbox_exporter: tries from outside whether something answers."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from hune.core.errors import Unavailable
from hune.stack.checkup import Checkup, metric_sum, read_metrics
from hune.stack.model import File, Process

if TYPE_CHECKING:
    from hune.site.models import Probe
    from hune.stack.setting import Setting

NAME = "blackbox-exporter"
PACKAGE = "prometheus-blackbox-exporter"
PROGRAMS = ("prometheus-blackbox-exporter", "blackbox_exporter")
TOOLS: tuple[str, ...] = ()
IMAGE = "prom/blackbox-exporter:v0.28.0"


def process(setting: Setting) -> Process:
    """Return the process."""
    return Process(
        name=NAME,
        argv=(
            str(setting.binaries[NAME].path),
            f"--config.file={setting.config('blackbox.yml')}",
            f"--web.listen-address={setting.listen(NAME)}",
            "--log.level=error",
        ),
        ready_url=f"{setting.site.url(NAME)}/-/healthy",
        reads=("blackbox.yml",),
        reload_signal="HUP",
        env={"GOMAXPROCS": "1"},
    )


def files(setting: Setting) -> list[File]:
    """Return blackbox.yml, judged by the exporter itself."""
    check = (str(setting.binaries[NAME].path), "--config.file={dir}/blackbox.yml", "--config.check")
    return [File("blackbox.yml", render(setting), check)]


def render(setting: Setting) -> str:
    """Return blackbox.yml: two quick modules for machines, one module a probe of the site."""
    modules: dict[str, Any] = {
        "alive_icmp": {"prober": "icmp", "timeout": "900ms", "icmp": {"preferred_ip_protocol": "ip4"}},
        "alive_tcp": {"prober": "tcp", "timeout": "900ms", "tcp": {"preferred_ip_protocol": "ip4"}},
    }
    for probe in setting.site.probes:
        modules[f"probe_{probe.name}"] = _module(probe)
    return json.dumps({"modules": modules}, indent=1) + "\n"


def _module(probe: Probe) -> dict[str, Any]:
    # A little less than the scrape's own limit, so that the reason still arrives.
    timeout = f"{max(100, round(probe.timeout_seconds * 1000) - 200)}ms"
    ip4_first = {"preferred_ip_protocol": "ip4"}
    if probe.type == "http":
        status = {"valid_status_codes": list(probe.status)} if probe.status else {}
        return {"prober": "http", "timeout": timeout, "http": {**ip4_first, **status}}
    if probe.type == "dns":
        return {"prober": "dns", "timeout": timeout, "dns": {**ip4_first, "query_name": probe.query}}
    if probe.type == "tls":
        return {"prober": "tcp", "timeout": timeout, "tcp": {**ip4_first, "tls": True}}
    return {"prober": probe.type, "timeout": timeout, probe.type: ip4_first}


async def check(checkup: Checkup) -> str:
    """Return what was checked; raise Unavailable if a probe of its own port fails."""
    await checkup.get("/-/healthy")
    own = quote(re.sub(r"^https?://", "", checkup.url), safe="")
    metrics = await read_metrics(checkup, "probe_success", path=f"/probe?module=alive_tcp&target={own}")
    if metric_sum(metrics, "probe_success") != 1:
        raise Unavailable("a probe of its own port failed")
    return "probes succeed"
