"""A storage that is a directory of its node: one full disk is one alert, that of the file system."""

from __future__ import annotations

from pathlib import Path

import pytest

from hune.alerting.why import measuring
from support.promtool import Labels, World, firing, run
from support.pve_world import make_pve_site, pve_world

GIB = 2.0**30
OF_LOCAL: Labels = {"cluster": "home", "node": "pve-02", "storage": "local", "severity": "critical"}
OF_DATA: Labels = {**OF_LOCAL, "storage": "data"}


def full(storage: str, size: float = GIB) -> World:
    """Return a world in which a storage of pve-02 runs full after 60 seconds."""
    of = f'id="storage/pve-02/{storage}",node="pve-02",storage="{storage}"'
    named = {name: f"hune_pve_storage_{name}{{{of}}}" for name in ("used_bytes", "size_bytes", "shared", "active")}
    before = {named["used_bytes"]: size / 2, named["size_bytes"]: size, named["shared"]: 0, named["active"]: 1}
    return pve_world(200, {0: before, 60: {named["used_bytes"]: 0.97 * size}})


def exporter(world: World, mountpoint: str, *, until: int | None = None) -> World:
    """Let the node exporter of pve-02 tell of the file system that runs full, until it falls silent."""
    silent = {} if until is None else {until: None}
    node = 'job="node",instance="pve-02:9100",node="pve-02"'
    of = f'{node},mountpoint="{mountpoint}",fstype="ext4",device="/dev/sda1"'
    world.put(f'node_scrape_collector_success{{{node},collector="filesystem"}}', {0: 1.0, **silent})
    world.put(f"node_filesystem_size_bytes{{{of}}}", {0: GIB, **silent})
    for what in ("free", "avail"):
        world.put(f"node_filesystem_{what}_bytes{{{of}}}", {0: GIB / 2, 60: 0.03 * GIB, **silent})
    world.put(f"node_filesystem_readonly{{{of}}}", {0: 0.0, **silent})
    return world


def of_filesystem(mountpoint: str) -> Labels:
    return {"node": "pve-02", "filesystem": mountpoint, "severity": "critical"}


@pytest.mark.parametrize(
    ("storage", "mountpoint"), [("local", "/"), ("local", "/var/lib/vz"), ("usb", "/mnt/pve/usb"), ("iso", "/")]
)
def test_what_lies_on_a_file_system_of_its_node_is_told_as_that(tmp_path: Path, storage: str, mountpoint: str) -> None:
    world = exporter(full(storage), mountpoint)
    quiet = [firing(second, name) for second in range(60, 200, 20) for name in ("StorageFull", "StorageFilling")]
    told = firing(120, "FilesystemFull", of_filesystem(mountpoint))
    run(tmp_path, make_pve_site(), world, told, *quiet, every_seconds=10)


@pytest.mark.parametrize("size", [GIB, 3 * GIB])
def test_whoever_asks_why_is_told_so(tmp_path: Path, size: float) -> None:
    world = exporter(full("local", size), "/")
    of = {"cluster": "home", "node": "pve-02", "storage": "local"}
    [reason] = measuring.reasons("StorageFull").values()
    asked = {
        "expr": f"group({measuring.of(reason, of)})",
        "eval_time": "120s",
        "exp_samples": [{"labels": "{}", "value": 1}] if size == GIB else [],
    }
    run(tmp_path, make_pve_site(), world, asked, every_seconds=10)


def test_it_stays_one_when_the_exporter_falls_silent(tmp_path: Path) -> None:
    world = exporter(full("local"), "/", until=100)
    told = firing(180, "FilesystemFull", of_filesystem("/"))
    run(tmp_path, make_pve_site(), world, told, firing(180, "StorageFull"), every_seconds=10)


def test_without_an_exporter_the_storage_is_told(tmp_path: Path) -> None:
    run(
        tmp_path,
        make_pve_site(),
        full("local"),
        firing(120, "StorageFull", OF_LOCAL),
        every_seconds=10,
    )


def test_a_storage_of_its_own_is_told_beside_a_full_root(tmp_path: Path) -> None:
    world = exporter(full("data", 3 * GIB), "/")
    told = (firing(120, "StorageFull", OF_DATA), firing(120, "FilesystemFull", of_filesystem("/")))
    run(tmp_path, make_pve_site(), world, *told, every_seconds=10)


def test_a_lower_limit_of_storages_counts(tmp_path: Path) -> None:
    """Who wants to hear of storages earlier than of file systems does."""
    site = make_pve_site(proxmox_thresholds={"storage_critical_ratio": 0.9})
    world = exporter(full("local"), "/")
    run(tmp_path, site, world, firing(120, "StorageFull", OF_LOCAL), every_seconds=10)
