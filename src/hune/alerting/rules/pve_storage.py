"""Alerts about what runs full, wears out or expires: storages, ZFS, disks, Ceph, certificates."""

from __future__ import annotations

from collections.abc import Iterable

from hune.alerting.catalogue import firing
from hune.alerting.promql import NOW
from hune.alerting.rules.held import looked_up
from hune.alerting.rules.model import Rule
from hune.alerting.rules.pve_held import BOOTING, CHECKS, LATELY_OFFLINE, OFFLINE, PLACE, problem, value_of
from hune.site.models import Site

_HYSTERESIS = 0.02
_AS_FILESYSTEM = {
    "StorageFilling": ("warning", "FilesystemFilling"),
    "StorageFull": ("critical", "FilesystemFull"),
}
"""Alerts on storages: the severity that their limit is named after, and the same alert on a file system."""


def storage(site: Site) -> Iterable[Rule]:
    """Return the rules about storages."""
    return [*_storages(site), *_zfs(site), *_disks(site), *_ceph(site), *_certificates(site)]


def _ours(series: str, where: str = "") -> str:
    return f'hune_pve_{series}{{job="pve-hune"{where}}}'


def _over_limit(
    site: Site, name: str, ratio: str, limit: str, *, seen: str, unless: str = "", wait: str = "", **fragments: str
) -> Iterable[Rule]:
    """Return the rules of an alert on a share in use, which ends somewhat below its limit."""
    constant = NOW.constant(f"hune:site_pve_{limit}")
    yield from problem(
        site,
        name,
        f"{ratio} > on (cluster) group_left () ({constant} - {_HYSTERESIS})",
        fires=lambda wrong: f"({wrong} > on (cluster) group_left () {constant}{unless})",
        seen=seen,
        wait=wait,
        measures=ratio,
        value=value_of(name, times=" * 100"),
        threshold=looked_up(f"hune:site_pve_{limit}", "cluster", times=" * 100"),
        **fragments,
    )


def _storages(site: Site) -> Iterable[Rule]:
    ratio, shared = f"{_ours('storage_used_bytes')} / {_ours('storage_size_bytes')}", _ours("storage_shared")
    # What all nodes share is told once, not by each of them.
    yield Rule(
        f"max by (cluster, lab, storage) ({ratio} and {shared} == 1)\n"
        f"or max by (cluster, lab, node, storage) ({ratio} and {shared} == 0)",
        record="hune:pve_storage_used_ratio",
    )
    yield Rule(_on_filesystems(), record="hune:pve_storage_on_filesystem")
    used = NOW.live("hune:pve_storage_used_ratio")
    for name, (kind, _) in _AS_FILESYSTEM.items():
        told = f"\n  unless on (cluster, node, storage) (\n    {told_as_filesystem(name)}\n  )"
        yield from _over_limit(site, name, used, f"storage_{kind}_ratio", seen=used, unless=told, place=PLACE)
    yield from problem(
        site,
        "StorageOffline",
        f"{_ours('storage_active')} == 0",
        fires=lambda wrong: f"({wrong} unless on (cluster, node) ({BOOTING}))",
        seen=f"{_ours('storage_active')} == 1",
        measures=_ours("storage_active"),
        wait="1m",
    )


def _on_filesystems() -> str:
    """Return the storages that are directories on a file system of their node, recognized by place and exact size."""
    size = f"max by (cluster, node, storage) ({_ours('storage_size_bytes')} and {_ours('storage_shared')} == 0)"

    def mounted(where: str) -> str:
        return f'node_filesystem_size_bytes{{job="node",lab!="true",fstype!="zfs",mountpoint{where}}}'

    root = f"""(max by (node) ({mounted('="/var/lib/vz"')}) or max by (node) ({mounted('="/"')}))"""
    own = f"""max by (node, mountpoint) ({mounted('=~"/mnt/pve/[^/]+"')})"""
    named = f'max by (node, storage) (label_replace({own}, "storage", "$1", "mountpoint", "/mnt/pve/(.+)"))'
    lies = f"{size} == on (node) group_left () {root}\n  or {size} == on (node, storage) group_left () {named}"
    return f"group by (cluster, node, storage) (\n  {lies}\n)"


def told_as_filesystem(name: str) -> str:
    """Return the expression of the storages that an alert leaves out: their file systems tell of themselves, no later.

    The file system is what people can mend, and whatever else lies on it fails with it.
    """
    kind, alertname = _AS_FILESYSTEM[name]
    limit = NOW.constant(f"hune:site_pve_storage_{kind}_ratio")
    lies = "max_over_time(hune:pve_storage_on_filesystem[1d])"
    watched = f'last_over_time(hune:machine_read{{collector="filesystem"}}[35s]) or on (node) {firing(alertname)}'
    of_node = NOW.constant(f"hune:site_filesystem_{kind}_ratio")
    earlier = f"{lies} * on (node) group_left () {of_node} <= on (cluster) group_left () {limit}"
    return f"{earlier}\n    and on (node) ({watched})"


def _zfs(site: Site) -> Iterable[Rule]:
    state = (
        '{{ with printf `hune_pve_zfs_pool_state{job="pve-hune",cluster=%q,node=%q,pool=%q}`'
        " $labels.cluster $labels.node $labels.pool | query }}{{ . | first | label `state` }}{{ end }}"
    )
    healthy = _ours("zfs_pool_healthy")
    yield from problem(site, "ZfsPoolDegraded", f"{healthy} == 0", seen=healthy, measures=healthy, state=state)
    errors = _ours("zfs_pool_errors")
    yield from problem(
        site,
        "ZfsPoolErrors",
        f"sum by (cluster, lab, node, pool) ({errors}) > 0\nor {_ours('zfs_pool_data_errors')} > 0",
        seen=errors,
        measures=f"sum by (cluster, lab, node, pool) ({errors})",
        value=value_of("ZfsPoolErrors", form="%.0f"),
    )


def _disks(site: Site) -> Iterable[Rule]:
    model = (
        '{{ with printf `last_over_time(hune_pve_disk_info{job="pve-hune",cluster=%q,node=%q,device=%q}[1h])`'
        " $labels.cluster $labels.node $labels.device | query }}"
        "{{ . | first | label `model` }}, {{ . | first | label `serial` }}{{ end }}"
    )
    healthy = _ours("disk_healthy")
    warned = _ours("disk_errors", ',kind="critical_warning"')
    yield from problem(
        site,
        "DiskFailing",
        f"1 - {healthy} == 1\nor {_ours('disk_attribute_failing')} == 1\nor {warned} > 0",
        seen=healthy,
        measures=healthy,
        model=model,
    )
    wear = _ours("disk_wear_ratio")
    limit = NOW.constant("hune:site_pve_disk_wear_ratio")
    yield from problem(
        site,
        "DiskWorn",
        f"{wear} >= on (cluster) group_left () {limit}",
        seen=wear,
        measures=wear,
        model=model,
        value=value_of("DiskWorn", times=" * 100", form="%.0f"),
        threshold=looked_up("hune:site_pve_disk_wear_ratio", "cluster", times=" * 100"),
    )


def _ceph(site: Site) -> Iterable[Rule]:
    status = _ours("ceph_health_status")
    yield from problem(site, "CephFailing", f"{status} == 2", seen=status, measures=status, checks=CHECKS)
    yield from problem(
        site,
        "CephWarning",
        f"{status} == 1",
        # Ceph always complains of a node that is down; that was told already.
        fires=lambda wrong: f"({wrong} unless on (cluster) ({LATELY_OFFLINE}))",
        seen=status,
        wait="1m",
        measures=status,
        checks=CHECKS,
    )
    up = _ours("ceph_osd_up")
    yield from problem(
        site,
        "CephOsdDown",
        f"{up} == 0",
        fires=lambda wrong: f"({wrong} unless on (cluster, node) ({OFFLINE}))",
        seen=up,
        measures=up,
        wait="1m",
    )
    raw = f"{_ours('ceph_used_bytes')} / {_ours('ceph_size_bytes')}"
    used = f"(\n  max by (cluster, lab) ({raw})\n  or max by (cluster, lab, pool) ({_ours('ceph_pool_used_ratio')})\n)"
    pool = "{{ with $labels.pool }} ({{ . }}){{ end }}"
    yield from _over_limit(site, "CephFilling", used, "ceph_used_ratio", seen=used, wait="1m", what=pool)


def _certificates(site: Site) -> Iterable[Rule]:
    left = f"({_ours('certificate_expiry_timestamp_seconds')} - time()) / 86400"
    yield from problem(
        site,
        "CertificateExpiring",
        f"{left} < on (cluster) group_left () {NOW.constant('hune:site_pve_certificate_days')}",
        measures=left,
        value=value_of("CertificateExpiring", form="%.0f"),
        threshold=looked_up("hune:site_pve_certificate_days", "cluster"),
    )
