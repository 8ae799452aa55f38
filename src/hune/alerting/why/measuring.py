"""What to ask Prometheus about one alert of the catalogue, and which limit applies to it: pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from hune.alerting.catalogue import ALERTS
from hune.alerting.catalogue.machine import TROUBLES
from hune.alerting.catalogue.own import FAULTS
from hune.alerting.catalogue.proxmox import PROBLEMS, SCRAPE
from hune.alerting.holds import Labels
from hune.alerting.promql import RECORDED_NOW, quote
from hune.alerting.rules import groups
from hune.alerting.rules.machine import BACKING_UP
from hune.alerting.rules.model import Rule
from hune.alerting.rules.pve_storage import told_as_filesystem
from hune.alerting.why.facts import Limit
from hune.site.models import Node, ProxmoxCluster, Site
from hune.site.origin import origin_of, origin_of_chip, origin_of_cluster

Sign = Literal[">", ">=", "<"]


@dataclass(frozen=True)
class _Judged:
    """How a value is judged: in which unit (`scale` leads there from what is measured), against which limit.

    `key` is a field of the thresholds of a node or a cluster; without one the limit is `fixed`.
    """

    sign: Sign
    unit: str
    scale: float = 1.0
    key: str = ""
    fixed: float | None = None


_JUDGED: Mapping[str, _Judged] = {
    "CpuHot": _Judged(">", "°C", key="cpu_celsius"),
    "CpuSensorLost": _Judged(">", "s", fixed=300.0),
    "ExporterSilent": _Judged(">", "s", key="exporter_silence_seconds"),
    "LinkSlow": _Judged("<", "Gbit/s", scale=8e-9),
    "LinkFlapping": _Judged(">=", "", key="link_flaps"),
    "LinkErrors": _Judged(">", "%", scale=100.0, key="link_errors_ratio"),
    "FilesystemFilling": _Judged(">", "%", scale=100.0, key="filesystem_warning_ratio"),
    "FilesystemFull": _Judged(">", "%", scale=100.0, key="filesystem_critical_ratio"),
    "InodesShort": _Judged(">", "%", scale=100.0, key="inodes_ratio"),
    "MemoryShort": _Judged("<", "%", scale=100.0, key="memory_available_ratio"),
    "PressureHigh": _Judged(">", "%", scale=100.0, key="pressure_ratio"),
    "ClockWrong": _Judged(">", "s", key="clock_offset_seconds"),
    "OutOfMemory": _Judged(">", "", fixed=0.0),
    "PveApiBusy": _Judged(">", "%", fixed=95.0),
    "StorageFilling": _Judged(">", "%", scale=100.0, key="storage_warning_ratio"),
    "StorageFull": _Judged(">", "%", scale=100.0, key="storage_critical_ratio"),
    "CephFilling": _Judged(">", "%", scale=100.0, key="ceph_used_ratio"),
    "DiskWorn": _Judged(">=", "%", scale=100.0, key="disk_wear_ratio"),
    "ReplicationLate": _Judged(">", "h", key="replication_age_hours"),
    "CertificateExpiring": _Judged("<", "d", key="certificate_days"),
    "ProbeCertificateExpiring": _Judged("<", "d", key="certificate_days"),
    "ProbeCertificateEnding": _Judged("<", "d", key="certificate_critical_days"),
    "HeartbeatMissed": _Judged(">", "s", key="limit_seconds"),
}
_REMEMBERED = {
    "CpuHot": "hune:cpu_celsius:last",
    "LinkSlow": "hune:link_speed_bytes:last",
    "LinkFlapping": "hune:link_flaps:last",
    "LinkErrors": "hune:link_errors_ratio:last",
    "ProbeCertificateExpiring": "hune:probe_certificate_days:last",
    "ProbeCertificateEnding": "hune:probe_certificate_days:last",
}
"""What stands for a value that isn't measured now; other rules keep what was wrong."""
WRONG_AT = {"NodeDown": 0.0, "LinkDown": 0.0, "ProbeFailed": 0.0, "CutOff": 1.0, "ServiceDown": 0.0}
"""Of what is measured as yes or no: which of them is wrong."""
_REASONS: Mapping[str, Mapping[str, str]] = {
    "NodeDown": {"cut_off": "hune:cut_off == 1"},
    "ExporterSilent": {"machine_down": "last_over_time(hune:node_up[3s]) == 0"},
    "GuestDown": {
        "no_autostart": 'hune_pve_guest_config_info{job="pve-hune",onboot="0"}',
        "stopped": "hune:pve_guest_stopped",
        "template": 'pve_guest_info{job="pve",template="1"}',
        "busy": 'hune_pve_guest_busy{job="pve-hune"}',
    },
    "PressureHigh": {"backing_up": BACKING_UP},
    "StorageFilling": {"as_filesystem": told_as_filesystem("StorageFilling")},
    "StorageFull": {"as_filesystem": told_as_filesystem("StorageFull")},
    "GuestUnprotected": {
        state: f'hune_guest_protection{{job="pve-hune",aspect="verdict",state="{state}"}}'
        for state in ("excluded", "pending", "idle", "unknown")
    },
}
"""Why a rule leaves a thing out: key of the words → what is there while that is so, by the labels of the alert."""


def _judged(name: str) -> _Judged | None:
    fault = FAULTS.get(name)
    if fault is None:
        return _JUDGED.get(name)
    sign: Sign = "<" if fault.falls else ">"
    return None if fault.limit is None else _Judged(sign, fault.unit, scale=fault.scale, fixed=fault.limit)


def measures(site: Site) -> Mapping[str, tuple[str, str]]:
    """Return of each alerting rule what it judges and its words about itself; a pure function of the site."""
    return {
        rule.alert: (_all_judged(rule), rule.annotations.get("description", ""))
        for group in groups(site)
        for rule in group.rules
        if rule.alert
    }


def _all_judged(rule: Rule) -> str:
    # What only has what is wrong doesn't tell of what is well.
    series = _wrong(rule.alert)
    return "" if series and series in rule.measures else rule.measures


def value(name: str, measure: str) -> str:
    """Return the expression of what an alert judges, in its unit, as it can be read at any moment."""
    # Rules read what others recorded in the same evaluation; who asks from outside comes at any time after it.
    now = measure.replace(f"[{RECORDED_NOW}]", f"[{ALERTS[name].window}]")
    judged = _judged(name)
    return f"({now}) * {judged.scale!r}" if judged and judged.scale != 1.0 else f"({now})"


def remembered(name: str) -> str:
    """Return the expression of the last value, in the alert's unit; empty if nothing remembers it."""
    judged = _judged(name)
    scale = judged.scale if judged else 1.0
    if name in _REMEMBERED:
        return f"last_over_time({_REMEMBERED[name]}[35s]) * {scale!r}"
    wrong = _wrong(name)
    return f"last_over_time({wrong}[1h]) * {scale!r}" if wrong and judged else ""


def wrong(name: str) -> str:
    """Return the expression of what is wrong now in the sense of an alert; empty if its rule records no such thing."""
    series = _wrong(name)
    return f"last_over_time({series}[35s])" if series else ""


def _wrong(name: str) -> str:
    about = TROUBLES.get(name) or PROBLEMS.get(name) or FAULTS.get(name)
    return about.wrong if about else ""


def age(name: str, labels: Labels) -> str:
    """Return the expression of the seconds since a scrape brought what an alert judges; empty if nothing is scraped."""
    node, cluster, probe = (quote(labels.get(label, "")) for label in ("node", "cluster", "probe"))
    if name == "CpuHot" and labels.get("chip"):
        return f"time() - last_over_time(hune:cpu_seen_seconds{{node={node},chip={quote(labels['chip'])}}}[3s])"
    if labels.get("cluster"):
        return _since(f'up{{job="pve-hune",cluster={cluster}}}', "15s")
    if labels.get("probe"):
        return f'time() - max(timestamp(probe_success{{job="probe",probe={probe}}}))'
    if name in FAULTS:
        return _since(f"up{{job={quote(FAULTS[name].source or labels.get('service', ''))}}}", "15s")
    if not labels.get("node"):
        return ""
    if name in TROUBLES or name == "LinkErrors":
        return _since(f'up{{job="node",node={node}}}', "5s")
    return f"time() - max(last_over_time(hune:exporter_seen_seconds{{node={node}}}[3s]))"


def _since(up: str, step: str) -> str:
    return f"time() - max(max_over_time((timestamp({up}) and {up} == 1)[30m:{step}]))"


def reads(name: str, labels: Labels) -> Mapping[str, str]:
    """Return the collectors that must have read everything, and the expression that tells that each did."""
    if name in TROUBLES:
        collector, node = TROUBLES[name].collector, quote(labels.get("node", ""))
        return {collector: f"last_over_time(hune:machine_read{{node={node},collector={quote(collector)}}}[35s])"}
    if name in PROBLEMS:
        cluster = quote(labels.get("cluster", ""))
        return {
            "Proxmox VE" if collector == SCRAPE else collector: (
                f"last_over_time(hune:pve_read{{cluster={cluster},collector={quote(collector)}}}[35s])"
            )
            for collector in PROBLEMS[name].collectors
        }
    if name in FAULTS and name != "ServiceDown":
        service = FAULTS[name].source or labels.get("service", "")
        return {service: f"last_over_time(hune:own_read{{service={quote(service)}}}[35s])"}
    return {}


def reasons(name: str) -> Mapping[str, str]:
    """Return why the rule may leave a thing out: key of the words → expression that has a sample while that is so."""
    return _REASONS.get("GuestUnprotected" if name == "BackupLate" else name, {})


def of(expression: str, labels: Labels) -> str:
    """Return an expression restricted to the series that have these labels."""
    if not labels:
        return expression
    asked = "vector(1)"
    for label, text in labels.items():
        asked = f'label_replace({asked}, {quote(label)}, {quote(text.replace("$", "$$"))}, "", "")'
    return f"({expression}) and on ({', '.join(labels)}) {asked}"


def limit(site: Site, name: str, labels: Labels) -> Limit | None:
    """Return the limit that applies, None where none does, or the thing isn't part of the site."""
    judged = _judged(name)
    if judged is None:
        return None
    if judged.fixed is not None:
        return Limit(judged.fixed, judged.sign, judged.unit, "fixed")
    if "probe" in labels or "heartbeat" in labels:
        applied = _of_thing(site, labels, judged.key)
        return None if applied is None else Limit(applied, judged.sign, judged.unit, "thing")
    node = next((one for one in site.nodes if one.name == labels.get("node")), None)
    if name in PROBLEMS:
        cluster = next((one for one in site.proxmox if one.name == labels.get("cluster")), None)
        return _of_cluster(site, cluster, judged) if cluster else None
    if node is None:
        return None
    if name == "LinkSlow":
        link = next((one for one in node.links if one.device == labels.get("device")), None)
        return Limit(link.speed / 1e9, "<", "Gbit/s", "link") if link and link.speed else None
    return _of_chip(site, node, labels.get("chip", "")) if name == "CpuHot" else _of_node(site, node, judged)


def _of_thing(site: Site, labels: Labels, key: str) -> float | None:
    """Return what the site file says of a probe, or of who must report."""
    probe = next((one for one in site.probes if one.name == labels.get("probe")), None)
    expected = next((one for one in site.expects if one.name == labels.get("heartbeat")), None)
    return None if probe is None and expected is None else float(getattr(probe or expected, key))


def _of_node(site: Site, node: Node, judged: _Judged) -> Limit:
    origin = origin_of(site, node, judged.key)
    place = {"node": node.name, "group": node.group or ""}.get(origin, "")
    applied = float(getattr(site.thresholds_of(node), judged.key))
    return Limit(applied * judged.scale, judged.sign, judged.unit, origin, place)


def _of_chip(site: Site, node: Node, chip: str) -> Limit:
    limits = site.thresholds_of(node)
    if chip in limits.chips and origin_of_chip(site, node, chip):
        applied = limits.chips[chip]
        return Limit(applied.limit, ">", "°C", "chip", chip, applied.clear)
    origin = origin_of(site, node, "cpu_celsius")
    place = {"node": node.name, "group": node.group or ""}.get(origin, "")
    return Limit(limits.cpu_celsius.limit, ">", "°C", origin, place, limits.cpu_celsius.clear)


def _of_cluster(site: Site, cluster: ProxmoxCluster, judged: _Judged) -> Limit:
    origin = origin_of_cluster(site, cluster, judged.key)
    applied = float(getattr(site.limits_of(cluster), judged.key))
    return Limit(applied * judged.scale, judged.sign, judged.unit, origin, cluster.name if origin == "cluster" else "")
