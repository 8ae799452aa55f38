"""File systems inside virtual machines, told by the guest agent: what Proxmox itself shows as a disk of use 0.

hune_pve_guest_filesystem_size_bytes{id="qemu/100",node="pve-01",mountpoint="/",type="ext4"} 33554432000
hune_pve_guest_filesystem_used_bytes{id="qemu/100",node="pve-01",mountpoint="/",type="ext4"} 21474836480
hune_pve_guest_agent_responding{id="qemu/101",node="pve-01"} 0

Asked are running machines whose agent is enabled, every five minutes, four at a time: an agent that hangs costs one of
the four a few seconds, and is left in peace for longer each time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hune.collect.pve.answers import record
from hune.collect.pve.cluster import Guest, read_cluster, read_guests
from hune.collect.pve.collector import Collection, Collector, Needs
from hune.collect.pve.families import Exposition, Family
from hune.collect.pve.guest_config import read_configs
from hune.collect.pve.rota import Pace, Rota
from hune.pve.errors import BadAnswer, Forbidden

_PATH = "/nodes/{node}/qemu/{vmid}/agent/get-fsinfo"
_PRIVILEGE = "VM.GuestAgent.Audit on /vms/{vmid} (before 9: VM.Monitor)"
_TTL_SECONDS = 300.0
_PACE = Pace(ttl_seconds=_TTL_SECONDS, keep_seconds=3 * _TTL_SECONDS, batch=100, at_once=4, patience_seconds=2.5)
_MOST = 64
"""File systems of one guest that are told."""


def _gauge(name: str, text: str, *labels: str) -> Family:
    return Family(f"hune_pve_guest_{name}", "gauge", text, ("id", "node", *labels), _PATH, _PRIVILEGE)


_SIZE = _gauge("filesystem_size_bytes", "Size of a file system inside a virtual machine.", "mountpoint", "type")
_USED = _gauge("filesystem_used_bytes", "File system inside a virtual machine in use.", "mountpoint", "type")
_RESPONDING = _gauge("agent_responding", "1 if the guest agent answered when last asked, else 0.")
# Images mounted read-only are always full, and say nothing.
_IMAGES = frozenset({"squashfs", "iso9660", "udf", "cdfs", "erofs"})


@dataclass(frozen=True)
class FileSystem:
    """A file system of a guest, in bytes."""

    mountpoint: str
    type: str
    size: float
    used: float


def parse(answer: Any, where: str) -> tuple[FileSystem, ...]:
    """Read an answer of `get-fsinfo`: one entry a device, that of the shortest mount point. Raises BadAnswer."""
    whole = record(answer, where)
    by_device: dict[str, FileSystem] = {}
    for entry in whole.records("result"):
        kind = entry.text("type", "")
        if kind.lower() in _IMAGES or "total-bytes" not in entry:
            continue
        found = FileSystem(entry.text("mountpoint"), kind, entry.amount("total-bytes"), entry.amount("used-bytes", 0))
        if found.size == 0:
            continue
        if found.used > found.size:
            raise BadAnswer(f"{entry.where}: more bytes used than there are")
        device = entry.text("name", found.mountpoint)
        known = by_device.get(device)
        if known is None or len(found.mountpoint) < len(known.mountpoint):
            by_device[device] = found
    distinct = {found.mountpoint: found for found in by_device.values()}
    return tuple(distinct[mountpoint] for mountpoint in sorted(distinct, key=lambda name: (len(name), name))[:_MOST])


def add(guest: Guest, systems: tuple[FileSystem, ...], out: Exposition) -> None:
    """Turn a guest's file systems into samples."""
    for system in systems:
        labels = (guest.id, guest.node, system.mountpoint, system.type)
        out.add(_SIZE, system.size, *labels)
        out.add(_USED, system.used, *labels)


def make() -> Collector:
    """Return the collector."""
    rota: Rota[str, tuple[FileSystem, ...]] = Rota(_PACE)

    async def collect(run: Collection) -> None:
        """Ask the agents that are due."""
        guests = await read_guests(run.source)
        online = set((await read_cluster(run.source)).online)
        configs = (await read_configs(run.source, guests, online)).facts
        able = {
            guest.id: guest
            for guest in guests
            if guest.kind == "qemu" and guest.running and guest.node in online and not guest.template
            if guest.id in configs and configs[guest.id].agent
        }

        async def fetch(id_: str) -> tuple[FileSystem, ...]:
            path = _PATH.format(node=able[id_].node, vmid=able[id_].vmid)
            return parse(await run.source.get(path, max_age_seconds=_TTL_SECONDS / 2), path)

        known = await rota.round(run.source, {id_: guest.node for id_, guest in able.items()}, fetch)
        for id_, systems in known.facts.items():
            add(able[id_], systems, run.out)
        forbidden: Forbidden | None = None
        for id_, guest in able.items():
            error = known.errors.get(id_)
            if isinstance(error, Forbidden):
                forbidden = forbidden or error
            elif isinstance(error, BadAnswer):
                run.missed(error)
            elif error is not None:
                # An agent that is enabled but isn't there says something about the guest, nothing about this collector.
                run.out.add(_RESPONDING, 0, id_, guest.node)
            elif id_ in known.facts:
                run.out.add(_RESPONDING, 1, id_, guest.node)
        if forbidden is not None:
            run.missed(forbidden)

    families = (_SIZE, _USED, _RESPONDING)
    needs = (Needs("VM.GuestAgent.Audit", "/vms"), Needs("VM.Audit", "/vms"))
    return Collector(name="guest-filesystems", scope="cluster", families=families, needs=needs, collect=collect)
