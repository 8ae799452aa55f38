"""Prometheus: scrapes, evaluates rules, answers for now, and writes on to the store."""

from __future__ import annotations

import json
import re
from collections.abc import Container
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from hune.core import keys
from hune.core.errors import Unavailable
from hune.stack.checkup import Checkup, metric_sum, read_metrics
from hune.stack.model import File, Process

if TYPE_CHECKING:
    from hune.site.models import Node, Site
    from hune.stack.setting import Setting

NAME = "prometheus"
PACKAGE = "prometheus"
PROGRAMS = ("prometheus",)
TOOLS = ("promtool",)
IMAGE = "prom/prometheus:v3.13.3"

FAST_JOBS = ("node-fast", "node-alive")
"""Jobs at one second: for rules and live values, never stored."""

UNSTORED = f"({'|'.join(FAST_JOBS)});.*|[^;]*;hune:.*"
"""Series that don't go to the store, as a regular expression over `job;__name__`."""

_OWN_METRICS = (
    "prometheus",
    "victoriametrics",
    "alertmanager",
    "blackbox-exporter",
    "hub",
    "nester",
    "pve-exporter",
)

# Proxmox renews what it says of guests every ten seconds; of the rest nothing is urgent.
_PROXMOX_SECONDS = 15
_PROXMOX_SLOW_SECONDS = 30

# Generous: 30 guests behind firewall bridges expose about 2,400 series before relabelling.
_FAST_SAMPLE_LIMIT = 500
_FAST_BODY_LIMIT = "4MB"

# What one target may make Prometheus read and keep; more is a fault or an attack, and is told as a silent exporter.
# Times of its own would let it put the end of all samples into the future, and a redirect let it choose whom we ask.
_BOUNDS = {
    "body_size_limit": "16MB",
    "label_limit": 40,
    "label_name_length_limit": 128,
    "label_value_length_limit": 1024,
    "honor_timestamps": False,
    "follow_redirects": False,
}
_SAMPLE_LIMIT = 50_000
_DISCOVERED_SAMPLE_LIMIT = 5_000

# What rules record and scrapes were like is not theirs to say: an exporter that did would speak for other nodes.
_NOT_RECORDED = {
    "source_labels": ["__name__"],
    "regex": "hune:.*|ALERTS|ALERTS_FOR_STATE|up|scrape_.*",
    "action": "drop",
}

# A server may write what it likes into its certificate, and show another one each time.
_NOT_OF_THE_CERTIFICATE = {"action": "labeldrop", "regex": "issuer|subject|subjectalternative|serialnumber"}
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
                {"api_version": "v2", **_targets_of(site.url("alertmanager")), **_key(setting, "alertmanager")}
            ]
        },
        "scrape_configs": _jobs(setting),
        "remote_write": [
            {
                "url": f"{site.url('victoriametrics')}/api/v1/write",
                "name": "store",
                "write_relabel_configs": [{"source_labels": ["job", "__name__"], "regex": UNSTORED, "action": "drop"}],
                "queue_config": {
                    "max_shards": 4,
                    "max_samples_per_send": 2000,
                    "capacity": 10000,
                    "batch_send_deadline": "1s",
                    "max_backoff": "5s",
                },
                "metadata_config": {"send": True, "send_interval": "5m"},
            }
        ],
    }
    return json.dumps(config, indent=1) + "\n"


def without(config: str, nodes: Container[str]) -> str:
    """Return a rendered prometheus.yml that asks no exporter of these nodes; whether they live is still tried."""
    content = json.loads(config)
    for job in content["scrape_configs"]:
        if job["job_name"] in ("node", "node-fast"):
            job["static_configs"] = [
                target for target in job["static_configs"] if target["labels"]["node"] not in nodes
            ]
    return json.dumps(content, indent=1) + "\n"


def _targets_of(url: str) -> dict[str, Any]:
    """Return scheme, path prefix and static target of a base URL."""
    match = re.fullmatch(r"(https?)://([^/]+)(/.*)?", url)
    assert match, url
    prefix = {"path_prefix": match[3]} if match[3] else {}
    return {"scheme": match[1], **prefix, "static_configs": [{"targets": [match[2]]}]}


def _jobs(setting: Setting) -> list[dict[str, Any]]:
    site = setting.site
    jobs = [_node_job(site), _fast_job(site), _alive_job(setting)]
    if site.probes:
        jobs += _probe_jobs(site)
    if site.wants("pve-exporter"):
        jobs += [*_proxmox_jobs(site), *_discovered_jobs(site)]
    for name in _OWN_METRICS:
        if not site.wants(name):
            continue
        target = _targets_of(site.url(name))
        prefix = target.pop("path_prefix", "")
        jobs.append({"job_name": name, "metrics_path": f"{prefix}/metrics", **target, **_key(setting, name)})
    return jobs


def _key(setting: Setting, name: str) -> dict[str, Any]:
    """Return how a locked door is opened."""
    key = setting.key(name)
    return {"basic_auth": {"username": keys.USER, "password_file": str(key)}} if key else {}


def _labels(node: Node) -> dict[str, str]:
    return {"node": node.name, **({"lab": "true"} if node.lab else {})}


def _node_targets(site: Site) -> list[dict[str, Any]]:
    return [
        {"targets": [node.exporter_address], "labels": {**_labels(node), "__scheme__": node.exporter.scheme}}
        for node in site.nodes
    ]


def _node_job(site: Site) -> dict[str, Any]:
    targets = _node_targets(site)
    for target, node in zip(targets, site.nodes, strict=True):
        # A site's own labels are for people who query; rules and alerts don't carry them.
        target["labels"] = {**node.labels, **target["labels"]}
    return {
        "job_name": "node",
        "sample_limit": _SAMPLE_LIMIT,
        **_BOUNDS,
        "static_configs": targets,
        "metric_relabel_configs": [_NOT_RECORDED, *_not_of_the_lab(site)],
    }


def _not_of_the_lab(site: Site) -> list[dict[str, Any]]:
    """Return what takes the lab's label from series of nodes that aren't in it, whatever their exporter says."""
    real = "|".join(re.escape(node.name) for node in site.nodes if not node.lab)
    return [{"source_labels": ["node"], "regex": real, "target_label": "lab", "replacement": ""}] if real else []


def _fast_job(site: Site) -> dict[str, Any]:
    """Return the job of one second: temperatures, and the ports that are watched, nothing else."""
    watched = "|".join(
        f"{re.escape(node.name)};({'|'.join(re.escape(link.device) for link in node.links)})"
        for node in site.nodes
        if node.links
    )
    keep = "node_hwmon_(temp_celsius|chip_names|sensor_label);[^;]*;.*|node_scrape_collector_success;[^;]*;.*"
    if watched:
        keep += f"|node_network_(up|carrier|speed_bytes|carrier_changes_total);({watched})"
    return {
        "job_name": "node-fast",
        "scrape_interval": "1s",
        "scrape_timeout": "1s",
        "sample_limit": _FAST_SAMPLE_LIMIT,
        **_BOUNDS,
        "body_size_limit": _FAST_BODY_LIMIT,
        "params": {"collect[]": ["hwmon", "netclass"]},
        "static_configs": _node_targets(site),
        "metric_relabel_configs": [
            {"source_labels": ["__name__", "node", "device"], "regex": keep, "action": "keep"},
            *_not_of_the_lab(site),
        ],
    }


def _alive_job(setting: Setting) -> dict[str, Any]:
    """Return the job that asks each machine itself, past its exporter, whether it lives."""
    site = setting.site
    targets = []
    for node in site.nodes:
        module, target = alive_probe(node, setting)
        targets.append({"targets": [target], "labels": {**_labels(node), "__param_module": module}})
    return {
        "job_name": "node-alive",
        "scrape_interval": "1s",
        "scrape_timeout": "1s",
        "metrics_path": "/probe",
        "static_configs": targets,
        "relabel_configs": _through_blackbox(site),
        "metric_relabel_configs": [
            {"source_labels": ["__name__"], "regex": "probe_(success|duration_seconds)", "action": "keep"}
        ],
    }


def alive_probe(node: Node, setting: Setting) -> tuple[str, str]:
    """Return blackbox module and target that prove a node's machine alive.

    This host itself is proved by the blackbox exporter's own port: whoever evaluates the rule lives.
    """
    from hune.site.models import join_address

    if node.alive.startswith("tcp:"):
        return "alive_tcp", join_address(node.address, int(node.alive.removeprefix("tcp:")))
    if node.alive == "auto" and not node.is_remote:
        return "alive_tcp", re.sub(r"^https?://", "", setting.site.url("blackbox-exporter"))
    if setting.icmp_permitted:
        return "alive_icmp", node.address
    return "alive_tcp", join_address(node.address, 22)


def _through_blackbox(site: Site) -> list[dict[str, Any]]:
    target = _targets_of(site.url("blackbox-exporter"))
    rules: list[dict[str, Any]] = [
        {"source_labels": ["__address__"], "target_label": "__param_target"},
        {"source_labels": ["__param_target"], "target_label": "instance"},
        {"target_label": "__address__", "replacement": target["static_configs"][0]["targets"][0]},
        {"target_label": "__scheme__", "replacement": target["scheme"]},
    ]
    if prefix := target.get("path_prefix"):
        rules.append({"target_label": "__metrics_path__", "replacement": f"{prefix}/probe"})
    return rules


def _probe_jobs(site: Site) -> list[dict[str, Any]]:
    """Return one job for all probes; interval and timeout travel as each target's own labels."""
    return [
        {
            "job_name": "probe",
            "metrics_path": "/probe",
            "static_configs": [
                {
                    "targets": [probe.target],
                    "labels": {
                        "probe": probe.name,
                        "type": probe.type,
                        "__param_module": f"probe_{probe.name}",
                        "__scrape_interval__": _seconds(probe.interval_seconds),
                        "__scrape_timeout__": _seconds(probe.timeout_seconds),
                    },
                }
                for probe in site.probes
            ],
            "relabel_configs": _through_blackbox(site),
            "metric_relabel_configs": [_NOT_OF_THE_CERTIFICATE],
        }
    ]


def _proxmox_jobs(site: Site) -> list[dict[str, Any]]:
    """Return the job of upstream's series, each cluster as a whole and each node of it, and the job of the others.

    Targets carry `cluster` and never `node`, which would rename the exporter's own label.
    """
    url = site.url("pve-exporter")
    exporter = _targets_of(url)
    prefix = exporter.pop("path_prefix", "")
    [address] = exporter.pop("static_configs")[0]["targets"]
    addresses = {node.name: node.address for node in site.nodes}
    names = {cluster.name.lower() for cluster in site.proxmox}
    upstream, more = [], []
    for cluster in site.proxmox:
        if not (cluster.token or cluster.login):
            continue
        in_lab = all(node.lab for node in site.nodes if node.name in cluster.nodes)
        labels = {"cluster": cluster.name, **({"lab": "true"} if in_lab else {})}
        for target, scope, seconds in (
            (cluster.name, "cluster", _PROXMOX_SECONDS),
            # A machine that stands alone is often called as its cluster is: that name means the cluster.
            *(
                (addresses[node] if node.lower() in names else node, "node", _PROXMOX_SLOW_SECONDS)
                for node in cluster.nodes
            ),
        ):
            asked = {"__param_cluster": str(int(scope == "cluster")), "__param_node": str(int(scope == "node"))}
            times = {"__scrape_interval__": f"{seconds}s"}
            about = {**labels, "instance": target, "__param_target": target}
            upstream.append({"targets": [address], "labels": {**about, **asked, **times}})
        more.append(
            {"targets": [address], "labels": {**labels, "instance": cluster.name, "__param_target": cluster.name}}
        )
    return [
        {"job_name": "pve", "metrics_path": f"{prefix}/pve", **exporter, "static_configs": upstream},
        {
            "job_name": "pve-hune",
            "scrape_interval": f"{_PROXMOX_SLOW_SECONDS}s",
            "scrape_timeout": f"{_PROXMOX_SLOW_SECONDS - 5}s",
            "metrics_path": f"{prefix}/hune",
            **exporter,
            "static_configs": more,
        },
    ]


def _discovered_jobs(site: Site) -> list[dict[str, Any]]:
    """Return the jobs of what clusters discover, where the site asks for it.

    Their targets are told apart as the exporter's own series are, by `cluster` and `id`: a node of no site file is none
    to the rules, and a guest has another node when it has moved.
    """
    jobs = []
    real = "|".join(re.escape(cluster.name) for cluster in site.asked_clusters if not site.is_lab(cluster))
    simulated = "|".join(re.escape(cluster.name) for cluster in site.asked_clusters if site.is_lab(cluster))
    for kind in ("nodes", "guests"):
        clusters = [cluster.name for cluster in site.asked_clusters if getattr(cluster.discover, kind)]
        if not clusters:
            continue
        base = f"{site.url('pve-exporter')}/sd/{kind}"
        relabel = [
            {"source_labels": ["__meta_pve_cluster"], "target_label": "cluster"},
            {"source_labels": ["__meta_pve_id"], "target_label": "id"},
        ]
        if simulated:
            relabel.append(
                {"source_labels": ["cluster"], "regex": simulated, "target_label": "lab", "replacement": "true"}
            )
        jobs.append(
            {
                "job_name": f"discovered-{kind}",
                "scrape_interval": f"{_PROXMOX_SLOW_SECONDS}s",
                "sample_limit": _DISCOVERED_SAMPLE_LIMIT,
                **_BOUNDS,
                "http_sd_configs": [
                    {"url": f"{base}?target={quote(cluster)}", "refresh_interval": "60s"} for cluster in clusters
                ],
                "relabel_configs": relabel,
                "metric_relabel_configs": [
                    _NOT_RECORDED,
                    *(
                        [{"source_labels": ["cluster"], "regex": real, "target_label": "lab", "replacement": ""}]
                        if real
                        else []
                    ),
                ],
            }
        )
    return jobs


def _seconds(value: float) -> str:
    return f"{round(value * 1000)}ms"


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
    if errors := checkup.increase("lost alerts", metric_sum(metrics, "prometheus_notifications_errors_total")):
        raise Unavailable(f"{errors:g} alerts did not reach Alertmanager")
    sent = max(
        (value for _, value in metrics.get("prometheus_remote_storage_queue_highest_sent_timestamp_seconds", [])),
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
