"""The PromQL that the pages ask about Proxmox clusters.

A cluster is asked as of the moment when its exporter last gave an answer: while it does, that is seconds ago, and of an
API that has died it is what it last said, with its age. Series are aggregated by the labels that are known here, so
that labels of anybody's own never make two of one.
"""

from __future__ import annotations

# The version takes no privilege to read, and nodes none but one: whatever the account lacks, one of them is there.
_STATUS = '{__name__=~"pve_up|pve_version_info",job="pve",id=~"(node/.+)?"}'
_READ = 'up{job="pve-hune"}'

SEEN_LABEL = "seen"

_SCRAPE = "[10s]"
"""Just the scrape that is asked about: without a stale marker, as after a restart, a last sample shows for minutes."""


def _seen(name: str, expression: str) -> str:
    return f'label_replace(max by (cluster) ({expression}), "{SEEN_LABEL}", "{name}", "", "")'


def _read(name: str, expression: str) -> str:
    return f'label_replace({expression}, "read", "{name}", "", "")'


SEEN = " or ".join(
    [_seen("status", f"timestamp({_STATUS})"), _seen("details", f"timestamp({_READ}) and {_READ} == 1")],
)
"""When each cluster last answered, `status` by upstream's series and `details` by Hune's, if it does now."""

SEEN_BEFORE = " or ".join(
    [
        _seen("status", f"max_over_time(timestamp({_STATUS})[24h:1m])"),
        _seen("details", f"max_over_time((timestamp({_READ}) and {_READ} == 1)[24h:1m])"),
    ]
)
"""The same, as far back as a day: asked only about clusters that don't answer."""

LOAD = " or ".join(
    [
        _read("calls", '60 * sum by (cluster) (rate(hune_pve_api_calls_total{job="pve-exporter"}[2m]))'),
        _read("seconds", 'sum by (cluster) (rate(hune_pve_api_seconds_total{job="pve-exporter"}[2m]))'),
        _read("budget", 'max by (cluster) (hune_pve_api_budget_calls_per_minute{job="pve-exporter"})'),
    ]
)
"""What asking costs Proxmox; told by the exporter itself, so it is of now even while the API is silent."""


def status_of(cluster: str) -> str:
    """Return the expression that counts nodes and guests of a cluster; names of clusters hold no quotes."""
    of = f'job="pve",cluster="{cluster}"'
    nodes = f'max by (id) (last_over_time(pve_up{{{of},id=~"node/.+"}}{_SCRAPE}))'
    off = f'max by (node) (label_replace({nodes} == 0, "node", "$1", "id", "node/(.+)"))'
    guests = (
        f'(max by (id, node) (last_over_time(pve_guest_info{{{of},template!="1"}}{_SCRAPE}))'
        f' * on (id) group_left () max by (id) (last_over_time(pve_up{{{of},id=~"(qemu|lxc)/.+"}}{_SCRAPE})))'
    )
    return " or ".join(
        [
            _read("nodes", f"count({nodes})"),
            _read("nodes_up", f"count({nodes} == 1)"),
            _read("quorate", f'max(last_over_time(pve_up{{{of},id=~"cluster/.+"}}{_SCRAPE}))'),
            _read("running", f"count({guests} == 1)"),
            _read("stopped", f"count(({guests} == 0) unless on (node) {off})"),
            _read("unseen", f"count(({guests} == 0) and on (node) {off})"),
        ]
    )


def health_of(cluster: str) -> str:
    """Return the expression that sums up what Hune's own collectors say of a cluster."""
    of = f'job="pve-hune",cluster="{cluster}"'

    def told(name: str, matchers: str = "") -> str:
        return f"last_over_time({name}{{{of}{matchers}}}{_SCRAPE})"

    verdicts = told("hune_guest_protection", ',aspect="verdict"')
    judged = told("hune_guest_protection", ',aspect="verdict",state=~"protected|unprotected|unknown"')
    return " or ".join(
        [
            _read("quorate", f"max({told('hune_pve_quorum_quorate')})"),
            _read("votes", f"max({told('hune_pve_quorum_votes')})"),
            _read("votes_needed", f"max({told('hune_pve_quorum_votes_needed')})"),
            _read("online", f"max by (node) ({told('hune_pve_node_online')})"),
            _read("master", f"max by (node) ({told('hune_pve_ha_master')} == 1)"),
            _read("fencing", f"max by (node) ({told('hune_pve_ha_fencing')} == 1)"),
            _read("services", f"count(count by (id) ({told('hune_pve_ha_service_state')}))"),
            _read("ceph_health", f"max({told('hune_pve_ceph_health_status')})"),
            _read("ceph_size", f"max({told('hune_pve_ceph_size_bytes')})"),
            _read("ceph_used", f"max({told('hune_pve_ceph_used_bytes')})"),
            _read(
                "verdict",
                f"count by (state) (max by (id, state) ({verdicts} == 1))",
            ),
            _read(
                "oldest_backup",
                f"min(max by (id) ({told('hune_pve_guest_backup_last_timestamp_seconds')})"
                f" and on (id) max by (id) ({judged} == 1))",
            ),
            _read("collector", f"min by (collector) ({told('pve_collector_success')})"),
        ]
    )


_STATUS_NAMES = (
    "up",
    "guest_info",
    "cpu_usage_ratio",
    "cpu_usage_limit",
    "memory_usage_bytes",
    "memory_size_bytes",
    "disk_usage_bytes",
    "disk_size_bytes",
    "uptime_seconds",
    "ha_state",
    "lock_state",
)
_STATUS_LABELS = ("id", "node", "name", "type", "template", "tags", "state")

_DETAIL_NAMES = (
    "hune_guest_protection_reason",
    "hune_pve_guest_backup_last_timestamp_seconds",
    "hune_pve_guest_busy",
    "hune_pve_collector_problems",
    "pve_collector_success",
    (
        "hune_pve_node_(online|load1|cpu_ratio|memory_size_bytes|memory_used_bytes|rootfs_size_bytes|rootfs_used_bytes"
        "|uptime_seconds|version_info)"
    ),
    "hune_pve_ha_(node_state|service_state|lrm_state|armed)",
    "hune_pve_storage_(info|enabled|active|shared|size_bytes|used_bytes)",
    (
        "hune_pve_ceph_(health_check|osd_(up|in|size_bytes|used_bytes|commit_latency_seconds)"
        "|pool_(info|used_bytes|used_ratio|replicas)|flag|degraded_objects|misplaced_objects|unfound_objects"
        "|recovery_bytes_per_second|mon_in_quorum)"
    ),
    "hune_pve_zfs_(pool_(state|healthy|size_bytes|allocated_bytes|fragmentation_ratio|errors|data_errors)|scan_running)",
    "hune_pve_disk_(info|size_bytes|healthy|wear_ratio|temperature_celsius|smart_asked|errors)",
    (
        "hune_pve_replication_(enabled|failures|last_sync_timestamp_seconds|next_sync_timestamp_seconds"
        "|duration_seconds|error_info)"
    ),
    "hune_pve_backup_job_(info|enabled|next_run_timestamp_seconds|guests)",
    "hune_pve_backup_storage_listed",
    "hune_pve_(tasks_failed|task_last_failure_timestamp_seconds)",
    "hune_pve_certificate_expiry_timestamp_seconds",
    "hune_pve_subscription_(info|next_due_timestamp_seconds)",
    "hune_pve_updates_(pending|security_pending)",
    "hune_pve_service_(running|enabled)",
)
_DETAIL_LABELS = (
    *("id", "node", "storage", "pool", "device", "osd", "class", "state", "requested", "mode", "reason", "about"),
    *("collector", "kind", "privilege", "acl_path", "service", "status", "level", "product", "version", "file"),
    *("type", "target", "replication_job", "backup_job", "schedule", "comment", "error", "scan", "check", "severity"),
    *("muted", "mon", "flag", "model", "content", "used"),
)

_GUEST_NAMES = (
    "hune_guest_protection",
    "hune_guest_protection_reason",
    (
        "hune_pve_guest_(backup_last_timestamp_seconds|backup_last_verified|backup_last_size_bytes|backups|busy"
        "|config_info|filesystem_size_bytes|filesystem_used_bytes|agent_responding|cores|memory_configured_bytes"
        "|disk_size_bytes|nic_info)"
    ),
    "hune_pve_replication_(failures|last_sync_timestamp_seconds|error_info)",
    "hune_pve_ha_service_state",
)
_GUEST_LABELS = (
    *("id", "node", "aspect", "state", "requested", "reason", "about", "storage", "mountpoint", "type", "ostype"),
    *("agent", "onboot", "protection", "disk", "backup", "nic", "bridge", "vlan", "target", "error", "replication_job"),
)


def _all(names: tuple[str, ...], labels: tuple[str, ...], matchers: str) -> str:
    told = f'last_over_time({{__name__=~"{"|".join(names)}",{matchers}}}{_SCRAPE})'
    return f"max by (__name__, {', '.join(labels)}) ({told})"


def all_status_of(cluster: str) -> str:
    """Return the expression that has everything upstream's series say of a cluster's nodes and guests."""
    return _all((f"pve_({'|'.join(_STATUS_NAMES)})",), _STATUS_LABELS, f'job="pve",cluster="{cluster}"')


def all_details_of(cluster: str) -> str:
    """Return the expression that has everything of the cluster's page that Hune's own collectors know."""
    of = f'job="pve-hune",cluster="{cluster}"'
    verdicts = _all(("hune_guest_protection",), ("id", "aspect", "state"), f'aspect="verdict",{of}')
    return f"{_all(_DETAIL_NAMES, _DETAIL_LABELS, of)} or {verdicts}"


def guests_of(cluster: str) -> str:
    """Return the expression that names a cluster's guests: what the search finds."""
    return f'max by (id, node, name) (last_over_time(pve_guest_info{{job="pve",cluster="{cluster}"}}{_SCRAPE}))'


def all_of_guest(cluster: str, guest: str) -> str:
    """Return the expression that has what only a guest's own page shows (`qemu/101`)."""
    return _all(_GUEST_NAMES, _GUEST_LABELS, f'job="pve-hune",cluster="{cluster}",id="{guest}"')
