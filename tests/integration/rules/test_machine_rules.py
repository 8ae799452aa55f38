"""What is wrong with machines, as promtool evaluates it: each alert fires, stays silent, and ends by measurement."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from hune.alerting.catalogue.machine import TROUBLES
from hune.site.models import Site
from support.promtool import World, firing, make_site, message, run, samples
from support.pve_world import make_pve_site

Value = float | None
EVERY = 15
GIB = 2.0**30


def machine(name: str, told: Mapping[str, Mapping[int, Value]], *, seconds: int, silent: range = range(0)) -> World:
    """Return a world of one machine whose exporter says `told`, and nothing while it is `silent`."""
    target = f'job="node",instance="{name}:9100",node="{name}"'
    world = World(seconds)
    facts: dict[str, Mapping[int, Value]] = {
        f'node_scrape_collector_success{{collector="{collector}"}}': {0: 1.0}
        for collector in {trouble.collector for trouble in TROUBLES.values()}
    }
    for series, values in (facts | dict(told)).items():
        metric, _, labels = series.rstrip("}").partition("{")
        ends: dict[int, Value] = {}
        if silent:
            last = max(second for second in values if second < silent.stop)
            ends = {silent.start: None, silent.stop: values[last]}
        world.put(f"{metric}{{{target}{',' if labels else ''}{labels}}}", dict(values) | ends)
    return world


def filesystem(
    mountpoint: str, used: Mapping[int, float], *, fstype: str = "ext4", device: str = "/dev/sda1"
) -> dict[str, Mapping[int, Value]]:
    labels = f'{{mountpoint="{mountpoint}",fstype="{fstype}",device="{device}"}}'
    left = {second: GIB * (1 - ratio) for second, ratio in used.items()}
    return {
        f"node_filesystem_size_bytes{labels}": {0: GIB},
        f"node_filesystem_free_bytes{labels}": left,
        f"node_filesystem_avail_bytes{labels}": left,
        f"node_filesystem_readonly{labels}": {0: 0.0},
    }


def alert(name: str, **labels: str) -> dict[str, str]:
    return {"node": "pve-01", "severity": TROUBLES[name].severity, **labels}


ROOT = {"filesystem": "/"}
INODES = '{mountpoint="/",fstype="ext4",device="/dev/sda1"}'
POOL = '{{zpool="tank",state="{}"}}'.format
MD = '{{device="md0",state="{}"}}'.format

# name → labels of the alert, and what the exporter says: well, wrong from 300 s on, well again from 900 s on.
CASES: Mapping[str, tuple[Mapping[str, str], Mapping[str, Mapping[int, Value]]]] = {
    "FilesystemFilling": (ROOT, filesystem("/", {0: 0.84, 300: 0.86, 900: 0.82})),
    "FilesystemFull": (ROOT, filesystem("/", {0: 0.94, 300: 0.96, 900: 0.92})),
    "FilesystemReadOnly": (
        ROOT,
        filesystem("/", {0: 0.5}) | {f"node_filesystem_readonly{INODES}": {0: 0.0, 300: 1.0, 900: 0.0}},
    ),
    "InodesShort": (
        ROOT,
        {
            f"node_filesystem_files{INODES}": {0: 1000.0},
            f"node_filesystem_files_free{INODES}": {0: 110.0, 300: 90.0, 900: 130.0},
        },
    ),
    "MemoryShort": (
        {},
        {
            "node_memory_MemTotal_bytes": {0: 100.0},
            "node_memory_MemAvailable_bytes": {0: 6.0, 300: 4.0, 900: 8.0},
        },
    ),
    "OutOfMemory": ({}, {"node_vmstat_oom_kill": {0: 7.0, 300: 8.0}}),
    "UnitFailed": (
        {"unit": "backup.service"},
        {'node_systemd_unit_state{name="backup.service",state="failed",type="simple"}': {0: 0.0, 300: 1.0, 900: 0.0}},
    ),
    "RaidDegraded": (
        {"array": "md0"},
        {
            'node_md_disks_required{device="md0"}': {0: 2.0},
            f"node_md_disks{MD('active')}": {0: 2.0, 300: 1.0, 900: 2.0},
            f"node_md_disks{MD('failed')}": {0: 0.0, 300: 1.0, 900: 0.0},
        },
    ),
    "PoolDegraded": (
        {"pool": "tank"},
        {
            f"node_zfs_zpool_state{POOL('online')}": {0: 1.0, 300: 0.0, 900: 1.0},
            f"node_zfs_zpool_state{POOL('degraded')}": {0: 0.0, 300: 1.0, 900: 0.0},
        },
    ),
    "SmartFailing": ({"disk": "/dev/sda"}, {'smartmon_device_smart_healthy{disk="/dev/sda"}': {0: 1, 300: 0, 900: 1}}),
    "BondDegraded": (
        {"bond": "bond0"},
        {
            'node_bonding_slaves{master="bond0"}': {0: 2.0},
            'node_bonding_active{master="bond0"}': {0: 2.0, 300: 1.0, 900: 2.0},
        },
    ),
    "ClockUnsynchronised": ({}, {"node_timex_sync_status": {0: 1.0, 300: 0.0, 1200: 1.0}}),
}
LATER = {"ClockUnsynchronised": 600, "OutOfMemory": 900}
"""Those that fire, or end, so many seconds later than the others."""


@pytest.mark.parametrize("name", CASES)
def test_alert_fires_outlives_silence_and_ends_when_measured_as_over(tmp_path: Path, site: Site, name: str) -> None:
    about, told = CASES[name]
    fires = 300 + 105 + (LATER[name] if name == "ClockUnsynchronised" else 0)
    ends = 1320 + LATER.get(name, 0) - (600 if name == "ClockUnsynchronised" else 300)
    # The exporter says nothing for a while before it is well again.
    dark = range(fires + 60, fires + 180)
    world = machine("pve-01", told, seconds=1860, silent=dark)
    run(
        tmp_path,
        site,
        world,
        firing(285, name),
        firing(fires, name, alert(name, **about)),
        firing(fires + 120, name, alert(name, **about)),
        firing(ends, name),
        every_seconds=EVERY,
    )


@pytest.mark.parametrize("name", sorted(set(TROUBLES) - set(CASES)))
def test_those_of_rates_and_clocks_are_tested_by_themselves(name: str) -> None:
    assert name in {"PressureHigh", "ClockWrong"}


def test_pressure_is_the_share_of_time_in_which_all_waited(tmp_path: Path, site: Site) -> None:
    world = World(1500)
    series = 'node_pressure_io_stalled_seconds_total{job="node",instance="pve-01:9100",node="pve-01"}'
    waited = [0.0]
    for second in range(1, world.seconds):
        waited.append(waited[-1] + (0.4 if 300 <= second < 900 else 0.1))
    world.series[series] = list(waited)
    world.put('node_scrape_collector_success{job="node",node="pve-01",collector="pressure"}', {0: 1.0})
    hot = alert("PressureHigh", resource="disks")
    run(
        tmp_path,
        site,
        world,
        firing(300, "PressureHigh"),
        firing(720, "PressureHigh", hot),
        firing(1320, "PressureHigh"),
        every_seconds=EVERY,
    )


def test_disks_that_a_backup_keeps_busy_are_not_told_and_memory_is(tmp_path: Path) -> None:
    world = World(780)
    for what in ("io", "memory"):
        series = f'node_pressure_{what}_stalled_seconds_total{{job="node",instance="pve-01:9100",node="pve-01"}}'
        waited = [0.0]
        for second in range(1, world.seconds):
            waited.append(waited[-1] + (0.9 if 60 <= second < 360 else 0.0))
        world.series[series] = list(waited)
    world.put('node_scrape_collector_success{job="node",node="pve-01",collector="pressure"}', {0: 1.0})
    running = 'hune_pve_tasks_running{job="pve-hune",cluster="home",node="pve-01",type="vzdump"}'
    world.put(running, {0: None, 60: 1.0, 360: None})
    told = alert("PressureHigh", resource="memory")
    run(
        tmp_path,
        make_pve_site(),
        world,
        *(firing(second, "PressureHigh", told) for second in range(300, 540, 60)),
        firing(765, "PressureHigh"),
        every_seconds=EVERY,
    )


def test_clock_is_compared_with_the_moment_of_the_scrape(tmp_path: Path, site: Site) -> None:
    world = World(600)
    target = 'job="node",instance="pve-01:9100",node="pve-01"'
    world.series[f"node_time_seconds{{{target}}}"] = [
        float(second) + (0.5 if second < 150 else 4.0 if second < 400 else 0.0) for second in range(world.seconds)
    ]
    world.put(f"scrape_duration_seconds{{{target}}}", {0: 0.6})
    world.put(f'node_scrape_collector_success{{{target},collector="time"}}', {0: 1.0})
    wrong = alert("ClockWrong")
    run(
        tmp_path,
        site,
        world,
        firing(149, "ClockWrong"),
        firing(300, "ClockWrong", wrong),
        message(
            300,
            "ClockWrong",
            wrong,
            {
                "summary": "pve-01: its clock differs from this machine's by 3.4 s",
                "description": "More than 2 s. Clusters, certificates and logs suffer. One of the two is wrong.",
                "runbook_url": "https://hune.example/runbooks/ClockWrong",
                "value": "3.4",
                "unit": "s",
                "threshold": "2",
            },
        ),
        firing(420, "ClockWrong"),
        every_seconds=EVERY,
    )


def test_data_sets_of_a_pool_are_one_and_limits_are_those_of_the_node(tmp_path: Path) -> None:
    site = make_site(thresholds={"filesystem_warning_ratio": 0.7})
    told: dict[str, Mapping[int, Value]] = {}
    # 10 GiB are taken by each of three data sets; 10 GiB are left to all of them.
    for number in range(3):
        labels = f'{{mountpoint="/tank/{number}",fstype="zfs",device="tank/{number}"}}'
        told[f"node_filesystem_size_bytes{labels}"] = {0: 20 * GIB}
        told[f"node_filesystem_avail_bytes{labels}"] = {0: 10 * GIB}
    about = alert("FilesystemFilling", filesystem="tank")
    run(
        tmp_path,
        site,
        machine("pve-01", told, seconds=120),
        firing(105, "FilesystemFilling", about),
        message(
            105,
            "FilesystemFilling",
            about,
            {
                "summary": "pve-01: tank is 75 % full, limit 70 %",
                "description": "Make room, or give it more, before writing fails.",
                "runbook_url": "https://hune.example/runbooks/FilesystemFilling",
                "value": "75",
                "unit": "%",
                "threshold": "70",
            },
        ),
        every_seconds=EVERY,
    )


def test_what_is_full_by_nature_or_always_was_read_only_is_no_alert(tmp_path: Path, site: Site) -> None:
    told = filesystem("/snap/core", {0: 1.0}, fstype="squashfs") | filesystem("/run", {0: 0.99}, fstype="tmpfs")
    told |= filesystem("/recovery", {0: 1.0})
    told['node_filesystem_readonly{mountpoint="/recovery",fstype="ext4",device="/dev/sda1"}'] = {0: 1.0}
    names = ("FilesystemFilling", "FilesystemFull", "FilesystemReadOnly")
    world = machine("pve-01", told, seconds=1200)
    run(tmp_path, site, world, *(firing(1185, name) for name in names), every_seconds=EVERY)


def test_memory_that_the_cache_of_zfs_gives_back_is_available(tmp_path: Path, site: Site) -> None:
    told: dict[str, Mapping[int, Value]] = {
        "node_memory_MemTotal_bytes": {0: 100.0},
        "node_memory_MemAvailable_bytes": {0: 3.0},
        "node_zfs_arc_size": {0: 40.0, 300: 5.0},
        "node_zfs_arc_c_min": {0: 4.0},
    }
    world = machine("pve-01", told, seconds=600)
    run(
        tmp_path,
        site,
        world,
        firing(285, "MemoryShort"),
        firing(420, "MemoryShort", alert("MemoryShort")),
        every_seconds=EVERY,
    )


def test_node_with_too_many_full_file_systems_tells_of_twenty_and_hides_no_other(tmp_path: Path, site: Site) -> None:
    told: dict[str, Mapping[int, Value]] = {}
    for number in range(30):
        told |= filesystem(f"/m{number}", {0: 0.99}, device=f"/dev/x{number}")
    world = machine("pve-02", told, seconds=120)
    # Labels of its own, which would make two series one.
    twice = 'mountpoint="/",fstype="ext4",device="/dev/sda1"'
    for number in range(2):
        for what, value in (("size_bytes", GIB), ("free_bytes", 0.0), ("avail_bytes", 0.0), ("readonly", 0.0)):
            series = f'node_filesystem_{what}{{job="node",node="pve-02",filesystem="own{number}",{twice}}}'
            world.put(series, {0: value})
    for series, row in machine("pve-01", filesystem("/", {0: 0.99}), seconds=120).series.items():
        world.series[series] = row
    full = 'count by (node) (ALERTS{alertname="FilesystemFull",alertstate="firing"})'
    told_of = (({"node": "pve-01"}, 1), ({"node": "pve-02"}, 20))
    run(tmp_path, site, world, *(samples(second, full, *told_of) for second in (30, 60, 105)), every_seconds=EVERY)


def test_machines_of_the_lab_do_not_tell_of_this_host_s_disks(tmp_path: Path, site: Site) -> None:
    world = World(120)
    for series, row in machine("pve-01", filesystem("/", {0: 0.99}), seconds=120).series.items():
        world.series[series.replace('node="pve-01"', 'node="pve-01",lab="true"')] = row
    names = ("FilesystemFilling", "FilesystemFull")
    run(tmp_path, site, world, *(firing(105, name) for name in names), every_seconds=EVERY)
