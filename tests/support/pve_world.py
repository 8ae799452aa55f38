"""Clusters for `promtool test rules`: what the exporter says of a cluster whose state changes at given seconds."""

from __future__ import annotations

from collections.abc import Mapping

from hune.alerting.catalogue import clear, gone
from hune.site.models import Site
from support.promtool import Facts, Value, World, make_site

COLLECTORS = (
    *("quorum", "ha", "storage", "zfs", "disks", "ceph", "guest-config", "tasks", "replication-jobs", "protection"),
    "certificates",
    "services",
)
HEALTHY: Facts = {
    "answers": 1,
    'pve_up{id="cluster/home"}': 1,
    'pve_up{id="node/pve-01"}': 1,
    'pve_up{id="node/pve-02"}': 1,
    'hune_pve_node_online{node="pve-01"}': 1,
    'hune_pve_node_online{node="pve-02"}': 1,
    'hune_pve_node_uptime_seconds{node="pve-01"}': 1e6,
    'hune_pve_node_uptime_seconds{node="pve-02"}': 1e6,
    "hune_pve_quorum_quorate": 1,
    **{f'pve_collector_success{{collector="{name}"}}': 1 for name in COLLECTORS},
}


def make_pve_site(**changes: object) -> Site:
    """Return a site with the cluster `home` of pve-01 and pve-02."""
    token = {"id": "hune@pve!metrics", "secret": "env:TOKEN"}
    clusters = [{"name": "home", "nodes": ["pve-01", "pve-02"], "token": token}]
    return make_site(**{"proxmox": clusters, **changes})


def pve_world(seconds: int, told: Mapping[int, Facts], cluster: str = "home") -> World:
    """Return what is scraped of a cluster; `told` gives facts from a second on, until told otherwise.

    `answers`: 1, 0, or None if it isn't even asked. Every other key is a series without its target labels; of `pve_`
    those of job `pve`, else of `pve-hune`; None is absent.
    """
    world = World(seconds)
    known: dict[str, Value] = dict(HEALTHY)
    told = dict(sorted(told.items()))
    changes: dict[str, dict[int, Value]] = {}
    for second in sorted({0, *told}):
        known |= told.get(second, {})
        answers = known["answers"]
        for job in ("pve", "pve-hune"):
            changes.setdefault(f'up{{job="{job}",instance="{cluster}",cluster="{cluster}"}}', {})[second] = answers
        for key, value in known.items():
            if key != "answers":
                changes.setdefault(_series(key, cluster), {})[second] = value if answers == 1 else None
    for series, values in changes.items():
        world.put(series, values)
    return world


def _series(key: str, cluster: str) -> str:
    name, _, labels = key.rstrip("}").partition("{")
    if name.startswith("hune_pve_api_"):
        return f'{name}{{job="pve-exporter",cluster="{cluster}",{labels}}}'
    job = "pve" if name.startswith("pve_") and name != "pve_collector_success" else "pve-hune"
    return f'{name}{{job="{job}",instance="{cluster}",cluster="{cluster}",{labels}}}'


def believed_over(second: int, alertname: str, labels: Mapping[str, str], *, over: bool) -> dict[str, object]:
    """Return the expectation that the hub believes at a second that an alert is over, or doesn't."""
    alert = {"alertname": alertname, **labels}
    return {
        "expr": f"group((({clear(alert)})) or on () ({gone(alert)}))",
        "eval_time": f"{second}s",
        "exp_samples": [{"labels": "{}", "value": 1}] if over else [],
    }
