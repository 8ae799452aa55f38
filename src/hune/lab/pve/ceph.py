"""Ceph: one disk of each node, three copies of everything, a monitor and a manager on each node.

Shapes as the Ceph monitor gives them to Proxmox: https://docs.ceph.com/en/latest/api/mon_command_api/.
"""

from __future__ import annotations

from typing import Any

from hune.lab.pve.cluster import NUMBERS, Cluster
from hune.lab.pve.guests import GIB
from hune.lab.pve.routes import CEPH, ON_NODE, SYS, Ask, Route
from hune.lab.pve.storages import BY_NAME, space
from hune.lab.pve.usage import MEMORY_BYTES, SWAP_BYTES
from hune.lab.pve.wave import Wave

Row = dict[str, Any]
OSD_BYTES = 1862 * GIB
_VERSION = "19.2.3"
_FULL_VERSION = f"ceph version {_VERSION} (2f03f1cd83e5d40cdf1393cb64a662a8e8bb07c6) squid (stable)"
_FSID = "6f2c9a54-8d1e-4b0a-9c37-1f5e2d7a40b8"
_COPIES = len(NUMBERS)
_PGS = 129
_OUT_SECONDS = 600.0
_NEAR_FULL, _FULL = 0.85, 0.95
_POOL_OBJECT_BYTES = 4 << 20


def osd_of(number: int) -> int:
    """Return the OSD of a node."""
    return number - 1


def _is_up(cluster: Cluster, number: int) -> bool:
    return cluster.lives(number)


def _is_in(cluster: Cluster, number: int) -> bool:
    return cluster.pve.find("out-osd", f"osd.{osd_of(number)}") is None and cluster.down_seconds(number) < _OUT_SECONDS


def _used(cluster: Cluster, number: int) -> int:
    """Return the bytes that lie on a node's OSD: a copy of everything, if it takes part."""
    if not _is_in(cluster, number):
        return 0
    return int(_pool_ratio(cluster) * OSD_BYTES) + 800 * (1 << 20) + 1_000_003 * number


def _pool_ratio(cluster: Cluster) -> float:
    return space(cluster, cluster.here, BY_NAME["ceph-vm"], cluster.sampled).ratio


def _checks(cluster: Cluster) -> Row:
    """Return what Ceph complains of, as its health checks."""
    found: Row = {}

    def add(code: str, severity: str, count: int, message: str) -> None:
        summary = {"count": count, "message": message}
        found[code] = {"detail": [{"message": message}], "muted": False, "severity": severity, "summary": summary}

    dead = [number for number in NUMBERS if not _is_up(cluster, number)]
    down = [number for number in dead if _is_in(cluster, number)]
    if dead:
        quorum = ",".join(cluster.name(number) for number in NUMBERS if number not in dead)
        add("MON_DOWN", "HEALTH_WARN", len(dead), f"{len(dead)}/{_COPIES} mons down, quorum {quorum}")
    if down:
        add("OSD_DOWN", "HEALTH_WARN", len(down), f"{len(down)} osds down")
        add("OSD_HOST_DOWN", "HEALTH_WARN", len(down), f"{len(down)} host ({len(down)} osds) down")
    missing = _missing(cluster)
    if missing:
        objects, part = _objects(cluster), 100 * missing / _COPIES
        text = f"{objects * missing}/{objects * _COPIES} objects degraded ({part:.3f}%), {_PGS} pgs degraded"
        add("PG_DEGRADED", "HEALTH_WARN", objects * missing, f"Degraded data redundancy: {text}, {_PGS} pgs undersized")
    ratio = _pool_ratio(cluster)
    if ratio >= _FULL:
        add("OSD_FULL", "HEALTH_ERR", _COPIES, f"{_COPIES} full osd(s)")
    elif ratio >= _NEAR_FULL:
        add("OSD_NEARFULL", "HEALTH_WARN", _COPIES, f"{_COPIES} nearfull osd(s)")
    return found


def _missing(cluster: Cluster) -> int:
    """Return how many copies of the data are not there."""
    return sum(not (_is_up(cluster, number) and _is_in(cluster, number)) for number in NUMBERS)


def _objects(cluster: Cluster) -> int:
    return int(_pool_ratio(cluster) * OSD_BYTES / _POOL_OBJECT_BYTES)


def _status(ask: Ask) -> Row:
    cluster = ask.cluster
    checks = _checks(cluster)
    severities = {check["severity"] for check in checks.values()}
    health = next((level for level in ("HEALTH_ERR", "HEALTH_WARN") if level in severities), "HEALTH_OK")
    living = [number for number in NUMBERS if _is_up(cluster, number)]
    used = sum(_used(cluster, number) for number in NUMBERS)
    total = OSD_BYTES * sum(_is_in(cluster, number) for number in NUMBERS)
    objects = _objects(cluster)
    state = "active+undersized+degraded" if _missing(cluster) else "active+clean"
    moving = Wave(3e6, 0.7, "ceph/io")
    pgmap: Row = {
        "bytes_avail": total - used,
        "bytes_total": total,
        "bytes_used": used,
        "data_bytes": objects * _POOL_OBJECT_BYTES,
        "num_objects": objects,
        "num_pgs": _PGS,
        "num_pools": 2,
        "pgs_by_state": [{"count": _PGS, "state_name": state}],
        "read_bytes_sec": int(moving.at(cluster.sampled) * 0.6),
        "read_op_per_sec": int(moving.at(cluster.sampled) / 50_000),
        "write_bytes_sec": int(moving.at(cluster.sampled)),
        "write_op_per_sec": int(moving.at(cluster.sampled) / 30_000),
    }
    if missing := _missing(cluster):
        pgmap |= {
            "degraded_objects": objects * missing,
            "degraded_ratio": missing / _COPIES,
            "degraded_total": objects * _COPIES,
        }
    return {
        "election_epoch": 42,
        "fsid": _FSID,
        "fsmap": {"by_rank": [], "epoch": 1, "up:standby": 0},
        "health": {"checks": checks, "mutes": [], "status": health},
        "mgrmap": {
            "active_name": cluster.name(living[0] if living else 1),
            "available": bool(living),
            "modules": ["iostat", "nfs"],
            "num_standbys": max(0, len(living) - 1),
            "services": {},
            "standbys": [{"name": cluster.name(number)} for number in living[1:]],
        },
        "monmap": {
            "epoch": 3,
            "mons": [
                {"addr": f"{cluster.machine(number).address}:6789/0", "name": cluster.name(number), "rank": number - 1}
                for number in NUMBERS
            ],
            "num_mons": _COPIES,
        },
        "osdmap": {
            "epoch": 512,
            "num_in_osds": sum(_is_in(cluster, number) for number in NUMBERS),
            "num_osds": len(NUMBERS),
            "num_remapped_pgs": 0,
            "num_up_osds": len(living),
        },
        "pgmap": pgmap,
        "quorum": [number - 1 for number in living],
        "quorum_age": 86_400,
        "quorum_names": [cluster.name(number) for number in living],
    }


def _tree(ask: Ask) -> Row:
    cluster = ask.cluster
    hosts = [
        {
            "children": [_osd(cluster, number)],
            "id": str(-number - 2),
            "leaf": 0,
            "name": cluster.name(number),
            "type": "host",
            "type_id": 1,
            "version": _VERSION,
        }
        for number in NUMBERS
    ]
    top = {"children": hosts, "id": "-1", "leaf": 0, "name": "default", "type": "root", "type_id": 11}
    return {
        "flags": "sortbitwise,recovery_deletes,purged_snapdirs,pglog_hardlimit",
        "root": {"children": [top], "leaf": 0},
    }


def _osd(cluster: Cluster, number: int) -> Row:
    used, is_in = _used(cluster, number), _is_in(cluster, number)
    latency = round(Wave(2.2, 0.8, f"osd/{number}").at(cluster.sampled))
    return {
        "apply_latency_ms": latency,
        "blfsdev": None,
        "bytes_used": used,
        "commit_latency_ms": latency,
        "crush_weight": 1.81879,
        "device_class": "ssd",
        "dbdev": None,
        "depth": 2,
        "host": cluster.name(number),
        "id": str(osd_of(number)),
        "in": int(is_in),
        "leaf": 1,
        "name": f"osd.{osd_of(number)}",
        "osdtype": "bluestore",
        "percent_used": 100 * used / OSD_BYTES,
        "pgs": _PGS if is_in else 0,
        "pool_weights": {},
        "primary_affinity": 1,
        "reweight": int(is_in),
        "status": "up" if _is_up(cluster, number) else "down",
        "total_space": OSD_BYTES,
        "type": "osd",
        "type_id": 0,
        "ceph_version": _FULL_VERSION,
        "ceph_version_short": _VERSION,
    }


def _pools(ask: Ask) -> list[Row]:
    cluster = ask.cluster
    ratio = _pool_ratio(cluster)
    shared: Row = {
        "autoscale_status": {},
        "crush_rule": 0,
        "crush_rule_name": "replicated_rule",
        "min_size": 2,
        "pg_autoscale_mode": "on",
        "pg_num_min": 1,
        "size": _COPIES,
        "type": "replicated",
    }
    return [
        shared
        | {
            "application_metadata": {"mgr": {}},
            "bytes_used": 3 << 20,
            "percent_used": 1e-6,
            "pg_num": 1,
            "pg_num_final": 1,
            "pool": 1,
            "pool_name": ".mgr",
        },
        shared
        | {
            "application_metadata": {"rbd": {}},
            "bytes_used": int(ratio * OSD_BYTES) * _COPIES,
            "percent_used": ratio,
            "pg_num": 128,
            "pg_num_final": 128,
            "pool": 2,
            "pool_name": "vm",
        },
    ]


def _monitors(ask: Ask) -> list[Row]:
    return [
        _daemon(ask.cluster, number, 6789)
        | {
            "quorum": int(_is_up(ask.cluster, number)),
            "rank": number - 1,
            "state": "running" if _is_up(ask.cluster, number) else "unknown",
        }
        for number in NUMBERS
    ]


def _managers(ask: Ask) -> list[Row]:
    living = [number for number in NUMBERS if _is_up(ask.cluster, number)]
    states = {number: "active" if number == living[0] else "standby" for number in living}
    return [_daemon(ask.cluster, number, 6800) | {"state": states.get(number, "stopped")} for number in NUMBERS]


def _daemon(cluster: Cluster, number: int, port: int) -> Row:
    return {
        "addr": f"{cluster.machine(number).address}:{port}/0",
        "ceph_version": _FULL_VERSION,
        "ceph_version_short": _VERSION,
        "direxists": 1,
        "host": cluster.name(number),
        "name": cluster.name(number),
        "service": 1,
    }


def _none(_: Ask) -> list[Row]:
    return []


def _metadata(ask: Ask) -> Row:
    cluster = ask.cluster
    names = {number: cluster.name(number) for number in NUMBERS if _is_up(cluster, number)}

    def daemons() -> Row:
        return {
            f"{name}@{name}": {
                "addr": cluster.machine(number).address,
                "ceph_release": "squid",
                "ceph_version": _FULL_VERSION,
                "ceph_version_short": _VERSION,
                "hostname": name,
                "mem_swap_kb": SWAP_BYTES >> 10,
                "mem_total_kb": MEMORY_BYTES >> 10,
                "name": name,
            }
            for number, name in names.items()
        }

    return {
        "mds": {},
        "mgr": daemons(),
        "mon": daemons(),
        "node": {
            name: {"buildcommit": "", "version": {"parts": _VERSION.split("."), "str": _VERSION}}
            for name in names.values()
        },
        "osd": [
            {
                "back_addr": f"{cluster.machine(number).address}:6802",
                "ceph_release": "squid",
                "ceph_version": _FULL_VERSION,
                "ceph_version_short": _VERSION,
                "device_ids": "sda",
                "device_paths": "sda=/dev/disk/by-path/pci-0000:00:17.0-ata-1",
                "devices": "sda",
                "front_addr": f"{cluster.machine(number).address}:6804",
                "hostname": name,
                "id": osd_of(number),
                "mem_swap_kb": SWAP_BYTES >> 10,
                "mem_total_kb": MEMORY_BYTES >> 10,
                "osd_data": f"/var/lib/ceph/osd/ceph-{osd_of(number)}",
                "osd_objectstore": "bluestore",
            }
            for number, name in names.items()
        ],
    }


_FLAGS = [
    "nobackfill",
    "nodeep-scrub",
    "nodown",
    "noin",
    "noout",
    "norebalance",
    "norecover",
    "noscrub",
    "notieragent",
    "noup",
    "pause",
]


def _flags(_: Ask) -> list[Row]:
    return [{"description": f"the flag {flag}", "name": flag, "value": 0} for flag in _FLAGS]


ROUTES = [
    Route("/cluster/ceph/status", _status, CEPH),
    Route("/cluster/ceph/metadata", _metadata, CEPH),
    Route("/cluster/ceph/flags", _flags, SYS),
    Route(f"{ON_NODE}/ceph/status", _status, CEPH),
    Route(f"{ON_NODE}/ceph/osd", _tree, CEPH),
    Route(f"{ON_NODE}/ceph/pool", _pools, CEPH),
    Route(f"{ON_NODE}/ceph/mon", _monitors, CEPH),
    Route(f"{ON_NODE}/ceph/mgr", _managers, CEPH),
    Route(f"{ON_NODE}/ceph/mds", _none, CEPH),
    Route(f"{ON_NODE}/ceph/fs", _none, CEPH),
]
