"""Every 15 seconds: what a node exporter says about the health of its machine.

Series are read bare, so that stale markers count (what was unmounted must not linger), but only while the scrape they
came with is young: see `hune:machine_read`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from hune.alerting.catalogue import firing
from hune.alerting.catalogue.machine import TROUBLES
from hune.alerting.promql import NOW, last_said, one_of
from hune.alerting.rules.held import alert, looked_up, remembered
from hune.alerting.rules.model import Group, Rule
from hune.site.models import Site

_MOST = 20
"""So many of one kind are told of a node, the worst first; one that invents more would drown all others."""

_NO_STORE = "tmpfs|ramfs|devtmpfs|squashfs|overlay|iso9660|udf|autofs|rootfs|fuse.*|zfs"
"""File systems that are full by nature, or share the room of others; pools of ZFS are judged as a whole."""

_HYSTERESIS = 0.02

BACKING_UP = (
    'label_replace(group by (node) (max_over_time(hune_pve_tasks_running{job="pve-hune",type="vzdump"}[6m])'
    f""" and on (cluster, node) {NOW.constant("hune:site_pve_node")}), "resource", "disks", "", "")"""
)
"""The disks of nodes that make backups, or did within the time that is looked back at."""


def machine(site: Site) -> Group:
    """Return the group of the site's machines."""
    rules = [_reads(), *_filesystems(site), *_memory(site), *_units(site), *_disks(site), *_clock(site)]
    return Group("hune-machine", "15s", tuple(rules))


def _said(metric: str, where: str = "") -> str:
    return f'node_{metric}{{job="node"{where}}}'


def _named(expr: str, label: str, source: str, pattern: str = "(.+)") -> str:
    """Return an expression by node and `label`, which is made of the label `source` of the exporter."""
    # Without labels of the exporter's own: two series that become one would be an error of the rule, for all nodes.
    return f'label_replace(max by (node, lab, {source}) ({expr}), "{label}", "$1", "{source}", "{pattern}")'


def _was_read(collector: str) -> str:
    return NOW.live("hune:machine_read", collector=collector)


def _reads() -> Rule:
    collectors = one_of(sorted({trouble.collector for trouble in TROUBLES.values()}))
    told = _said("scrape_collector_success", f",collector=~{collectors}")
    return Rule(
        f"group by (node, lab, collector) ({told} == 1 and timestamp({told}) > time() - 40)\n"
        f"and on (node) {last_said('hune:site_node')}",
        record="hune:machine_read",
    )


def _trouble(
    site: Site,
    name: str,
    wrong: str,
    *,
    fires: Callable[[str], str] | None = None,
    wait: str = "",
    **fragments: str,
) -> Iterable[Rule]:
    """Return the rules of one kind of alert.

    `wrong` has a sample for each subject that is measured and not over; `fires` restricts it to what begins an alert.
    """
    about = TROUBLES[name]
    labels, on = ", ".join((*about.identity, "lab")), f"on ({', '.join(about.identity)})"
    read, now, past = _was_read(about.collector), NOW.live(about.wrong), firing(name)
    yield Rule(f"max by ({labels}) (\n  {_indent(wrong)}\n)\nand on (node) {read}", record=about.wrong)
    worst = f"topk by (node) ({_MOST}, {fires(now) if fires else now})"
    begins = f"{worst} unless on (node) (count by (node) ({past}) >= {_MOST})"
    yield alert(
        site,
        name,
        f"group by ({labels}) (\n  {begins}\n  or {on} {past} and {on} {now}\n"
        f"  or {on} ({past} unless on (node) {read})\n)\nand on (node) {last_said('hune:site_node')}",
        wait=wait,
        **fragments,
    )


def _value(name: str, times: str = "", form: str = "%.0f") -> str:
    return remembered(TROUBLES[name].wrong, *TROUBLES[name].identity, times=times, form=form)


def _over_limit(
    site: Site,
    name: str,
    ratio: str,
    limit: str,
    *,
    margin: str = f" - {_HYSTERESIS}",
    sign: str = ">",
    unless: str = "",
    wait: str = "",
) -> Iterable[Rule]:
    """Return the rules of an alert on a share of something; it ends a margin past its limit."""
    constant = NOW.constant(f"hune:site_{limit}")
    yield from _trouble(
        site,
        name,
        f"{ratio} {sign} on (node) group_left () ({constant}{margin})",
        fires=lambda wrong: f"({wrong} {sign} on (node) group_left () {constant}{unless})",
        wait=wait,
        measures=ratio,
        value=_value(name, " * 100"),
        threshold=looked_up(f"hune:site_{limit}", "node", times=" * 100"),
    )


def _filesystems(site: Site) -> Iterable[Rule]:
    # The simulated machines of the lab have those of this host, which speaks for itself.
    kept = f',lab!="true",fstype!~"{_NO_STORE}"'
    size, free, left, fixed = (
        _said(f"filesystem_{what}", kept) for what in ("size_bytes", "free_bytes", "avail_bytes", "readonly")
    )
    # As `df` counts: what is kept for root is not to be had.
    used = f"({size} - {free})"
    plain = _named(f"{used} / ({used} + {left}) unless {fixed} == 1", "filesystem", "mountpoint")
    pool = ',lab!="true",fstype="zfs"'
    taken, room = (
        _named(expr, "filesystem", "device", "([^/]+).*")
        for expr in (
            f"{_said('filesystem_size_bytes', pool)} - {_said('filesystem_avail_bytes', pool)}",
            _said("filesystem_avail_bytes", pool),
        )
    )
    by = "by (node, lab, filesystem)"
    pools = f"sum {by} ({taken}) / (sum {by} ({taken}) + max {by} ({room}))"
    yield Rule(
        f"max {by} (\n  {plain}\n)\n"
        # The data sets of a pool share its room. Proxmox tells of its own storages.
        f"or {pools}{_unless_of_cluster(site)}",
        record="hune:filesystem_used_ratio",
    )
    ratio = NOW.live("hune:filesystem_used_ratio")
    yield from _over_limit(site, "FilesystemFilling", ratio, "filesystem_warning_ratio")
    yield from _over_limit(site, "FilesystemFull", ratio, "filesystem_critical_ratio")
    inodes = f"1 - {_said('filesystem_files_free', kept)} / ({_said('filesystem_files', kept)} > 0)"
    yield from _over_limit(site, "InodesShort", _named(inodes, "filesystem", "mountpoint"), "inodes_ratio")
    # Some are meant to be: what was writable within the last hour is not.
    writable = _named(f"min_over_time({fixed}[1h:5m])", "filesystem", "mountpoint")
    yield from _trouble(
        site,
        "FilesystemReadOnly",
        _named(f"{fixed} == 1", "filesystem", "mountpoint"),
        fires=lambda wrong: f"({wrong} and on (node, filesystem) {writable} == 0)",
        measures=_named(fixed, "filesystem", "mountpoint"),
    )


def _unless_of_cluster(site: Site) -> str:
    return f" unless on (node) {NOW.constant('hune:site_pve_node')}" if site.asked_clusters else ""


def _memory(site: Site) -> Iterable[Rule]:
    left = _said("memory_MemAvailable_bytes")
    # The cache of ZFS gives way, and the kernel doesn't count it as available.
    cache = f"clamp_min({_said('zfs_arc_size')} - {_said('zfs_arc_c_min')}, 0)"
    yield from _over_limit(
        site,
        "MemoryShort",
        f"({left} + {cache} or {left}) / {_said('memory_MemTotal_bytes')}",
        "memory_available_ratio",
        margin=f" + {_HYSTERESIS}",
        sign="<",
        wait="1m",
    )
    killed = f"increase({_said('vmstat_oom_kill')}[15m])"
    yield from _trouble(site, "OutOfMemory", f"{killed} > 0", measures=killed, value=_value("OutOfMemory"))
    stalled = "\nor ".join(
        f"label_replace(max by (node, lab) (rate({_said(f'pressure_{what}_stalled_seconds_total')}[5m])),"
        f' "resource", "{name}", "", "")'
        for what, name in (("memory", "memory"), ("io", "disks"))
    )
    yield from _over_limit(
        site,
        "PressureHigh",
        f"({stalled})",
        "pressure_ratio",
        margin=" * 0.8",
        unless=f" unless on (node, resource) {BACKING_UP}" if site.asked_clusters else "",
        wait="1m",
    )


def _units(site: Site) -> Iterable[Rule]:
    failed = _said("systemd_unit_state", ',state="failed"')
    yield from _trouble(
        site,
        "UnitFailed",
        _named(f"{failed} == 1", "unit", "name"),
        wait="1m",
        measures=_named(failed, "unit", "name"),
    )


def _disks(site: Site) -> Iterable[Rule]:
    failed, active = (_said("md_disks", f',state="{state}"') for state in ("failed", "active"))
    missing = f"{_said('md_disks_required')} - ignoring (state) {active}"
    yield from _trouble(
        site,
        "RaidDegraded",
        f"{_named(f'{missing} > 0', 'array', 'device')}\nor {_named(f'{failed} > 0', 'array', 'device')}",
        measures=_named(missing, "array", "device"),
        value=_value("RaidDegraded"),
    )
    state = _said("zfs_zpool_state", ',state!="online"')
    yield from _trouble(
        site,
        "PoolDegraded",
        f"{_named(f'{state} == 1', 'pool', 'zpool')}{_unless_of_cluster(site)}",
    )
    healthy = 'smartmon_device_smart_healthy{job="node"}'
    yield from _trouble(site, "SmartFailing", f"{healthy} == 0", measures=healthy)
    slaves, up = _said("bonding_slaves"), _said("bonding_active")
    yield from _trouble(
        site,
        "BondDegraded",
        _named(f"{slaves} - {up} > 0", "bond", "master"),
        measures=_named(f"{slaves} - {up}", "bond", "master"),
        value=_value("BondDegraded"),
    )


def _clock(site: Site) -> Iterable[Rule]:
    told = _said("time_seconds")
    # It is read some time within the scrape.
    took = 'max by (node) (scrape_duration_seconds{job="node"})'
    off = f"abs({told} - timestamp({told})) - on (node) group_left () {took}"
    limit = NOW.constant("hune:site_clock_offset_seconds")
    yield from _trouble(
        site,
        "ClockWrong",
        f"{off} > on (node) group_left () {limit}",
        wait="1m",
        measures=off,
        value=_value("ClockWrong", form="%.1f"),
        threshold=looked_up("hune:site_clock_offset_seconds", "node"),
    )
    # Where nothing ever set the clock nobody misses it.
    synced = _said("timex_sync_status")
    yield from _trouble(
        site,
        "ClockUnsynchronised",
        f"{synced} == 0",
        fires=lambda wrong: f"({wrong} and on (node) max_over_time({synced}[1d:1h]) == 1)",
        wait="10m",
        measures=synced,
    )


def _indent(text: str) -> str:
    return text.replace("\n", "\n  ")
