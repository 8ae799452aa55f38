"""Storages: what they are, how full they are, and what lies on them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hune.lab.pve.backups import NIGHTLY_STORAGE, Backup, backups, written_bytes
from hune.lab.pve.cluster import NUMBERS, SAMPLE_SECONDS, Cluster
from hune.lab.pve.guests import GIB, GUESTS, Guest
from hune.lab.pve.routes import ON_NODE, ON_STORAGE, ApiError, Ask, Route
from hune.lab.pve.wave import Wave, spread

Row = dict[str, Any]
_DATASTORE = ("Datastore.Audit", "Datastore.AllocateSpace")
_BACKUPS = "backup"


@dataclass(frozen=True, slots=True)
class Storage:
    """A storage of the cluster; `total_bytes` is what each node, or all of them together, can put on it."""

    name: str
    type: str
    content: str
    total_bytes: int
    used_ratio: float
    is_shared: bool = False
    config: tuple[tuple[str, Any], ...] = ()


_DISKS = "images,rootdir"
STORAGES = (
    Storage("local", "dir", "iso,vztmpl,import", 94 * GIB, 0.21, config=(("path", "/var/lib/vz"),)),
    Storage("local-lvm", "lvmthin", _DISKS, 794 * GIB, 0.43, config=(("vgname", "pve"), ("thinpool", "data"))),
    Storage("local-zfs", "zfspool", _DISKS, 1796 * GIB, 0.31, config=(("pool", "tank/guests"), ("sparse", 1))),
    Storage("ceph-vm", "rbd", _DISKS, 1700 * GIB, 0.24, True, (("pool", "vm"), ("krbd", 0))),
    Storage("nas", "nfs", "backup,iso", 10_900 * GIB, 0.57, True, (("server", "10.10.20.5"), ("export", "/pve"))),
    Storage("pbs", "pbs", "backup", 7_300 * GIB, 0.46, True, (("server", "10.10.20.6"), ("datastore", "main"))),
)
BY_NAME = {storage.name: storage for storage in STORAGES}


@dataclass(frozen=True, slots=True)
class Space:
    """How much room there is, and how much of it is taken, in bytes."""

    total: int
    used: int

    @property
    def free(self) -> int:
        return self.total - self.used

    @property
    def ratio(self) -> float:
        return self.used / self.total


def space(cluster: Cluster, number: int, storage: Storage, moment: float) -> Space:
    """Return how full a storage is, as a node sees it."""
    fault = cluster.pve.find("fill", f"{cluster.machine(number).name}/{storage.name}", storage.name)
    # What was measured before the fault stays as it was; the last measurement is renewed at once.
    if fault is not None and fault.value is not None and moment > fault.since - SAMPLE_SECONDS:
        return Space(storage.total_bytes, int(storage.total_bytes * fault.value / 100))
    place = "" if storage.is_shared else f"/{number}"
    ratio = storage.used_ratio * (0.9 + 0.2 * spread(f"storage/{storage.name}{place}"))
    used = storage.total_bytes * Wave(ratio, 0.004, storage.name + place).at(moment)
    if storage.name == NIGHTLY_STORAGE:
        used += written_bytes(cluster.pve, moment)
    return Space(storage.total_bytes, int(used))


def root(ask: Ask, number: int) -> Space:
    """Return how full a node's root file system is, which its storage `local` lies on."""
    return space(ask.cluster, number, BY_NAME["local"], ask.cluster.sampled)


def resources(ask: Ask) -> Iterator[Row]:
    """Return the storages as `/cluster/resources` lists them."""
    for number in NUMBERS:
        node = ask.cluster.name(number)
        for storage in STORAGES:
            row: Row = {
                "content": storage.content,
                "id": f"storage/{node}/{storage.name}",
                "node": node,
                "plugintype": storage.type,
                "shared": int(storage.is_shared),
                "status": "unknown",
                "storage": storage.name,
                "type": "storage",
            }
            if ask.cluster.sees(number):
                room = space(ask.cluster, number, storage, ask.cluster.sampled)
                row |= {"disk": room.used, "maxdisk": room.total, "status": "available"}
            yield row


def _listed(ask: Ask, storage: Storage) -> Row:
    room = space(ask.cluster, ask.node, storage, ask.cluster.sampled)
    return {
        "active": 1,
        "avail": room.free,
        "content": storage.content,
        "enabled": 1,
        "shared": int(storage.is_shared),
        "storage": storage.name,
        "total": room.total,
        "type": storage.type,
        "used": room.used,
        "used_fraction": room.ratio,
    }


def _on_node(ask: Ask) -> list[Row]:
    if "Datastore.Audit" not in ask.privileges:
        return []
    wanted, content = ask.params.get("storage"), ask.params.get("content")
    return [
        _listed(ask, storage)
        for storage in STORAGES
        if wanted in (None, storage.name) and (content is None or content in storage.content.split(","))
    ]


def _named(ask: Ask) -> Storage:
    storage = BY_NAME.get(ask.path["storage"])
    if storage is None:
        raise ApiError(500, f"storage '{ask.path['storage']}' does not exist")
    return storage


def _status(ask: Ask) -> Row:
    row = _listed(ask, _named(ask))
    return {key: value for key, value in row.items() if key not in ("storage", "used_fraction")}


def _configured(_: Ask) -> list[Row]:
    return [
        {
            "content": storage.content,
            "digest": f"{0x5A:040x}",
            "shared": int(storage.is_shared),
            "storage": storage.name,
            "type": storage.type,
        }
        | dict(storage.config)
        for storage in STORAGES
    ]


def _content(ask: Ask) -> list[Row]:
    storage = _named(ask)
    wanted = ask.params.get("content")
    vmid = ask.integer("vmid", 0)
    rows: list[Row] = []
    # Without a word Proxmox leaves out the backups that an account may not read.
    readable = {"Datastore.AllocateSpace", "VM.Backup"}.issubset(ask.privileges)
    if readable and _BACKUPS in storage.content and wanted in (None, _BACKUPS):
        cluster = ask.cluster
        rows += [
            _backup(backup)
            for guest in GUESTS
            if vmid in (0, guest.vmid)
            for backup in backups(cluster.pve, guest, _last_seen(cluster, guest), storage.name)
        ]
    if "images" in storage.content and wanted in (None, "images", "rootdir"):
        rows += _disks(ask, storage, vmid, wanted)
    return rows


def _last_seen(cluster: Cluster, guest: Guest) -> float:
    """Return until when a guest could be backed up: while its node lives."""
    since = cluster.node(cluster.placed[guest.vmid].node).down_since
    return cluster.now if since is None else since


def _backup(backup: Backup) -> Row:
    row: Row = {
        "content": _BACKUPS,
        "ctime": int(backup.taken),
        "format": backup.format,
        "notes": backup.guest.name,
        "size": backup.size_bytes,
        "subtype": backup.guest.kind,
        "vmid": backup.guest.vmid,
        "volid": backup.volid,
    }
    if backup.verified:
        upid = f"UPID:pbs:000003D1:0001A2B3:00000009:{int(backup.taken):08X}:verificationjob:main:root@pam:"
        row["verification"] = {"state": backup.verified, "upid": upid}
    return row


def _disks(ask: Ask, storage: Storage, vmid: int, wanted: str | None) -> Iterator[Row]:
    for guest in GUESTS:
        content = "images" if guest.kind == "qemu" else "rootdir"
        if guest.storage != storage.name or vmid not in (0, guest.vmid) or wanted not in (None, content):
            continue
        placed = ask.cluster.placed[guest.vmid]
        if storage.is_shared or placed.node == ask.node or guest.replica == ask.node:
            yield {
                "content": content,
                "ctime": 1_700_000_000 + guest.vmid,
                "format": "subvol" if guest.volume.startswith("subvol") else "raw",
                "size": guest.disk_bytes,
                "vmid": guest.vmid,
                "volid": f"{storage.name}:{guest.volume}",
            }


ROUTES = [
    Route("/storage", _configured),
    Route(f"{ON_NODE}/storage", _on_node),
    Route(f"{ON_NODE}/storage/{{storage}}/status", _status, _DATASTORE, ON_STORAGE),
    Route(f"{ON_NODE}/storage/{{storage}}/content", _content, _DATASTORE, ON_STORAGE),
]
