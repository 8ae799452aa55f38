"""What each node of the cluster in `support.pve_answers` answers: path → `data`."""

from __future__ import annotations

from typing import Any

NOW = 1_795_260_000
"""Saturday 2026-11-21 11:20 UTC."""
NIGHT = 1_795_222_800
"""That day's backup: 01:00 UTC, 02:00 in Paris."""
GIB = 1 << 30

Answers = dict[str, Any]


def task(node: str, kind: str, what: str, start: int, **more: Any) -> dict[str, Any]:
    """Return a task; without `endtime` it runs."""
    upid = f"UPID:{node}:0000ABCD:00012345:{start:08X}:{kind}:{what}:root@pam:"
    same = {"pid": 43981, "pstart": 74565, "user": "root@pam"}
    return {"upid": upid, "node": node, "type": kind, "id": what, "starttime": start} | same | more


NVME_TEXT = """
SMART/Health Information (NVMe Log 0x02)
Critical Warning:                   0x00
Temperature:                        41 Celsius
Available Spare:                    100%
Available Spare Threshold:          10%
Percentage Used:                    3%
Data Units Read:                    12,345,678 [6.32 TB]
Power Cycles:                       42
Power On Hours:                     21,835
Media and Data Integrity Errors:    0
"""
SAS_TEXT = """
SMART Health Status: FAILURE PREDICTION THRESHOLD EXCEEDED [asc=5d, ascq=0]
Percentage used endurance indicator: 80%
Current Drive Temperature:     31 C
Drive Trip Temperature:        60 C
Accumulated power on time, hours:minutes 35075:29
Elements in grown defect list: 8
"""


def _attribute(number: int, name: str, value: int, raw: str, fail: str = "-") -> dict[str, Any]:
    return {
        "id": f"{number:3}",
        "name": name,
        "value": value,
        "worst": value,
        "threshold": 10,
        "raw": raw,
        "fail": fail,
    }


ATA_ATTRIBUTES = [
    _attribute(5, "Reallocated_Sector_Ct", 100, "0"),
    _attribute(9, "Power_On_Hours", 95, "22738"),
    _attribute(177, "Wear_Leveling_Count", 97, "41"),
    _attribute(187, "Reported_Uncorrect", 100, "0"),
    _attribute(194, "Temperature_Celsius", 69, "31 (Min/Max 18/49)"),
    _attribute(197, "Current_Pending_Sector", 5, "8", "FAILING_NOW"),
    _attribute(199, "UDMA_CRC_Error_Count", 200, "2"),
]


def on_node(node: str) -> Answers:
    """Return what a node says of itself."""
    memory = {"total": 64 * GIB, "used": 17 * GIB, "free": 47 * GIB, "available": 45 * GIB}
    interfaces = [
        {"iface": "eno1", "type": "eth", "method": "manual", "active": 1, "exists": 1},
        {"iface": "eno2", "type": "eth", "method": "manual", "exists": 1},
        {"iface": "bond0", "type": "bond", "bond_mode": "802.3ad", "slaves": "eno1 eno2", "active": 1, "autostart": 1},
        {
            "iface": "vmbr0",
            "type": "bridge",
            "method": "static",
            "cidr": "192.0.2.11/24",
            "bridge_ports": "bond0",
            "bridge_vlan_aware": 1,
            "mtu": 9000,
            "active": 1,
            "autostart": 1,
        },
        {"iface": "vmbr0.20", "type": "vlan", "vlan-id": 20, "vlan-raw-device": "vmbr0", "active": 1, "autostart": 1},
    ]
    disks = [
        _disk("/dev/nvme0n1", "nvme", 3, "ZFS"),
        _disk("/dev/sda", "ssd", 2, "LVM"),
        _disk("/dev/sdb", "hdd", 1, "ext4"),
        _disk("/dev/sdc", "hdd", 1, "LVM", osdid=4),
    ]
    return {
        f"/nodes/{node}/status": {
            "boot-info": {"mode": "efi", "secureboot": 1},
            "cpu": 0.0312,
            "wait": 0.0004,
            "uptime": 864000,
            "cpuinfo": {"model": "Example CPU 8", "sockets": 1, "cores": 8, "cpus": 16, "mhz": "3200.000"},
            "current-kernel": {"sysname": "Linux", "release": "6.14.8-2-pve", "machine": "x86_64", "version": "#1"},
            "ksm": {"shared": 0},
            "loadavg": ["0.42", "0.40", "0.39"],
            "memory": memory,
            "swap": {"total": 8 * GIB, "used": 0, "free": 8 * GIB},
            "pveversion": "pve-manager/9.0.3/025864202ebb6109",
            "rootfs": {"total": 100 * GIB, "used": 20 * GIB, "free": 80 * GIB, "avail": 75 * GIB},
        },
        f"/nodes/{node}/version": {"version": "9.0.3", "release": "9.0", "repoid": "025864202ebb6109"},
        f"/nodes/{node}/services": [
            _service("pveproxy", "running", "active", "enabled"),
            _service("corosync", "dead", "inactive", "enabled"),
            _service("postfix", "dead", "inactive", "disabled"),
        ],
        f"/nodes/{node}/network": interfaces,
        f"/nodes/{node}/storage": [
            {
                "storage": "local",
                "type": "dir",
                "content": "vztmpl,backup,iso",
                "enabled": 1,
                "active": 1,
                "shared": 0,
                "total": 100 * GIB,
                "used": 20 * GIB,
                "avail": 80 * GIB,
                "used_fraction": 0.2,
            },
            {"storage": "pbs", "type": "pbs", "content": "backup", "enabled": 1, "active": 0, "shared": 1, "total": 0},
        ],
        f"/nodes/{node}/disks/list?skipsmart=1": disks,
        f"/nodes/{node}/disks/smart?disk=/dev/nvme0n1": {"health": "PASSED", "type": "text", "text": NVME_TEXT},
        f"/nodes/{node}/disks/smart?disk=/dev/sda": {"health": "PASSED", "type": "ata", "attributes": ATA_ATTRIBUTES},
        f"/nodes/{node}/disks/smart?disk=/dev/sdc": {"health": "FAILED!", "type": "text", "text": SAS_TEXT},
        f"/nodes/{node}/disks/zfs": [
            {
                "name": "rpool",
                "size": 9 * GIB,
                "alloc": 3 * GIB,
                "free": 6 * GIB,
                "frag": 12,
                "dedup": 1,
                "health": "DEGRADED",
            }
        ],
        f"/nodes/{node}/disks/zfs/rpool": {
            "name": "rpool",
            "state": "DEGRADED",
            "errors": "No known data errors",
            "scan": "scrub repaired 0B in 00:10:11 with 0 errors on Sun Nov  8 00:34:12 2026",
            "children": [
                {
                    "name": "rpool",
                    "state": "DEGRADED",
                    "read": 0,
                    "write": 0,
                    "cksum": 0,
                    "msg": "",
                    "children": [_mirror()],
                }
            ],
        },
        f"/nodes/{node}/certificates/info": [
            {"filename": "pve-ssl.pem", "subject": "/CN=pve", "notafter": 1_858_000_000, "notbefore": 1_795_000_000}
        ],
        f"/nodes/{node}/subscription": {
            "status": "active",
            "level": "c",
            "productname": "Community",
            "nextduedate": "2027-03-14",
        },
        f"/nodes/{node}/apt/update": [_package("pve-manager", "Proxmox"), _package("openssl", "Debian-Security")],
        f"/nodes/{node}/time": {"timezone": "Europe/Paris", "time": int(NOW), "localtime": int(NOW) + 3600},
        f"/nodes/{node}/tasks?errors=1&limit=500": [
            task(node, "vzdump", "101", NIGHT, endtime=NIGHT + 100, status="job errors"),
            task(node, "vzdump", "", NIGHT - 9 * 86400, endtime=NIGHT - 9 * 86400 + 5, status="job errors"),
            task(node, "qmstart", "100", NIGHT + 1, endtime=NIGHT + 2, status="WARNINGS: 1"),
        ],
        f"/nodes/{node}/tasks?limit=50&typefilter=vzdump": [],
        f"/nodes/{node}/replication": [],
        f"/nodes/{node}/rrddata?cf=AVERAGE&timeframe=hour": [
            {"time": NOW - 120, "pressurecpusome": 1.5, "pressureiosome": 0.25, "pressureiofull": 0.1},
            {"time": NOW - 60},
        ],
        f"/nodes/{node}/qemu": [],
        f"/nodes/{node}/lxc": [],
    }


def _disk(path: str, kind: str, size: int, used: str, *, osdid: int = -1) -> dict[str, Any]:
    same = {
        "gpt": 1,
        "mounted": 0,
        "osdid-list": [osdid] if osdid >= 0 else [],
        "model": "Example Disk",
        "serial": "S1",
    }
    return {"devpath": path, "type": kind, "size": size * GIB, "used": used, "osdid": osdid, "health": "UNKNOWN"} | same


def _service(name: str, state: str, active: str, unit: str) -> dict[str, Any]:
    return {"service": name, "name": name, "desc": name, "state": state, "active-state": active, "unit-state": unit}


def _package(name: str, origin: str) -> dict[str, Any]:
    texts = {
        "Description": "…",
        "Title": name,
        "Priority": "optional",
        "Section": "admin",
        "OldVersion": "1",
        "Version": "2",
    }
    return {"Package": name, "Origin": origin, "Arch": "amd64"} | texts


def _mirror() -> dict[str, Any]:
    good = {"name": "ata-Example-1-part3", "state": "ONLINE", "read": 0, "write": 0, "cksum": 0, "msg": ""}
    bad = {
        "name": "ata-Example-2-part3",
        "state": "FAULTED",
        "read": 3,
        "write": 14,
        "cksum": 2,
        "msg": "too many errors",
    }
    own = {"name": "mirror-0", "state": "DEGRADED", "read": 0, "write": 0, "cksum": 0, "msg": ""}
    return own | {"children": [good, bad]}
