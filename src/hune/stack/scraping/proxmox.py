"""Jobs of Proxmox clusters, and of what they discover."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from hune.stack.scraping.address import targets_of
from hune.stack.scraping.bounds import BOUNDS, NOT_RECORDED

if TYPE_CHECKING:
    from hune.site.models import Site

# Proxmox renews what it says of guests every ten seconds; of the rest nothing is urgent.
_PROXMOX_SECONDS = 15
_PROXMOX_SLOW_SECONDS = 30

_DISCOVERED_SAMPLE_LIMIT = 5_000


def proxmox_jobs(site: Site) -> list[dict[str, Any]]:
    """Return the job of upstream's series, each cluster as a whole and each node of it, and the job of the others.

    Targets carry `cluster` and never `node`, which would rename the exporter's own label.
    """
    url = site.url("pve-exporter")
    exporter = targets_of(url)
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


def discovered_jobs(site: Site) -> list[dict[str, Any]]:
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
                **BOUNDS,
                "http_sd_configs": [
                    {"url": f"{base}?target={quote(cluster)}", "refresh_interval": "60s"} for cluster in clusters
                ],
                "relabel_configs": relabel,
                "metric_relabel_configs": [
                    NOT_RECORDED,
                    *(
                        [{"source_labels": ["cluster"], "regex": real, "target_label": "lab", "replacement": ""}]
                        if real
                        else []
                    ),
                ],
            }
        )
    return jobs
