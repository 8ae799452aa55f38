"""Answers of a believable Proxmox VE cluster, of version 9 and of version 8: path → `data`.

Three nodes, `pve-03` is down. Guests: 100 (running, backed up nightly, replicated, under HA), 101 (running, a disk left
out), 102 (container, late), 103 (stopped, in a disabled job), 104 (template), 105 (on the dead node, its backup bad).
"""

from __future__ import annotations

import copy
from typing import Any

from support.pve_node_answers import GIB, NIGHT, NOW, Answers, on_node, task

__all__ = ["GIB", "NIGHT", "NOW", "Answers", "hidden_backups", "pve8", "pve9"]


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
            task("pve-01", "vzdump", "", NIGHT + 30000),
            task("pve-02", "qmigrate", "103", NIGHT + 31000),
            task("pve-02", "vzdump", "", NIGHT, endtime=NIGHT + 600, status="OK"),
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


def hidden_backups() -> Answers:
    """Return what differs for an account with no more than PVEAuditor: no backups to see, but the tasks' logs."""
    night = task("pve-01", "vzdump", "", NIGHT + 1, endtime=NIGHT + 900, status="job errors")
    running = task("pve-01", "vzdump", "100", NOW - 60)
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


def _running(vmid: int, **more: Any) -> dict[str, Any]:
    return {"vmid": vmid, "name": f"guest-{vmid}", "status": "running", "cpus": 4, "mem": 2 * GIB} | more


def _replication(vmid: int, kind: str, source: str, target: str) -> dict[str, Any]:
    times = {"last_sync": NOW - 600, "last_try": NOW - 600, "next_sync": NOW + 300, "duration": 4.2, "fail_count": 0}
    job = {"id": f"{vmid}-0", "type": "local", "guest": vmid, "vmtype": kind, "jobnum": "0", "schedule": "*/15"}
    return job | {"source": source, "target": target} | times


def pve9() -> Answers:
    """Return what a cluster of Proxmox VE 9 answers."""
    answers = _cluster() | on_node("pve-01") | on_node("pve-02")
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
