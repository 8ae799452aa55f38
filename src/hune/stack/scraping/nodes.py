"""Jobs of the nodes: all of their exporters, the fast lane, and whether the machine lives."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from hune.stack.scraping.blackbox import through_blackbox
from hune.stack.scraping.bounds import BOUNDS, NOT_RECORDED

if TYPE_CHECKING:
    from hune.site.models import Node, Site
    from hune.stack.setting import Setting

FAST_JOBS = ("node-fast", "node-alive")
"""Jobs at one second: for rules and live values, never stored."""

# Generous: 30 guests behind firewall bridges expose about 2,400 series before relabelling.
_FAST_SAMPLE_LIMIT = 500
_FAST_BODY_LIMIT = "4MB"

_SAMPLE_LIMIT = 50_000


def node_job(site: Site) -> dict[str, Any]:
    """Return the job of all that the nodes' exporters say; it goes to the store."""
    targets = _node_targets(site)
    for target, node in zip(targets, site.nodes, strict=True):
        # A site's own labels are for people who query; rules and alerts don't carry them.
        target["labels"] = {**node.labels, **target["labels"]}
    return {
        "job_name": "node",
        "sample_limit": _SAMPLE_LIMIT,
        **BOUNDS,
        "static_configs": targets,
        "metric_relabel_configs": [NOT_RECORDED, *_not_of_the_lab(site)],
    }


def fast_job(site: Site) -> dict[str, Any]:
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
        **BOUNDS,
        "body_size_limit": _FAST_BODY_LIMIT,
        "params": {"collect[]": ["hwmon", "netclass"]},
        "static_configs": _node_targets(site),
        "metric_relabel_configs": [
            {"source_labels": ["__name__", "node", "device"], "regex": keep, "action": "keep"},
            *_not_of_the_lab(site),
        ],
    }


def alive_job(setting: Setting) -> dict[str, Any]:
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
        "relabel_configs": through_blackbox(site),
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


def _node_targets(site: Site) -> list[dict[str, Any]]:
    return [
        {"targets": [node.exporter_address], "labels": {**_labels(node), "__scheme__": node.exporter.scheme}}
        for node in site.nodes
    ]


def _labels(node: Node) -> dict[str, str]:
    return {"node": node.name, **({"lab": "true"} if node.lab else {})}


def _not_of_the_lab(site: Site) -> list[dict[str, Any]]:
    """Return what takes the lab's label from series of nodes that aren't in it, whatever their exporter says."""
    real = "|".join(re.escape(node.name) for node in site.nodes if not node.lab)
    return [{"source_labels": ["node"], "regex": real, "target_label": "lab", "replacement": ""}] if real else []
