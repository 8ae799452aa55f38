"""Prometheus: scrapes, evaluates rules, answers for now, and writes on to the store."""

from __future__ import annotations

import json
import re
from collections.abc import Container
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hune.alerting.catalogue.own import SERVICES
from hune.core import keys
from hune.core.errors import Unavailable
from hune.stack.checkup import Checkup, metric_sum, read_metrics
from hune.stack.model import File, Process
from hune.stack.scraping.address import targets_of
from hune.stack.scraping.blackbox import probe_jobs
from hune.stack.scraping.nodes import FAST_JOBS, alive_job, fast_job, node_job
from hune.stack.scraping.proxmox import discovered_jobs, proxmox_jobs

if TYPE_CHECKING:
    from hune.stack.setting import Setting

NAME = "prometheus"
PACKAGE = "prometheus"
PROGRAMS = ("prometheus",)
TOOLS = ("promtool",)
IMAGE = "prom/prometheus:v3.13.3"

UNSTORED = f"({'|'.join(FAST_JOBS)});.*|[^;]*;hune:.*"
"""Series that don't go to the store, as a regular expression over `job;__name__`."""

_STALE_WRITE_SECONDS = 30.0


def process(setting: Setting) -> Process:
    """Return the process: 15 days of its own, loopback, alerts repeated every 5 s so that none is lost or late."""
    engine, site_url = setting.site.engines.prometheus, setting.site.url(NAME)
    return Process(
        name=NAME,
        argv=(
            str(setting.binaries[NAME].path),
            f"--config.file={setting.config('prometheus.yml')}",
            f"--storage.tsdb.path={setting.layout.data(NAME)}",
            f"--storage.tsdb.retention.time={engine.retention}",
            f"--web.listen-address={setting.listen(NAME)}",
            # By default scripts of every web page may read everything.
            f"--web.cors.origin={re.escape(site_url)}",
            "--rules.alert.resend-delay=5s",
            # When both are stopped at once the store may go first; what was not sent is replayed at the next start.
            "--storage.remote.flush-deadline=5s",
            "--log.level=warn",
        ),
        ready_url=f"{setting.site.url(NAME)}/-/ready",
        reads=("prometheus.yml", *_rule_names(setting)),
        reload_signal="HUP",
        # A WAL of 15 days is read again after a crash.
        ready_seconds=300.0,
        stop_seconds=60.0,
        series_dir=str(setting.layout.data(NAME)),
        env={"GOGC": "60"},
    )


def _rule_names(setting: Setting) -> tuple[str, ...]:
    return tuple(file.path for file in files(setting) if file.path.startswith("rules/"))


def files(setting: Setting) -> list[File]:
    """Return prometheus.yml and the rules; promtool checks them as a whole."""
    from hune.alerting.rules import render_rules

    promtool = setting.binaries[NAME].tools.get("promtool")
    check = (str(promtool), "check", "config", "{dir}/prometheus.yml") if promtool else ()
    rules = [File(f"rules/{name}", text) for name, text in sorted(render_rules(setting.site).items())]
    return [*rules, File("prometheus.yml", render(setting), check)]


def render(setting: Setting) -> str:
    """Return prometheus.yml (JSON is YAML, and is written the same way every time)."""
    site = setting.site
    # There is never a remote_read here: while a reader is silent, no rule is evaluated.
    config: dict[str, Any] = {
        "global": {
            "scrape_interval": "15s",
            "scrape_timeout": "10s",
            "evaluation_interval": "15s",
            "external_labels": {"site": site.name},
        },
        "rule_files": ["rules/*.yml"],
        "alerting": {
            "alertmanagers": [
                {"api_version": "v2", **targets_of(site.url("alertmanager")), **_key(setting, "alertmanager")},
                *(
                    {"api_version": "v2", **targets_of(other.url.rstrip("/")), **_basic_auth(other.key_file)}
                    for other in site.engines.alertmanager.others
                ),
            ]
        },
        "scrape_configs": _jobs(setting),
        "remote_write": [_writing("store", site.url("victoriametrics"))],
    }
    if site.wants("timescale"):
        # The adapter makes one transaction of what comes together: larger pieces, less often, suit it.
        larger = {"max_samples_per_send": 5000, "capacity": 25000, "batch_send_deadline": "2s"}
        config["remote_write"].append(_writing("timescale", site.url("timescale"), **larger))
    return json.dumps(config, indent=1) + "\n"


def _writing(name: str, url: str, **queue: Any) -> dict[str, Any]:
    """Return how samples are written to a store; each has a queue of its own, and none waits for another."""
    return {
        "url": f"{url}/api/v1/write",
        "name": name,
        "write_relabel_configs": [{"source_labels": ["job", "__name__"], "regex": UNSTORED, "action": "drop"}],
        "queue_config": {
            "max_shards": 4,
            "max_samples_per_send": 2000,
            "capacity": 10000,
            "batch_send_deadline": "1s",
            "max_backoff": "5s",
            **queue,
        },
        "metadata_config": {"send": True, "send_interval": "5m"},
    }


def without(config: str, nodes: Container[str]) -> str:
    """Return a rendered prometheus.yml that asks no exporter of these nodes; whether they live is still tried."""
    content = json.loads(config)
    for job in content["scrape_configs"]:
        if job["job_name"] in ("node", "node-fast"):
            job["static_configs"] = [
                target for target in job["static_configs"] if target["labels"]["node"] not in nodes
            ]
    return json.dumps(content, indent=1) + "\n"


def _jobs(setting: Setting) -> list[dict[str, Any]]:
    site = setting.site
    jobs = [node_job(site), fast_job(site), alive_job(setting)]
    if site.probes:
        jobs += probe_jobs(site)
    if site.wants("pve-exporter"):
        jobs += [*proxmox_jobs(site), *discovered_jobs(site)]
    for name in SERVICES:
        if not site.wants(name):
            continue
        target = targets_of(site.url(name))
        prefix = target.pop("path_prefix", "")
        jobs.append({"job_name": name, "metrics_path": f"{prefix}/metrics", **target, **_key(setting, name)})
    return jobs


def _key(setting: Setting, name: str) -> dict[str, Any]:
    """Return how a locked door is opened."""
    return _basic_auth(setting.key(name))


def _basic_auth(key: Path | str | None) -> dict[str, Any]:
    return {"basic_auth": {"username": keys.USER, "password_file": str(key)}} if key else {}


async def check(checkup: Checkup) -> str:
    """Return what was checked; raise Unavailable with what doesn't work.

    Rules evaluate without failures, alerts reach an Alertmanager, the last remote write is younger than 30 s.
    """
    await checkup.get("/-/ready")
    metrics = await read_metrics(
        checkup,
        "prometheus_rule_evaluation_failures_total",
        "prometheus_notifications_alertmanagers_discovered",
        "prometheus_notifications_errors_total",
        "prometheus_remote_storage_queue_highest_sent_timestamp_seconds",
        "prometheus_config_last_reload_successful",
    )
    if metric_sum(metrics, "prometheus_config_last_reload_successful") == 0:
        raise Unavailable("its configuration was refused", remedy="see: hune logs prometheus")
    if failures := checkup.increase("rule failures", metric_sum(metrics, "prometheus_rule_evaluation_failures_total")):
        raise Unavailable(f"{failures:g} rule evaluations failed", remedy="see: hune logs prometheus")
    if not metric_sum(metrics, "prometheus_notifications_alertmanagers_discovered"):
        raise Unavailable("knows no Alertmanager")
    # Of several Alertmanagers one that is alive is enough.
    if errors := min(
        (
            checkup.increase(f"lost alerts {alertmanager}", value)
            for alertmanager, value in metrics.get("prometheus_notifications_errors_total", [])
        ),
        default=0.0,
    ):
        raise Unavailable(f"{errors:g} alerts did not reach Alertmanager")
    sent = max(
        (
            value
            for labels, value in metrics.get("prometheus_remote_storage_queue_highest_sent_timestamp_seconds", [])
            # Of other stores their own checks tell.
            if 'remote_name="store"' in labels
        ),
        default=0.0,
    )
    if not sent:
        # Right after a start nothing can have been sent yet.
        if checkup.running_seconds() > _STALE_WRITE_SECONDS:
            raise Unavailable("has not written to the store since its start")
        return "ready, rules evaluate, nothing written to the store yet"
    age = checkup.now() - sent
    if age > _STALE_WRITE_SECONDS:
        raise Unavailable(f"last write to the store was {age:.0f} s ago")
    if age < -_STALE_WRITE_SECONDS:
        raise Unavailable(
            f"its newest sample lies {-age:.0f} s in the future, and it takes none that is older",
            remedy="set the machine's clock right, then: hune down, hune up",
        )
    return f"ready, rules evaluate, Alertmanager reached, store written {max(0.0, age):.0f} s ago"
