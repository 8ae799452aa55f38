"""Answers of a believable Proxmox VE cluster, of version 9 and of version 8: path → `data`.

Three nodes, `pve-03` is down. Guests: 100 (running, backed up nightly, replicated, under HA), 101 (running, a disk left
out), 102 (container, late), 103 (stopped, in a disabled job), 104 (template), 105 (on the dead node, its backup bad).
"""

from __future__ import annotations

import copy
from typing import Any

NOW = 1_795_260_000
"""Saturday 2026-11-21 11:20 UTC."""
NIGHT = 1_795_222_800
"""That day's backup: 01:00 UTC, 02:00 in Paris."""
GIB = 1 << 30

Answers = dict[str, Any]


def _guest(vmid: int, node: str, name: str, **more: Any) -> dict[str, Any]:
    return {
        "id": f"qemu/{vmid}",
        "type": "qemu",
        "vmid": vmid,
        "node": node,
        "name": name,
        "status": "running",
        "template": 0,
        "maxcpu": 4,
        "maxmem": 4 * GIB,
        "maxdisk": 32 * GIB,
        "cpu": 0.02,
        "mem": 2 * GIB,
        "disk": 0,
        "uptime": 86400,
    } | more


def _storage(node: str, storage: str, **more: Any) -> dict[str, Any]:
    return {
        "id": f"storage/{node}/{storage}",
        "type": "storage",
        "node": node,
        "storage": storage,
        "status": "available" if node != "pve-03" else "unknown",
        "plugintype": "dir",
        "content": "backup,iso,vztmpl",
        "shared": 0,
    } | more


def _resources() -> list[dict[str, Any]]:
    nodes = [
        {"id": f"node/{name}", "type": "node", "node": name, "status": "offline" if name == "pve-03" else "online"}
        for name in ("pve-01", "pve-02", "pve-03")
    ]
    guests = [
        _guest(100, "pve-01", "web", tags="production;web", hastate="started", memhost=4 * GIB),
        _guest(101, "pve-01", "db", lock="backup"),
        _guest(102, "pve-02", "dns", id="lxc/102", type="lxc", disk=GIB),
        _guest(103, "pve-02", "old", status="stopped"),
        _guest(104, "pve-01", "debian-13", status="stopped", template=1),
        _guest(105, "pve-03", "mail", status="unknown"),
    ]
    storages = [_storage(node, "local") for node in ("pve-01", "pve-02", "pve-03")]
    storages += [
        _storage(n, "pbs", plugintype="pbs", content="backup", shared=1) for n in ("pve-01", "pve-02", "pve-03")
    ]
    return [*nodes, *guests, *storages]


def _node(name: str, nodeid: int, online: int) -> dict[str, Any]:
    address = {"ip": f"192.0.2.{10 + nodeid}", "level": ""}
    return {
        "type": "node",
        "id": f"node/{name}",
        "name": name,
        "nodeid": nodeid,
        "online": online,
        "local": 0,
    } | address


def _cluster() -> Answers:
    node = {"host": "pve-01", "device_class": "nvme", "total_space": 4 * GIB, "percent_used": 25.0, "type": "osd"}
    osd = node | {"bytes_used": GIB, "commit_latency_ms": 2, "apply_latency_ms": 2, "reweight": 1, "leaf": 1}
    tree = [
        osd | {"id": "0", "name": "osd.0", "status": "up", "in": 1},
        osd | {"id": "1", "name": "osd.1", "status": "down", "in": 0},
    ]
    host = {"id": "-3", "name": "pve-01", "type": "host", "leaf": 0, "children": tree}
    return {
        "/cluster/status": [
            {"type": "cluster", "id": "cluster", "name": "lab", "nodes": 3, "quorate": 1, "version": 7},
            *(_node("pve-01", 1, 1), _node("pve-02", 2, 1), _node("pve-03", 3, 0)),
        ],
        "/cluster/resources": _resources(),
        "/cluster/config/nodes": [
            {
                "node": name,
                "name": name,
                "nodeid": str(number),
                "quorum_votes": "1",
                "ring0_addr": f"192.0.2.{10 + number}",
            }
            for number, name in enumerate(("pve-01", "pve-02", "pve-03"), 1)
        ],
        "/cluster/config/qdevice": {"Model": "Net", "Algorithm": "Fifty-Fifty split", "State": "Connected"},
        "/cluster/ha/status/manager_status": {
            "manager_status": {
                "master_node": "pve-01",
                "timestamp": NOW - 4,
                "node_status": {"pve-01": "online", "pve-02": "online", "pve-03": "fence"},
                "service_status": {"vm:100": {"node": "pve-01", "state": "started", "running": 1, "uid": "x"}},
            },
            "lrm_status": {
                "pve-01": {"mode": "active", "state": "active", "timestamp": NOW - 3, "results": {}},
                "pve-02": {"mode": "active", "state": "wait_for_agent_lock", "timestamp": NOW - 5},
            },
            "quorum": {"node": "pve-01", "quorate": "1"},
        },
        "/cluster/ha/status/current": [
            {"id": "quorum", "type": "quorum", "node": "pve-01", "status": "OK", "quorate": 1},
            {"id": "master", "type": "master", "node": "pve-01", "status": "pve-01 (active)", "timestamp": NOW - 4},
            {"id": "lrm:pve-01", "type": "lrm", "node": "pve-01", "status": "pve-01 (active)", "timestamp": NOW - 3},
            {
                "id": "service:vm:100",
                "type": "service",
                "sid": "vm:100",
                "node": "pve-01",
                "state": "started",
                "request_state": "started",
                "crm_state": "started",
                "status": "pve-01 (started)",
                "max_restart": 1,
                "max_relocate": 1,
            },
        ],
        "/cluster/ceph/status": {
            "fsid": "00000000-0000-4000-8000-000000000001",
            "health": {
                "status": "HEALTH_WARN",
                "checks": {
                    "OSD_DOWN": {
                        "severity": "HEALTH_WARN",
                        "summary": {"message": "1 osds down", "count": 1},
                        "muted": False,
                    }
                },
                "mutes": [],
            },
            "quorum_names": ["pve-01", "pve-02"],
            "monmap": {"mons": [{"name": "pve-01"}, {"name": "pve-02"}, {"name": "pve-03"}]},
            "mgrmap": {"available": True, "active_name": "pve-01", "standbys": [{"name": "pve-02"}]},
            "osdmap": {"num_osds": 2, "num_up_osds": 1, "num_in_osds": 1},
            "pgmap": {
                "num_pgs": 129,
                "num_objects": 4000,
                "data_bytes": GIB,
                "bytes_used": 3 * GIB,
                "bytes_avail": 5 * GIB,
                "bytes_total": 8 * GIB,
                "degraded_objects": 120,
                "recovering_bytes_per_sec": 1048576,
                "pgs_by_state": [
                    {"state_name": "active+clean", "count": 96},
                    {"state_name": "active+undersized+degraded", "count": 33},
                ],
            },
        },
        "/nodes/pve-01/ceph/osd": {
            "flags": "sortbitwise,noout,recovery_deletes",
            "root": {"leaf": 0, "children": [{"id": "-1", "name": "default", "type": "root", "children": [host]}]},
        },
        "/nodes/pve-01/ceph/pool": [
            {
                "pool": 2,
                "pool_name": "vm",
                "type": "replicated",
                "size": 3,
                "min_size": 2,
                "pg_num": 128,
                "crush_rule": 0,
                "crush_rule_name": "replicated_rule",
                "bytes_used": 3 * GIB,
                "percent_used": 0.25,
            }
        ],
        "/cluster/tasks": [
            _task("pve-01", "vzdump", "", NIGHT + 30000),
            _task("pve-02", "qmigrate", "103", NIGHT + 31000),
            _task("pve-02", "vzdump", "", NIGHT, endtime=NIGHT + 600, status="OK"),
        ],
        "/cluster/backup": [
            {
                "id": "backup-nightly",
                "type": "vzdump",
                "enabled": 1,
                "schedule": "02:00",
                "storage": "pbs",
                "mode": "snapshot",
                "all": 1,
                "exclude": "103",
                "next-run": NIGHT + 86400,
                "comment": "every night",
            },
            {
                "id": "backup-old",
                "type": "vzdump",
                "enabled": 0,
                "schedule": "sun 03:00",
                "storage": "local",
                "vmid": "103",
            },
        ],
        "/cluster/backup/backup-nightly/included_volumes": {
            "children": [
                {"id": 100, "name": "web", "type": "qemu", "children": [_volume(100, "scsi0")]},
                {
                    "id": 101,
                    "name": "db",
                    "type": "qemu",
                    "children": [_volume(101, "scsi0"), _volume(101, "scsi1", 0)],
                },
                {"id": 102, "name": "dns", "type": "lxc", "children": [_volume(102, "rootfs"), _bind(102)]},
                {"id": 104, "name": "debian-13", "type": "qemu", "children": []},
                {"id": 105, "name": "mail", "type": "qemu", "children": [_volume(105, "scsi0")]},
            ]
        },
        "/cluster/backup/backup-old/included_volumes": {"children": [{"id": 103, "name": "old", "type": "qemu"}]},
        "/access/permissions?path=/storage/pbs": {"/storage/pbs": {"Datastore.AllocateSpace": 1, "Datastore.Audit": 1}},
        "/access/permissions?path=/storage/local": {"/storage/local": {"Datastore.AllocateSpace": 1}},
        "/access/permissions?path=/vms": {"/vms": {"VM.Audit": 1, "VM.Backup": 1}},
        "/nodes/pve-01/storage/pbs/content?content=backup": [
            _backup(100, NIGHT + 4, "ok"),
            _backup(100, NIGHT - 86400, "ok"),
            _backup(101, NIGHT + 60, None),
            _backup(102, NIGHT - 3 * 86400, "ok"),
            _backup(105, NIGHT + 90, "failed"),
        ],
        "/nodes/pve-02/storage/pbs/content?content=backup": [_backup(100, NIGHT + 4, "ok")],
        "/nodes/pve-01/storage/local/content?content=backup": [],
        "/nodes/pve-02/storage/local/content?content=backup": [],
    }


def _task(node: str, kind: str, what: str, start: int, **more: Any) -> dict[str, Any]:
    upid = f"UPID:{node}:0000ABCD:00012345:{start:08X}:{kind}:{what}:root@pam:"
    same = {"pid": 43981, "pstart": 74565, "user": "root@pam"}
    return {"upid": upid, "node": node, "type": kind, "id": what, "starttime": start} | same | more


def hidden_backups() -> Answers:
    """Return what differs for an account with no more than PVEAuditor: no backups to see, but the tasks' logs."""
    night = _task("pve-01", "vzdump", "", NIGHT + 1, endtime=NIGHT + 900, status="job errors")
    running = _task("pve-01", "vzdump", "100", NOW - 60)
    log = [
        "INFO: starting new backup job: vzdump --mode snapshot --storage pbs --all 1 --quiet 1",
        "INFO: Starting Backup of VM 100 (qemu)",
        "INFO: Finished Backup of VM 100 (00:00:42)",
        "ERROR: Backup of VM 101 failed - unable to open image",
        "INFO: Backup job finished with errors",
    ]
    return {
        **{f"/access/permissions?path=/storage/{name}": {f"/storage/{name}": {}} for name in ("pbs", "local")},
        "/access/permissions?path=/vms": {"/vms": {"VM.Audit": 1}},
        **{f"/nodes/pve-0{number}/storage/pbs/content?content=backup": [] for number in (1, 2)},
        "/nodes/pve-01/tasks?limit=50&typefilter=vzdump": [running, night],
        f"/nodes/pve-01/tasks/{night['upid']}/log?limit=50000": [
            {"n": number, "t": text} for number, text in enumerate(log, 1)
        ],
    }


def _volume(vmid: int, disk: str, included: int = 1) -> dict[str, Any]:
    name = f"tank:vm-{vmid}-{disk}"
    return {"id": f"{vmid}:{disk}", "name": name, "included": included, "reason": "enabled" if included else "disabled"}


def _bind(vmid: int) -> dict[str, Any]:
    return {"id": f"{vmid}:mp0", "name": "/srv/media", "included": 0, "reason": "not a volume"}


def _backup(vmid: int, time: int, state: str | None) -> dict[str, Any]:
    entry = {"volid": f"pbs:backup/vm/{vmid}/{time}", "vmid": vmid, "ctime": time, "format": "pbs-vm", "size": 10 * GIB}
    verification = {"verification": {"state": state, "upid": "UPID:pbs:…"}} if state else {}
    return entry | {"content": "backup", "subtype": "qemu"} | verification


def _on_node(node: str) -> Answers:
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
            _task(node, "vzdump", "101", NIGHT, endtime=NIGHT + 100, status="job errors"),
            _task(node, "vzdump", "", NIGHT - 9 * 86400, endtime=NIGHT - 9 * 86400 + 5, status="job errors"),
            _task(node, "qmstart", "100", NIGHT + 1, endtime=NIGHT + 2, status="WARNINGS: 1"),
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


def _running(vmid: int, **more: Any) -> dict[str, Any]:
    return {"vmid": vmid, "name": f"guest-{vmid}", "status": "running", "cpus": 4, "mem": 2 * GIB} | more


def _replication(vmid: int, kind: str, source: str, target: str) -> dict[str, Any]:
    times = {"last_sync": NOW - 600, "last_try": NOW - 600, "next_sync": NOW + 300, "duration": 4.2, "fail_count": 0}
    job = {"id": f"{vmid}-0", "type": "local", "guest": vmid, "vmtype": kind, "jobnum": "0", "schedule": "*/15"}
    return job | {"source": source, "target": target} | times


def pve9() -> Answers:
    """Return what a cluster of Proxmox VE 9 answers."""
    answers = _cluster() | _on_node("pve-01") | _on_node("pve-02")
    pressure = {f"pressure{what}{kind}": 2.5 for what in ("cpu", "io", "memory") for kind in ("some", "full")}
    answers["/nodes/pve-01/qemu"] = [
        _running(100, memhost=4 * GIB, **pressure),
        _running(101),
        {"vmid": 104, "name": "debian-13", "status": "stopped", "template": 1},
    ]
    answers["/nodes/pve-02/lxc"] = [_running(102, pressureiosome=10, pressureiofull=7.5)]
    answers["/nodes/pve-01/replication"] = [_replication(100, "qemu", "pve-01", "pve-02")]
    answers["/nodes/pve-02/replication"] = [_replication(102, "lxc", "pve-02", "pve-01")]
    answers |= {
        "/nodes/pve-01/qemu/100/config": {
            "name": "web",
            "digest": "0" * 40,
            "agent": "enabled=1,fstrim_cloned_disks=1",
            "onboot": 1,
            "sockets": 2,
            "cores": 2,
            "memory": "4096",
            "balloon": 2048,
            "ostype": "l26",
            "protection": 1,
            "meta": "creation-qemu=9.0.0,ctime=1735689600",
            "scsi0": "tank:vm-100-disk-0,iothread=1,size=32G",
            "ide2": "local:iso/debian.iso,media=cdrom,size=600M",
            "net0": "virtio=BC:24:11:00:00:01,bridge=vmbr0,tag=20",
            "unused0": "tank:vm-100-disk-9",
        },
        "/nodes/pve-01/qemu/101/config": {
            "digest": "1" * 40,
            "agent": "1",
            "memory": "8192",
            "scsi0": "tank:vm-101-disk-0,size=100G",
            "scsi1": "tank:vm-101-disk-1,backup=0,size=1T",
        },
        "/nodes/pve-01/qemu/104/config": {"digest": "4" * 40, "template": 1, "memory": "512"},
        "/nodes/pve-02/lxc/102/config": {
            "digest": "2" * 40,
            "arch": "amd64",
            "cores": 2,
            "memory": 1024,
            "onboot": 1,
            "ostype": "debian",
            "rootfs": "tank:subvol-102-disk-0,size=8G",
            "mp0": "/srv/media,mp=/media",
            "mp1": "tank:subvol-102-disk-1,mp=/data,size=512M",
            "net0": "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:02,ip=dhcp",
        },
        "/nodes/pve-02/qemu/103/config": {"digest": "3" * 40, "memory": "2048"},
        "/nodes/pve-01/qemu/100/agent/get-fsinfo": {
            "result": [
                _filesystem("sda1", "/", "ext4", 32 * GIB, 20 * GIB),
                _filesystem("sda1", "/var/lib/bind", "ext4", 32 * GIB, 20 * GIB),
                _filesystem("loop0", "/snap/core/1", "squashfs", GIB, GIB),
                {"name": "sr0", "mountpoint": "/media", "type": "iso9660", "disk": []},
            ]
        },
        "/nodes/pve-01/qemu/101/agent/get-fsinfo": {
            "result": [_filesystem("\\\\?\\Volume{0000}\\", "C:\\", "NTFS", 100 * GIB, 60 * GIB)]
        },
    }
    return answers


def _filesystem(name: str, mountpoint: str, kind: str, size: int, used: int) -> dict[str, Any]:
    return {"name": name, "mountpoint": mountpoint, "type": kind, "total-bytes": size, "used-bytes": used, "disk": []}


def pve8() -> Answers:
    """Return what the same cluster answers under Proxmox VE 8: no pressure, less of what a node says of itself."""
    answers = copy.deepcopy(pve9())
    for path, answer in answers.items():
        if path.endswith(("/qemu", "/lxc")) or "/rrddata" in path:
            for row in answer:
                for key in [key for key in row if key.startswith("pressure") or key == "memhost"]:
                    del row[key]
        elif path.endswith("/status") and path.startswith("/nodes/"):
            del answer["memory"]["available"]
        elif path.endswith("/version"):
            answer.update(version="8.4.1", release="8.4", repoid="2a5fa54a8503f96d")
    return answers


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
