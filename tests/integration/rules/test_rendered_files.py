"""Rendered files, judged by the tools they are for."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from hune.alerting.promql import quote
from hune.alerting.routing import render_alertmanager
from hune.alerting.rules import render_rules
from hune.site.models import Site
from support.promtool import make_site

RECEIVERS = [
    {"name": "operations", "discord": {"webhook": "env:OPERATIONS"}},
    {"name": "night", "discord": {"webhook": "env:NIGHT"}, "daily_test": "07:30"},
    {"name": "workshop", "discord": {"webhook": "env:WORKSHOP"}, "lab": True},
]
ROUTES = [
    {"match": {"severity": "critical"}, "receivers": ["night"]},
    {"match": {"node": 'the "old" \\ one'}, "receivers": ["night", "operations"]},
    {"receivers": ["workshop"]},
]
BY_PLACE = [
    {"match": {"room": "attic", "severity": "warning"}, "receivers": ["night"]},
    {"match": {"group": "rack-a"}, "receivers": ["night"]},
    {"match": {"kind": "proxmox", "room": "nowhere"}, "receivers": ["operations"]},
]
NODES = [
    {"name": "pve.01", "address": "192.0.2.11", "labels": {"room": "attic"}, "kind": "proxmox"},
    {"name": "pve.02", "address": "192.0.2.12", "group": "rack-a"},
]
PROBES = [{"name": "web", "type": "tcp", "target": "web.example:443"}]


def tool(name: str, *arguments: str) -> str:
    """Run a tool that must accept what it is given; return what it printed."""
    binary = shutil.which(name)
    assert binary, f"{name} is not on the PATH"
    done = subprocess.run([binary, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "name", ["hune-site.yml", "hune-fast.yml", "hune-slow.yml", "hune-machine.yml", "hune-own.yml"]
)
def test_no_rule_of_nodes_passes_by_everything_that_any_exporter_names(name: str) -> None:
    """`chip=""` makes Prometheus look at all values of `chip`, of which one hostile exporter can invent any number."""
    assert not re.search(r'[{,]\w+!?="[",}]', render_rules(make_site(probes=PROBES))[name].replace('\\"', '"'))


@pytest.mark.parametrize("site", [make_site(probes=PROBES), Site(name="bare")], ids=["full", "bare"])
def test_promtool_and_vmalert_accept_the_rules(tmp_path: Path, site: Site) -> None:
    for name, text in render_rules(site).items():
        (tmp_path / name).write_text(text)
        tool("promtool", "check", "rules", str(tmp_path / name))
        tool("vmalert", "-dryRun", f"-rule={tmp_path / name}")


@pytest.mark.parametrize(
    ("routes", "labels", "receivers"),
    [
        ([], {"alertname": "CpuHot", "severity": "critical"}, "console,operations,night,workshop"),
        ([], {"alertname": "CpuHot", "severity": "critical", "lab": "true"}, "console,workshop"),
        ([], {"alertname": "LinkErrors", "severity": "warning"}, "console,operations,night,workshop"),
        ([], {"alertname": "Watchdog", "severity": "none"}, "_chain"),
        ([], {"alertname": "DailyTest", "severity": "info", "receiver": "night"}, "night"),
        (ROUTES, {"alertname": "CpuHot", "severity": "critical"}, "console,_nobody,night,workshop"),
        (ROUTES, {"alertname": "LinkSlow", "severity": "warning"}, "console,_nobody,_nobody,workshop"),
        (
            ROUTES,
            {"alertname": "LinkDown", "severity": "critical", "node": 'the "old" \\ one'},
            "console,operations,night,workshop",
        ),
        (ROUTES, {"alertname": "NodeDown", "severity": "critical", "lab": "true"}, "console,workshop"),
        (BY_PLACE, {"alertname": "LinkSlow", "severity": "warning", "node": "pve.01"}, "console,_nobody,night"),
        (BY_PLACE, {"alertname": "LinkSlow", "severity": "warning", "node": "pve-01"}, "console,_nobody,_nobody"),
        (BY_PLACE, {"alertname": "LinkDown", "severity": "critical", "node": "pve.01"}, "console,_nobody,_nobody"),
        (BY_PLACE, {"alertname": "LinkDown", "severity": "critical", "node": "pve.02"}, "console,_nobody,night"),
        (BY_PLACE, {"alertname": "ProbeFailed", "severity": "warning"}, "console,_nobody,_nobody"),
    ],
)
def test_alertmanager_routes_as_the_site_says(
    tmp_path: Path, routes: list[dict[str, object]], labels: dict[str, str], receivers: str
) -> None:
    config = tmp_path / "alertmanager.yml"
    site = make_site(nodes=NODES, groups={"rack-a": {}}, receivers=RECEIVERS, routes=routes)
    config.write_text(render_alertmanager(site))
    tool("amtool", "check-config", str(config))
    given = [f"{name}={quote(value)}" for name, value in labels.items()]
    assert tool("amtool", "config", "routes", "test", f"--config.file={config}", *given).strip() == receivers
