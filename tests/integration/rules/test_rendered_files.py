"""Rendered files, judged by the tools they are for."""

import re
import shutil
import subprocess
from itertools import product
from pathlib import Path

import pytest

from hune.alerting.addressing import receivers_of
from hune.alerting.promql import quote
from hune.alerting.routing import render_alertmanager
from hune.alerting.rules import render_rules
from hune.site.load import load
from hune.site.models import Site
from support.promtool import make_site

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("*.yaml"))
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
BY_LIST = [
    {
        "match": {"severity": ["info", "warning"], "room": ["attic", "cellar"]},
        "receivers": ["night"],
        "hours": {"from": "08:00", "to": "18:00"},
    },
    {"match": {"alertname": ["A+B", "Cpu.ot"]}, "receivers": ["operations"]},
]
RAW = {
    "routes": [{"matchers": ['severity="critical"'], "receiver": "pager", "mute_time_intervals": ["noon"]}],
    "receivers": [{"name": "pager", "webhook_configs": [{"url": "http://127.0.0.1:1/"}]}],
    "inhibit_rules": [{"source_matchers": ['alertname="PowerLost"'], "target_matchers": ['severity="warning"']}],
    "time_intervals": [{"name": "noon", "time_intervals": [{"times": [{"start_time": "11:00", "end_time": "13:00"}]}]}],
}
BY_WHAT_IS_MISSING = [
    {"match": {"lab": ["", "false"], "room": ""}, "receivers": ["night"]},
    {"match": {"group": ""}, "receivers": ["operations"]},
    {"match": {"probe": ""}, "receivers": ["workshop"]},
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


FULL = make_site(
    probes=PROBES,
    stores={"timescale": {"query": True}},
    proxmox=[{"name": "home", "nodes": ["pve-01", "pve-02"], "token": {"id": "hune@pve!m", "secret": "env:TOKEN"}}],
    receivers=RECEIVERS,
)


@pytest.mark.parametrize("site", [FULL, Site(name="bare")], ids=["full", "bare"])
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
        # Hours are the hub's: for Alertmanager a route is always active.
        (BY_LIST, {"alertname": "LinkSlow", "severity": "warning", "node": "pve.01"}, "console,_nobody,night"),
        (BY_LIST, {"alertname": "LinkDown", "severity": "critical", "node": "pve.01"}, "console,_nobody,_nobody"),
        (BY_LIST, {"alertname": "A+B", "severity": "critical"}, "console,operations,_nobody"),
        (BY_LIST, {"alertname": "AAB", "severity": "critical"}, "console,_nobody,_nobody"),
        (BY_LIST, {"alertname": "CpuHot", "severity": "critical"}, "console,_nobody,_nobody"),
        (BY_LIST, {"alertname": "Cpu.ot", "severity": "critical"}, "console,operations,_nobody"),
        (
            BY_WHAT_IS_MISSING,
            {"alertname": "A", "severity": "critical", "node": "pve.02"},
            "console,_nobody,night,workshop",
        ),
        (
            BY_WHAT_IS_MISSING,
            {"alertname": "A", "severity": "critical", "node": "pve.01"},
            "console,operations,_nobody,workshop",
        ),
        (
            BY_WHAT_IS_MISSING,
            {"alertname": "A", "severity": "critical", "probe": "x"},
            "console,_nobody,_nobody,_nobody",
        ),
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
    if labels["severity"] != "none" and "receiver" not in labels:
        assert set(receivers_of(site, labels)) == set(receivers.split(",")) - {"_nobody"}


def test_alertmanager_takes_what_the_site_says_in_its_own_words(tmp_path: Path) -> None:
    config = tmp_path / "alertmanager.yml"
    config.write_text(render_alertmanager(make_site(receivers=RECEIVERS, routes=ROUTES, alertmanager=RAW)))
    tool("amtool", "check-config", str(config))
    route = ("config", "routes", "test", f"--config.file={config}", "alertname=CpuHot")
    assert tool("amtool", *route, "severity=critical").strip() == "console,_nobody,night,workshop,pager"
    assert tool("amtool", *route, "severity=warning").strip() == "console,_nobody,_nobody,workshop"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_hub_and_alertmanager_name_the_same_receivers(tmp_path: Path, example: Path) -> None:
    """What comes without a receiver is routed by the hub as Alertmanager would have."""
    site = load(example, environ={})
    config = tmp_path / "alertmanager.yml"
    config.write_text(render_alertmanager(site))
    nodes = [node.name for node in site.nodes][:1]
    for severity, name, lab in product(("critical", "warning"), ("CpuHot", "LinkSlow", "ProbeFailed"), ("", "true")):
        labels = {"alertname": name, "severity": severity, "node": nodes[0]} | ({"lab": lab} if lab else {})
        given = [f"{label}={quote(value)}" for label, value in labels.items()]
        named = tool("amtool", "config", "routes", "test", f"--config.file={config}", *given).strip().split(",")
        assert set(named) - {"_nobody"} == set(receivers_of(site, labels))
