"""Disks of each node: size, use, and the SMART values that announce a failure.

hune_pve_disk_healthy{node="pve-01",device="nvme0n1"} 1
hune_pve_disk_wear_ratio{node="pve-01",device="nvme0n1"} 0.03
hune_pve_disk_errors{node="pve-01",device="sda",kind="pending_sectors"} 8
hune_pve_disk_smart_asked{node="pve-01",device="sdb"} 0

smartctl wakes a disk that sleeps. So the list of disks is asked for without SMART, and SMART only, once an hour, of
disks that have nothing to spin up, and of rotating ones that Ceph keeps turning; of all if the settings say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hune.collect.pve.answers import record, records
from hune.collect.pve.asking import ask, each
from hune.collect.pve.cluster import read_cluster
from hune.collect.pve.collector import Collection, Collector, Needs
from hune.collect.pve.families import Exposition, Family
from hune.collect.pve.rota import Pace, Rota
from hune.collect.pve.settings import Settings
from hune.collect.pve.smart import Smart, parse_smart
from hune.pve.errors import Failed, NotThere, PveError

_LIST = "/nodes/{node}/disks/list"
_SMART = "/nodes/{node}/disks/smart"
_LIST_TTL_SECONDS = 600.0
_SMART_TTL_SECONDS = 3600.0
_PACE = Pace(
    ttl_seconds=_SMART_TTL_SECONDS, keep_seconds=3 * _SMART_TTL_SECONDS, batch=64, at_once=4, again_seconds=600
)


def _gauge(name: str, text: str, source: str, privilege: str, *labels: str) -> Family:
    return Family(f"hune_pve_disk_{name}", "gauge", text, ("node", "device", *labels), source, privilege)


def _told(name: str, text: str, *labels: str) -> Family:
    return _gauge(name, text, _SMART, "Sys.Audit on /", *labels)


_INFO = _gauge(
    "info",
    "What a disk is and what uses it.",
    _LIST,
    "Sys.Audit on /nodes/{node}",
    *("type", "model", "serial", "used", "osd"),
)
_SIZE = _gauge("size_bytes", "Size of the disk.", _LIST, "Sys.Audit on /nodes/{node}")
_ASKED = _told(
    "smart_asked", "1 if SMART is read as far as the disk tells it, 0 if it is left alone because that could wake it."
)
_HEALTHY = _told("healthy", "1 if the disk passes its own health test, else 0; absent if it doesn't say.")
_WEAR = _told("wear_ratio", "Share of the rated endurance used, 0 new to 1 worn out; some disks count on.")
_SPARE = _told("spare_ratio", "Share of the spare blocks left, 0 to 1.")
_TEMPERATURE = _told("temperature_celsius", "Temperature of the disk when SMART was last read.")
_POWERED = _told("powered_on_seconds", "Time that the disk has been powered.")
_ERRORS = _told(
    "errors",
    "What the disk counts of its faults: reallocated_sectors, pending_sectors, uncorrectable_sectors, "
    "reported_uncorrectable, crc_errors, media_errors, critical_warning, grown_defects.",
    "kind",
)
_FAILING = _told("attribute_failing", "1 for each SMART attribute at or below its threshold now.", "attribute")


@dataclass(frozen=True)
class Disk:
    """A disk of a node; `device` is its name as the node exporter has it (`sda`)."""

    node: str
    path: str
    device: str
    sleeps: bool
    """It may be in standby, and SMART would wake it."""

    def __str__(self) -> str:
        return f"{_SMART.format(node=self.node)}?disk={self.path}"


def parse_list(node: str, answer: Any, out: Exposition) -> list[Disk]:
    """Turn an answer of `/nodes/{node}/disks/list` into samples; return the disks. Raises BadAnswer."""
    disks = []
    for disk in records(answer, _LIST.format(node=node)):
        path = disk.text("devpath")
        device = path.removeprefix("/dev/")
        kind, osd = disk.text("type", "unknown"), disk.whole("osdid", -1)
        info = (kind, disk.text("model", ""), disk.text("serial", ""), disk.text("used", ""), osd if osd >= 0 else "")
        out.add(_INFO, 1, node, device, *info)
        out.add(_SIZE, disk.amount("size"), node, device)
        disks.append(Disk(node, path, device, sleeps=kind not in ("ssd", "nvme") and osd < 0))
    return disks


def add_smart(disk: Disk, smart: Smart, out: Exposition) -> None:
    """Turn what SMART tells into samples."""
    labels = (disk.node, disk.device)
    values = (
        (_WEAR, smart.wear_ratio),
        (_SPARE, smart.spare_ratio),
        (_TEMPERATURE, smart.temperature_celsius),
        (_POWERED, smart.powered_on_seconds),
    )
    if smart.healthy is not None:
        out.add(_HEALTHY, smart.healthy, *labels)
    for family, value in values:
        if value is not None:
            out.add(family, value, *labels)
    for kind, count in smart.errors.items():
        out.add(_ERRORS, count, *labels, kind)
    for attribute in smart.failing:
        out.add(_FAILING, 1, *labels, attribute)


def make(settings: Settings) -> Collector:
    """Return the collector."""
    rota: Rota[Disk, Smart] = Rota(_PACE)

    async def collect(run: Collection) -> None:
        """Ask each node for its disks, and some disks for SMART."""
        disks: list[Disk] = []

        async def ask_node(node: str) -> None:
            try:
                path = _LIST.format(node=node)
                answer = await ask(run.source, path, {"skipsmart": "1"}, max_age_seconds=_LIST_TTL_SECONDS)
                out = Exposition()
                disks.extend(parse_list(node, answer, out))
            except PveError as error:
                run.missed(error)
            else:
                run.out.extend(out)

        async def ask_smart(disk: Disk) -> Smart:
            path = _SMART.format(node=disk.node)
            answer = await run.source.get(path, {"disk": disk.path}, max_age_seconds=_SMART_TTL_SECONDS / 2)
            return parse_smart(record(answer, str(disk)))

        await each((await read_cluster(run.source)).online, ask_node)
        asked: Mapping[Disk, None] = {disk: None for disk in disks if settings.wake_disks or not disk.sleeps}
        known = await rota.round(run.source, asked, ask_smart)
        for disk in disks:
            run.out.add(_ASKED, disk in asked, disk.node, disk.device)
        for disk, smart in known.facts.items():
            add_smart(disk, smart, run.out)
        for error in known.errors.values():
            # A disk behind a controller, or a virtual one, can't be asked; that a node fails is told by its list.
            if not isinstance(error, (Failed, NotThere)):
                run.missed(error)

    families = (_INFO, _SIZE, _ASKED, _HEALTHY, _WEAR, _SPARE, _TEMPERATURE, _POWERED, _ERRORS, _FAILING)
    needs = (Needs("Sys.Audit", "/"),)
    return Collector(name="disks", scope="cluster", families=families, needs=needs, collect=collect)
