"""The rules about machines read what the real node exporter has, by the labels that it has."""

from __future__ import annotations

import contextlib
import http.client
import re
import subprocess
import time
from pathlib import Path

from hune.alerting.catalogue.machine import TROUBLES
from hune.alerting.rules import render_rules
from hune.site.models import Site
from support.ports import free_port
from support.tools import tool

OF_PROMETHEUS = {"scrape_duration_seconds"}
NEEDS_DBUS = {"node_systemd_unit_state"}
"""Told only where there is a system bus; labels by the exporter's own source: name, state, type."""

SOURCES = {
    "node_filesystem_size_bytes": {"mountpoint", "fstype", "device"},
    "node_md_disks": {"device", "state"},
    "node_md_disks_required": {"device"},
    "node_zfs_zpool_state": {"zpool", "state"},
    "node_bonding_slaves": {"master"},
    "node_bonding_active": {"master"},
    "smartmon_device_smart_healthy": {"disk"},
}


def machine(root: Path) -> None:
    """Write the trees of a machine with a degraded array, pool and bond, and a disk that fails."""
    files = {
        "proc/mdstat": "Personalities : [raid1]\nmd0 : active raid1 sdb1[1](F) sda1[0]\n"
        "      1046528 blocks super 1.2 [2/1] [U_]\n\nunused devices: <none>\n",
        "proc/spl/kstat/zfs/arcstats": "13 1 0x01 2 96 1 2\nname type data\nsize 4 4000\nc_min 4 1000\n",
        "proc/spl/kstat/zfs/tank/state": "DEGRADED\n",
        "sys/class/net/bonding_masters": "bond0\n",
        "sys/class/net/bond0/bonding/slaves": "eno1 eno2\n",
        "sys/class/net/bond0/lower_eno1/bonding_slave/mii_status": "up\n",
        "sys/class/net/bond0/lower_eno2/bonding_slave/mii_status": "down\n",
        "text/smart.prom": 'smartmon_device_smart_healthy{disk="/dev/sda",type="sat"} 0\n',
    }
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    for name in ("meminfo", "vmstat", "pressure", "self", "mounts", "1", "filesystems", "uptime", "stat"):
        (root / "proc" / name).symlink_to(Path("/proc") / name)


def exposition(root: Path) -> str:
    """Return what the real exporter says of it."""
    port = free_port()
    collectors = sorted({trouble.collector for trouble in TROUBLES.values()} - {"systemd"})
    exporter = subprocess.Popen(
        [
            tool("prometheus-node-exporter"),
            "--collector.disable-defaults",
            *(f"--collector.{name}" for name in collectors),
            f"--path.procfs={root / 'proc'}",
            f"--path.sysfs={root / 'sys'}",
            f"--collector.textfile.directory={root / 'text'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=error",
        ]
    )
    try:
        for _ in range(3600):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
            with contextlib.suppress(ConnectionRefusedError), contextlib.closing(connection):
                connection.request("GET", "/metrics")
                return connection.getresponse().read().decode()
            time.sleep(0.05)
        raise AssertionError("the node exporter does not listen")
    finally:
        exporter.kill()
        exporter.wait()


def test_every_series_that_rules_read_is_exposed_with_its_labels(tmp_path: Path, site: Site) -> None:
    machine(tmp_path)
    told = exposition(tmp_path)
    samples = re.findall(r"^(\w+)(?:\{(.*)\})? ", told, re.MULTILINE)
    labels = {name: set(re.findall(r'(\w+)="', given)) for name, given in samples}
    text = render_rules(site)["hune-machine.yml"]
    read = set(re.findall(r"(?<![\w:])(?:node|smartmon|scrape)_\w+(?=\{)", text))
    assert len(read) > 20
    assert read - OF_PROMETHEUS - NEEDS_DBUS <= set(labels)
    for name, needed in SOURCES.items():
        assert needed <= labels[name], name
    succeeded = set(re.findall(r'^node_scrape_collector_success\{collector="(\w+)"\} 1$', told, re.MULTILINE))
    assert succeeded >= {trouble.collector for trouble in TROUBLES.values()} - {"systemd"}
