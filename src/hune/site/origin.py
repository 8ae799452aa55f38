"""Where a limit that applies comes from: which part of the site file set it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from hune.site.models import Node, ProxmoxCluster, Site, Thresholds

Level = Literal["node", "group", "site", "cluster", "default"]


def origin_of(site: Site, node: Node, key: str) -> Level:
    """Return the level at which a limit of a node was set; `key` is a field of `Thresholds`."""
    for level, thresholds in _levels(site, node):
        if getattr(thresholds, key) is not None:
            return level
    return "default"


def origin_of_chip(site: Site, node: Node, chip: str) -> Level | None:
    """Return the level at which a limit for one chip of a node was set, None if it takes that of all chips."""
    for level, thresholds in _levels(site, node):
        if chip in thresholds.chips:
            return level
    return None


def origin_of_cluster(site: Site, cluster: ProxmoxCluster, key: str) -> Level:
    """Return the level at which a limit of a cluster was set; `key` is a field of `ProxmoxThresholds`."""
    if getattr(cluster.thresholds, key) is not None:
        return "cluster"
    return "default" if getattr(site.proxmox_thresholds, key) is None else "site"


def _levels(site: Site, node: Node) -> Iterable[tuple[Level, Thresholds]]:
    group = site.groups.get(node.group) if node.group else None
    yield "node", node.thresholds
    if group is not None:
        yield "group", group.thresholds
    yield "site", site.thresholds
