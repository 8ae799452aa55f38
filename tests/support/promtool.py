"""A small world for `promtool test rules`: machines whose state changes at given seconds, told second by second.

What a machine exposes follows what Prometheus would store: an exporter that doesn't answer leaves `up` 0 and stale
markers on everything else; a target that isn't scraped at all leaves nothing.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from hune.alerting.catalogue import is_known
from hune.alerting.rules import groups
from hune.alerting.rules.model import Group, Rule
from hune.site.models import Site

Value = float | None
Facts = Mapping[str, Value]


@dataclass(frozen=True)
class Target:
    """One machine; `told` gives facts from a second on, until told otherwise.

    `exporter` and `alive`: 1 answers, 0 doesn't, None is not even tried. Every other key is the text of a series
    without its target labels (`node_network_up{device="eno1"}`), or short for one (see `_SHORT`); None is absent.
    """

    name: str
    told: Mapping[int, Facts]
    lab: bool = False

    def facts(self, second: int) -> dict[str, Value]:
        known: dict[str, Value] = {"exporter": 1, "alive": 1, **_COLLECTORS}
        for since, facts in sorted(self.told.items()):
            if since <= second:
                known |= facts
        return known


_COLLECTORS: Facts = {f'node_scrape_collector_success{{collector="{name}"}}': 1 for name in ("hwmon", "netclass")}
_CORETEMP = 'chip="platform_coretemp_0"'
_SHORT: Mapping[str, Mapping[str, float | None]] = {
    "cpu": {
        f'node_hwmon_temp_celsius{{{_CORETEMP},sensor="temp1"}}': None,
        f'node_hwmon_sensor_label{{{_CORETEMP},sensor="temp1",label="Package id 0"}}': 1,
        f'node_hwmon_chip_names{{{_CORETEMP},chip_name="coretemp"}}': 1,
    },
}


@dataclass
class World:
    """Series of a test, by second."""

    seconds: int
    series: dict[str, list[Value | str]] = field(default_factory=dict)

    def add(self, *targets: Target) -> World:
        """Scrape machines every second in the fast jobs and, what isn't of theirs, in job `node`."""
        for second in range(self.seconds):
            for target in targets:
                self._scrape(target, second)
        return self

    def put(self, series: str, told: Mapping[int, Value]) -> World:
        """Give a series as it is: its value from each second on."""
        for second in range(self.seconds):
            before = [since for since in told if since <= second]
            self._record(series, second, told[max(before)] if before else None, scraped=True)
        return self

    def _scrape(self, target: Target, second: int) -> None:
        facts = target.facts(second)
        own = f'node="{target.name}"' + (',lab="true"' if target.lab else "")
        exporter, alive = facts.pop("exporter"), facts.pop("alive")
        for job in ("node-fast", "node"):
            self._record(f'up{{job="{job}",instance="{target.name}:9100",{own}}}', second, exporter, scraped=True)
        self._record(f'probe_success{{job="node-alive",{own}}}', second, alive, scraped=alive is not None)
        for series, value in _long(facts).items():
            name, _, labels = series.rstrip("}").partition("{")
            slow = name.endswith(("_errs_total", "_packets_total"))
            job = "node" if slow else "node-fast"
            text = f'{name}{{job="{job}",instance="{target.name}:9100",{own},{labels}}}'
            self._record(text, second, value if exporter == 1 else None, scraped=exporter is not None)

    def _record(self, series: str, second: int, value: Value, *, scraped: bool) -> None:
        row = self.series.setdefault(series, ["_"] * self.seconds)
        if value is not None:
            row[second] = value
        elif scraped and second and row[second - 1] not in ("_", "stale"):
            row[second] = "stale"

    def as_input(self) -> list[dict[str, str]]:
        """Return the series as promtool reads them."""
        return [
            {"series": series, "values": " ".join(_run(value, len(list(run))) for value, run in groupby(row))}
            for series, row in self.series.items()
        ]


def _long(facts: Facts) -> dict[str, Value]:
    told: dict[str, Value] = {}
    for key, value in facts.items():
        for series, constant in _SHORT.get(key, {key: None}).items():
            told[series] = value if constant is None or value is None else constant
    return told


def _run(value: Value | str, length: int) -> str:
    return f"{value}x{length}" if value == "_" else f"{value}" if value == "stale" else f"{value}x{length - 1}"


HERE = Target("here", {0: {}})


def make_site(**changes: Any) -> Site:
    """Return a site of this host, `here`, and the remote `pve-01` and `pve-02` with a watched port each."""
    link = {"device": "enp1s0f0", "speed": "10G", "name": "storage A"}
    site: dict[str, Any] = {
        "name": "home",
        "public_url": "https://hune.example",
        "nodes": [
            {"name": "here", "address": "127.0.0.1"},
            {"name": "pve-01", "address": "192.0.2.11", "kind": "proxmox", "links": [link]},
            {"name": "pve-02", "address": "192.0.2.12", "kind": "proxmox", "links": [link]},
        ],
    }
    return Site.model_validate(site | changes)


Labels = Mapping[str, str]


def firing(second: int, alertname: str, *alerts: Labels) -> dict[str, Any]:
    """Return the expectation that exactly these alerts fire at a second; `alerts` leave out name and state."""
    return samples(second, f'ALERTS{{alertname="{alertname}",alertstate="firing"}}', *((alert, 1) for alert in alerts))


def samples(second: int, expression: str, *expected: tuple[Labels, float]) -> dict[str, Any]:
    """Return the expectation of exactly these samples; the metric name and an alert's state may be left out."""
    return {
        "expr": f"max without (__name__, alertname, alertstate) ({expression})",
        "eval_time": f"{second}s",
        "exp_samples": [{"labels": _selector(labels), "value": value} for labels, value in expected],
    }


def message(second: int, alertname: str, labels: Labels, annotations: Labels) -> dict[str, Any]:
    """Return the expectation of one firing alert in full."""
    return {
        "eval_time": f"{second}s",
        "alertname": alertname,
        "exp_alerts": [{"exp_labels": dict(labels), "exp_annotations": dict(annotations)}],
    }


def _selector(labels: Labels) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}"


def run(
    directory: Path,
    site: Site,
    world: World,
    *expectations: dict[str, Any],
    without: Iterable[str] = (),
    every_seconds: int = 1,
    sample_seconds: int = 1,
) -> None:
    """Evaluate the rules of a site over a world and fail with promtool's report if it differs.

    Only the rules that what is expected depends on are evaluated, every second; a test of the slow ones alone may ask
    for less, and of long times for a world whose samples are further apart.
    """
    promtool = shutil.which("promtool")
    assert promtool, "promtool is not on the PATH"
    _refuse_unknown(expectations)
    rules = _depended_on([group for group in groups(site) if group.name not in without], expectations)
    for group in rules:
        # JSON is YAML.
        (directory / f"{group.name}.yml").write_text(json.dumps(group.as_data()))
    test = {
        "rule_files": [f"{group.name}.yml" for group in rules],
        "evaluation_interval": f"{every_seconds}s",
        "group_eval_order": [group.name for group in rules],
        "tests": [
            {
                "interval": f"{sample_seconds}s",
                "input_series": world.as_input(),
                "promql_expr_test": [each for each in expectations if "expr" in each],
                "alert_rule_test": [each for each in expectations if "alertname" in each],
            }
        ],
    }
    (directory / "test.yml").write_text(json.dumps(test, indent=1))
    done = subprocess.run(
        [promtool, "test", "rules", "test.yml"], cwd=directory, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _refuse_unknown(expectations: Iterable[dict[str, Any]]) -> None:
    """Fail if something is expected of an alert that there isn't: it would be silent whatever happens."""
    for each in expectations:
        named = set(re.findall(r'\balertname="([^"]*)"', each.get("expr", ""))) | {each.get("alertname", "")} - {""}
        unknown = {name for name in named if not is_known(name)}
        assert not unknown, f"no alert: {', '.join(sorted(unknown))}"


_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_:]*")
_ANY_ALERT = re.compile(r"\bALERTS\w*(?!\w|\{[^}]*alertname=\")")
"""Alerts that are not read by name: all may be meant."""


def _depended_on(all_groups: Iterable[Group], expectations: Iterable[dict[str, Any]]) -> list[Group]:
    """Return the groups with only those rules whose series and alerts the expectations read, or such rules in turn."""
    found = list(all_groups)
    makers: dict[str, list[Rule]] = defaultdict(list)
    for group in found:
        for rule in group.rules:
            makers[rule.record or rule.alert].append(rule)
    texts = [each.get("expr") or each["alertname"] for each in expectations]
    wanted: set[str] = set()
    while texts:
        text = texts.pop()
        names = makers.keys() if _ANY_ALERT.search(text) else makers.keys() & set(_WORD.findall(text))
        for name in names - wanted:
            wanted.add(name)
            texts += [text for rule in makers[name] for text in (rule.expr, *rule.annotations.values())]
    kept = [
        replace(group, rules=tuple(rule for rule in group.rules if (rule.record or rule.alert) in wanted))
        for group in found
    ]
    return [group for group in kept if group.rules]
