"""A guest's configuration: read a few at a time, parsed from Proxmox' property strings."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hune.collect.pve.answers import Record, one_line, record
from hune.collect.pve.cluster import Guest
from hune.collect.pve.rota import Pace, Rota, Round
from hune.collect.pve.source import Source
from hune.pve.errors import BadAnswer

PATH = "/nodes/{node}/{kind}/{vmid}/config"
_TTL_SECONDS = 7200.0
"""What changes beside name, tags, size and place is seen this late: ten thousand guests make 1.4 questions a second."""

_DISK = re.compile(r"(ide|sata|scsi|virtio|efidisk|tpmstate)\d{1,2}|rootfs|mp\d{1,3}", re.ASCII)
_NET = re.compile(r"net\d{1,2}", re.ASCII)
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,6})?)([KMGT]?)", re.ASCII)
_CREATED = re.compile(r"(?:^|,)ctime=(\d{1,12})(?:,|$)", re.ASCII)
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


@dataclass(frozen=True)
class GuestDisk:
    """A disk or mount point; `storage` is empty for what lies outside Proxmox' storages, and `backup` then False."""

    name: str
    storage: str
    size_bytes: int | None
    backup: bool


@dataclass(frozen=True)
class GuestNic:
    """A network interface of a guest; `vlan` is empty without a tag."""

    name: str
    bridge: str
    vlan: str


@dataclass(frozen=True)
class GuestConfig:
    """What is asked of the configuration; `cores` are those of all sockets, `created` is 0 if not known."""

    sockets: int
    cores: int
    memory_bytes: int
    balloon_bytes: int | None
    agent: bool
    onboot: bool
    protection: bool
    ostype: str
    created: float
    disks: tuple[GuestDisk, ...]
    nics: tuple[GuestNic, ...]


def parse(kind: str, answer: Any, where: str) -> GuestConfig:
    """Read a configuration of a `qemu` or `lxc` guest. Raises BadAnswer."""
    config = record(answer, where)
    sockets = config.whole("sockets", 1)
    created = _CREATED.search(config.text("meta", ""))
    # A container without `cores` may use all of its node's: 0.
    cores = sockets * config.whole("cores", 1) if kind == "qemu" else config.whole("cores", 0)
    balloon = config.whole("balloon", -1)
    return GuestConfig(
        sockets=sockets,
        cores=cores,
        memory_bytes=_memory(config) << 20,
        balloon_bytes=balloon << 20 if kind == "qemu" and balloon >= 0 else None,
        agent=_agent(config.text("agent", "0")),
        onboot=config.flag("onboot", False),
        protection=config.flag("protection", False),
        ostype=config.text("ostype", "other" if kind == "qemu" else "unmanaged"),
        created=float(created[1]) if created else 0.0,
        disks=tuple(disk for key in config if _DISK.fullmatch(key) and (disk := _disk(key, config.page(key)))),
        nics=tuple(_nic(key, config.page(key)) for key in config if _NET.fullmatch(key)),
    )


def _memory(config: Record) -> int:
    text = config.text("memory", "512").removeprefix("current=").split(",")[0]
    if not text.isdecimal() or len(text) > 12:
        raise BadAnswer(f"{config.where}: memory is {text!a:.40}, not a number")
    return int(text)


def _agent(text: str) -> bool:
    first, _, _ = text.partition(",")
    return properties(text).get("enabled", first) == "1"


def _disk(key: str, text: str) -> GuestDisk | None:
    first, _, rest = text.partition(",")
    options = properties(rest)
    volume = first.removeprefix("file=").removeprefix("volume=")
    if options.get("media") == "cdrom" or volume in ("none", "cdrom"):
        return None
    storage = volume.partition(":")[0] if ":" in volume and not volume.startswith("/") else ""
    # Of a container's mount points only those are backed up that say so; of a machine's disks all that don't say no.
    default = "0" if key.startswith("mp") else "1"
    backup = bool(storage) and options.get("backup", default) == "1"
    size = _SIZE.fullmatch(options.get("size", ""))
    size_bytes = int(float(size[1]) * _UNITS[size[2]]) if size else None
    return GuestDisk(key, one_line(storage), size_bytes, backup)


def _nic(key: str, text: str) -> GuestNic:
    options = properties(text)
    return GuestNic(key, one_line(options.get("bridge", "")), one_line(options.get("tag", "")))


def properties(text: str) -> Mapping[str, str]:
    """Return the `key=value` pairs of a property string."""
    return dict(part.split("=", 1) for part in text.split(",") if "=" in part)


_ROTA: Rota[str, GuestConfig] = Rota(Pace(ttl_seconds=_TTL_SECONDS, keep_seconds=3 * _TTL_SECONDS))


async def read_configs(source: Source, guests: Iterable[Guest], online: Collection[str]) -> Round[str, GuestConfig]:
    """Return the configurations known so far, by guest's id; new and changed guests are asked first.

    Those of guests on nodes that aren't online stay what was known.
    """
    by_id = {guest.id: guest for guest in guests}

    async def fetch(id_: str) -> GuestConfig:
        guest = by_id[id_]
        path = PATH.format(node=guest.node, kind=guest.kind, vmid=guest.vmid)
        return parse(guest.kind, await source.get(path, max_age_seconds=5), path)

    marks = {guest.id: guest.mark for guest in by_id.values()}
    askable = {guest.id for guest in by_id.values() if guest.node in online}
    return await _ROTA.round(source, marks, fetch, askable=askable)
