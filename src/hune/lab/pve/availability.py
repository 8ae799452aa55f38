"""High availability, replication and backup jobs."""

from __future__ import annotations

import time
from typing import Any

from hune.lab.pve import backups
from hune.lab.pve.cluster import FENCE_SECONDS, NUMBERS, Cluster
from hune.lab.pve.guests import GUESTS, Guest
from hune.lab.pve.routes import ON_NODE, SYS, ApiError, Ask, Route
from hune.lab.pve.wave import spread

Row = dict[str, Any]
_REPLICATION_SECONDS = 900.0
_SETTLED_AFTER = 5.0
_MANAGED = tuple(guest for guest in GUESTS if guest.ha)
_REPLICATED = tuple(guest for guest in GUESTS if guest.replica)


def _beat(cluster: Cluster, number: int) -> int:
    """Return when a node's resource manager was last heard of."""
    since = cluster.node(number).down_since
    alive = cluster.now if since is None or cluster.sees(number) else since
    return int(alive) - (int(alive) + number) % 10


def _current(ask: Ask) -> list[Row]:
    cluster = ask.cluster
    here, master = cluster.name(cluster.here), cluster.name(cluster.master)
    quorum = "OK" if cluster.is_quorate else "No quorum on node '" + here + "'!"
    beat = _beat(cluster, cluster.master)
    rows: list[Row] = [
        {"id": "quorum", "node": here, "quorate": int(cluster.is_quorate), "status": quorum, "type": "quorum"},
        {
            "id": "master",
            "node": master,
            "status": f"{master} ({_manager_state(cluster)}, {time.ctime(beat)})",
            "timestamp": beat,
            "type": "master",
        },
    ]
    for number in NUMBERS:
        name, beat = cluster.name(number), _beat(cluster, number)
        dead = not cluster.sees(number) and cluster.now - beat > FENCE_SECONDS
        mode = "old timestamp - dead?" if dead else "active" if cluster.is_quorate else "lost agent lock"
        rows.append(
            {
                "id": f"lrm:{name}",
                "node": name,
                "status": f"{name} ({mode}, {time.ctime(beat)})",
                "timestamp": beat,
                "type": "lrm",
            }
        )
    for guest in _MANAGED:
        placed = cluster.placed[guest.vmid]
        node = cluster.name(placed.node)
        rows.append(
            {
                "crm_state": placed.hastate,
                "failback": 1,
                "id": f"service:{guest.sid}",
                "max_relocate": 1,
                "max_restart": 1,
                "node": node,
                "request_state": _requested(cluster, guest),
                "sid": guest.sid,
                "state": placed.hastate,
                "status": f"{node} ({placed.hastate})",
                "type": "service",
            }
        )
    return rows


def _manager_state(cluster: Cluster) -> str:
    return "active" if cluster.is_quorate else "old timestamp - dead?"


def _requested(cluster: Cluster, guest: Guest) -> str:
    return "stopped" if cluster.pve.find("stop", str(guest.vmid)) else "started"


def _manager_status(ask: Ask) -> Row:
    cluster = ask.cluster
    services = {
        guest.sid: {
            "node": cluster.name(placed.node),
            "running": int(placed.is_running),
            "state": placed.hastate,
            "uid": f"uid{guest.vmid}",
        }
        for guest in _MANAGED
        for placed in (cluster.placed[guest.vmid],)
    }
    return {
        "lrm_status": {
            cluster.name(number): {
                "mode": "active",
                "results": {},
                "state": "active" if cluster.sees(number) and cluster.is_quorate else "lost_agent_lock",
                "timestamp": _beat(cluster, number),
            }
            for number in NUMBERS
        },
        "manager_status": {
            "master_node": cluster.name(cluster.master),
            "node_status": {cluster.name(number): cluster.ha_node_state(number) for number in NUMBERS},
            "service_status": services,
            "timestamp": _beat(cluster, cluster.master),
        },
        "quorum": {"node": cluster.name(cluster.here), "quorate": str(int(cluster.is_quorate))},
    }


def _ha_resources(ask: Ask) -> list[Row]:
    return [
        {
            "digest": f"{0x4A:040x}",
            "failback": 1,
            "max_relocate": 1,
            "max_restart": 1,
            "sid": guest.sid,
            "state": _requested(ask.cluster, guest),
            "type": guest.sid.partition(":")[0],
        }
        for guest in _MANAGED
    ]


def _ha_groups(_: Ask) -> list[Row]:
    # Since Proxmox VE 9 rules stand in their place.
    raise ApiError(500, "cannot index groups: ha groups have been migrated to rules")


def _ha_rules(ask: Ask) -> list[Row]:
    return [
        {
            "digest": f"{0x4B:040x}",
            "nodes": ",".join(f"{ask.cluster.name(other)}:{1 + (other == number)}" for other in NUMBERS),
            "order": index,
            "resources": ",".join(guest.sid for guest in _MANAGED if guest.home == number),
            "rule": f"prefer-{ask.cluster.name(number)}",
            "strict": 0,
            "type": "node-affinity",
        }
        for index, number in enumerate(NUMBERS, 1)
    ]


def _job(cluster: Cluster, guest: Guest) -> Row:
    return {
        "guest": guest.vmid,
        "id": f"{guest.vmid}-0",
        "jobnum": 0,
        "schedule": "*/15",
        "source": cluster.name(guest.home),
        "target": cluster.name(guest.replica),
        "type": "local",
    }


def replication_state(cluster: Cluster, guest: Guest) -> Row:
    """Return how a guest's replication stands: `fail_count`, `error`, and the moments of the last and next try."""
    now, lag = cluster.now, _SETTLED_AFTER + guest.vmid % 40

    def due(moment: float) -> float:
        """Return when the job last was due."""
        return (moment - lag) // _REPLICATION_SECONDS * _REPLICATION_SECONDS + lag

    fault, dead_since = cluster.pve.find("fail-replication", str(guest.vmid)), cluster.node(guest.replica).down_since
    synced = tried = due(now)
    failures, error = 0, ""
    if fault is not None:
        # Noticed at once, not when the job is due again.
        failures, error = 1 + round((tried - due(fault.since)) / _REPLICATION_SECONDS), "out of space"
        synced, tried = due(fault.since), max(tried, fault.since)
    elif dead_since is not None:
        synced, error = due(dead_since), "No route to host"
        failures = round((tried - synced) / _REPLICATION_SECONDS)
    state: Row = {
        "duration": round(2 + 5 * spread(f"replication/{guest.vmid}/{int(synced)}"), 6),
        "fail_count": failures,
        "last_sync": int(synced),
        "last_try": int(tried),
        "next_sync": int(due(now) + _REPLICATION_SECONDS),
    }
    if failures:
        state["error"] = f"command 'zfs recv' on {cluster.name(guest.replica)} failed: {error}"
    return state


def _jobs(ask: Ask) -> list[Row]:
    return [_job(ask.cluster, guest) for guest in _REPLICATED]


def _replication(ask: Ask) -> list[Row]:
    if "VM.Audit" not in ask.privileges:
        return []
    wanted = ask.integer("guest", 0)
    return [
        _job(ask.cluster, guest) | {"vmtype": guest.kind} | replication_state(ask.cluster, guest)
        for guest in _REPLICATED
        if ask.cluster.placed[guest.vmid].node == ask.node and wanted in (0, guest.vmid)
    ]


def _replication_status(ask: Ask) -> Row:
    for row in _replication(ask):
        if row["id"] == ask.path["id"]:
            return row
    raise ApiError(500, f"no such replication job '{ask.path['id']}'")


def _backup_jobs(ask: Ask) -> list[Row]:
    now = ask.cluster.now
    nightly = backups.last_run(now, backups.NIGHTLY_SECONDS) + backups.DAY
    weekly = backups.last_run(now, backups.WEEKLY_SECONDS, every_days=7) + 7 * backups.DAY
    keep: Row = {"keep-daily": backups.KEEP_DAILY, "keep-weekly": backups.KEEP_WEEKLY}
    shared: Row = {"enabled": 1, "mode": "snapshot", "notes-template": "{{guestname}}", "type": "vzdump"}
    return [
        shared
        | {
            "all": 1,
            "comment": "every night, to the backup server",
            "exclude": ",".join(str(guest.vmid) for guest in GUESTS if not guest.is_backed_up),
            "id": backups.NIGHTLY_ID,
            "next-run": int(nightly),
            "prune-backups": keep,
            "schedule": "02:30",
            "storage": backups.NIGHTLY_STORAGE,
        },
        shared
        | {
            "comment": "databases, every Sunday, to the NAS",
            "compress": "zstd",
            "id": backups.WEEKLY_ID,
            "next-run": int(weekly),
            "prune-backups": {"keep-weekly": backups.KEEP_WEEKLY},
            "schedule": "sun 04:00",
            "storage": backups.WEEKLY_STORAGE,
            "vmid": ",".join(str(guest.vmid) for guest in backups.WEEKLY_GUESTS),
        },
    ]


def _not_backed_up(_: Ask) -> list[Row]:
    return [
        {"name": guest.name, "type": guest.kind, "vmid": guest.vmid}
        for guest in GUESTS
        if guest not in backups.NIGHTLY_GUESTS and guest not in backups.WEEKLY_GUESTS
    ]


def _included(ask: Ask) -> Row:
    jobs = {backups.NIGHTLY_ID: backups.NIGHTLY_GUESTS, backups.WEEKLY_ID: backups.WEEKLY_GUESTS}
    if ask.path["id"] not in jobs:
        raise ApiError(400, "Parameter verification failed.", errors={"id": "No such job"})
    return {
        "children": [
            {
                "children": [
                    {
                        "id": "scsi0" if guest.kind == "qemu" else "rootfs",
                        "included": 1,
                        "name": f"{guest.storage}:{guest.volume}",
                        "reason": "enabled" if guest.kind == "qemu" else "root",
                    }
                ],
                "id": guest.vmid,
                "name": guest.name,
                "type": guest.kind,
            }
            for guest in jobs[ask.path["id"]]
        ]
    }


ROUTES = [
    Route("/cluster/ha/status/current", _current, SYS),
    Route("/cluster/ha/status/manager_status", _manager_status, SYS),
    Route("/cluster/ha/resources", _ha_resources, SYS),
    Route("/cluster/ha/groups", _ha_groups, SYS),
    Route("/cluster/ha/rules", _ha_rules, SYS),
    Route("/cluster/replication", _jobs),
    Route(f"{ON_NODE}/replication", _replication),
    Route(f"{ON_NODE}/replication/{{id}}/status", _replication_status),
    Route("/cluster/backup", _backup_jobs, SYS),
    Route("/cluster/backup/{id}/included_volumes", _included, SYS),
    Route("/cluster/backup-info/not-backed-up", _not_backed_up, SYS),
]
