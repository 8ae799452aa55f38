"""The site as series: its nodes, ports and probes, and the limits that apply to them.

Everything but the nodes themselves is derived from `hune:site_node`, so that a thousand nodes of one kind cost a
thousand and a few rules, not ten thousand.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from hune.alerting.catalogue.own import SERVICES
from hune.alerting.promql import NOW, one_of
from hune.alerting.rules.heartbeats import expected
from hune.alerting.rules.model import Group, Rule
from hune.site.models import AppliedThresholds, Site
from hune.site.proxmox import AppliedProxmoxThresholds

_LIMITS: Mapping[str, Callable[[AppliedThresholds], float]] = {
    "hune:site_cpu_limit_celsius": lambda limits: limits.cpu_celsius.limit,
    "hune:site_cpu_clear_celsius": lambda limits: limits.cpu_celsius.clear,
    "hune:site_exporter_silence_seconds": lambda limits: limits.exporter_silence_seconds,
    "hune:site_link_flaps": lambda limits: limits.link_flaps,
    "hune:site_link_errors_ratio": lambda limits: limits.link_errors_ratio,
    "hune:site_link_errors_min_packets": lambda limits: limits.link_errors_min_packets,
    "hune:site_filesystem_warning_ratio": lambda limits: limits.filesystem_warning_ratio,
    "hune:site_filesystem_critical_ratio": lambda limits: limits.filesystem_critical_ratio,
    "hune:site_inodes_ratio": lambda limits: limits.inodes_ratio,
    "hune:site_memory_available_ratio": lambda limits: limits.memory_available_ratio,
    "hune:site_pressure_ratio": lambda limits: limits.pressure_ratio,
    "hune:site_clock_offset_seconds": lambda limits: limits.clock_offset_seconds,
}

_CLUSTER_LIMITS: Mapping[str, Callable[[AppliedProxmoxThresholds], float]] = {
    "hune:site_pve_storage_warning_ratio": lambda limits: limits.storage_warning_ratio,
    "hune:site_pve_storage_critical_ratio": lambda limits: limits.storage_critical_ratio,
    "hune:site_pve_ceph_used_ratio": lambda limits: limits.ceph_used_ratio,
    "hune:site_pve_disk_wear_ratio": lambda limits: limits.disk_wear_ratio,
    "hune:site_pve_replication_age_hours": lambda limits: limits.replication_age_hours,
    "hune:site_pve_certificate_days": lambda limits: limits.certificate_days,
}


def constants(site: Site) -> Group:
    """Return the group that records what the site file says."""
    rules = [
        *_nodes(site),
        *_limits(site),
        *_chip_limits(site),
        *_links(site),
        *_probes(site),
        *_services(site),
        *_clusters(site),
        *expected(site),
    ]
    # Last, so that whoever sees it has seen all the others: what is missing beside it is not in the site.
    rules.append(Rule("vector(1)", record="hune:site_loaded"))
    return Group("hune-site", "5s", tuple(rules))


def _nodes(site: Site) -> Iterable[Rule]:
    for node in site.nodes:
        labels = {"node": node.name, "kind": node.kind, "remote": "true" if node.is_remote else "false"}
        yield Rule("vector(1)", record="hune:site_node", labels=labels | ({"lab": "true"} if node.lab else {}))


def _limits(site: Site) -> Iterable[Rule]:
    if not site.nodes:
        return
    for name, limit in _LIMITS.items():
        yield Rule(_values({node.name: limit(site.thresholds_of(node)) for node in site.nodes}, site), record=name)


def _chip_limits(site: Site) -> Iterable[Rule]:
    limits: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for node in site.nodes:
        for chip, threshold in site.thresholds_of(node).chips.items():
            limits[chip, "hune:site_cpu_limit_celsius"][node.name] = threshold.limit
            limits[chip, "hune:site_cpu_clear_celsius"][node.name] = threshold.clear
    for (chip, name), of_nodes in sorted(limits.items()):
        yield Rule(_values(of_nodes, site), record=name, labels={"chip": chip})


def _links(site: Site) -> Iterable[Rule]:
    watched: dict[tuple[str, str], list[str]] = defaultdict(list)
    speeds: dict[str, dict[str, float]] = defaultdict(dict)
    for node in site.nodes:
        for link in node.links:
            watched[link.device, link.name or ""].append(node.name)
            if link.speed is not None:
                speeds[link.device][node.name] = link.speed / 8
    for (device, name), nodes in sorted(watched.items()):
        labels = {"device": device} | ({"link": name} if name else {})
        yield Rule(_of(nodes, site, "node, lab"), record="hune:site_link", labels=labels)
    for device, of_nodes in sorted(speeds.items()):
        yield Rule(_values(of_nodes, site), record="hune:site_link_speed_bytes", labels={"device": device})


def _probes(site: Site) -> Iterable[Rule]:
    for probe in site.probes:
        labels = {"probe": probe.name, "type": probe.type, "severity": probe.severity}
        yield Rule("vector(1)", record="hune:site_probe", labels=labels)
        if probe.has_certificate:
            of_probe = {"probe": probe.name}
            yield Rule(
                f"vector({_number(probe.certificate_days)})", record="hune:site_probe_certificate_days", labels=of_probe
            )
            yield Rule(
                f"vector({_number(probe.certificate_critical_days)})",
                record="hune:site_probe_certificate_critical_days",
                labels=of_probe,
            )


def _services(site: Site) -> Iterable[Rule]:
    for name, severity in SERVICES.items():
        if site.wants(name):
            yield Rule("vector(1)", record="hune:site_service", labels={"service": name, "severity": severity})


def _clusters(site: Site) -> Iterable[Rule]:
    """Return one rule a cluster, one for its nodes, and one a limit, which most clusters have in common."""
    clusters = site.asked_clusters
    for cluster in clusters:
        labels = {"cluster": cluster.name, **({"lab": "true"} if site.is_lab(cluster) else {})}
        yield Rule("vector(1)", record="hune:site_pve", labels=labels)
        yield Rule(_of(cluster.nodes, site, "node"), record="hune:site_pve_node", labels={"cluster": cluster.name})
    for name, limit_of in _CLUSTER_LIMITS.items() if clusters else ():
        of_limit: dict[float, list[str]] = defaultdict(list)
        for cluster in clusters:
            of_limit[limit_of(site.limits_of(cluster))].append(cluster.name)
        parts = []
        for limit, names in sorted(of_limit.items()):
            those = NOW.constant("hune:site_pve", where=f"cluster=~{one_of(names)}")
            parts.append(f"{_number(limit)} * group by (cluster) ({those})")
        yield Rule("\nor ".join(parts), record=name)


def _values(of_nodes: Mapping[str, float], site: Site) -> str:
    """Return an expression with a value for each node; the commonest value comes last and needs no names."""
    nodes: dict[float, list[str]] = defaultdict(list)
    for name, value in of_nodes.items():
        nodes[value].append(name)
    rarest_first = sorted(nodes, key=lambda value: (len(nodes[value]), value))
    everybody = len(of_nodes) == len(site.nodes)
    return "\nor ".join(
        f"{_number(value)} * {_of(None if everybody and value == rarest_first[-1] else nodes[value], site, 'node')}"
        for value in rarest_first
    )


def _of(names: list[str] | None, site: Site, labels: str) -> str:
    """Return an expression that is 1 for each of these nodes, with some of its labels; None means all."""
    where = "" if names is None or len(names) == len(site.nodes) else f"node=~{one_of(names)}"
    return f"group by ({labels}) ({NOW.live('hune:site_node', where)})"


def _number(value: float) -> str:
    return repr(int(value)) if value == int(value) else repr(value)
