"""Disks and ZFS pools of a node: an NVMe disk with Proxmox on it, an SSD for Ceph, two mirrored in the pool `tank`."""

from __future__ import annotations

from typing import Any

from hune.lab.hardware import SATA_MODEL, sata_serial
from hune.lab.pve.ceph import osd_of
from hune.lab.pve.guests import GIB
from hune.lab.pve.routes import ON_NODE, SYS, ApiError, Ask, Route
from hune.lab.pve.storages import BY_NAME, space

Row = dict[str, Any]
POOL = "tank"
POOL_BYTES = 1856 * GIB
_NVME = "/dev/nvme0n1"
OSD_DISK = "/dev/sda"
_MIRROR = ("/dev/sdb", "/dev/sdc")
_SATA_BYTES = 2_000_398_934_016


def _failing(ask: Ask, device: str) -> float | None:
    """Return the wear in percent of a disk that was made to fail, None for one that is well."""
    fault = ask.cluster.pve.find("fail-disk", ask.cluster.machine(ask.node).name)
    return fault.value if fault is not None and device == OSD_DISK else None


def _wear(ask: Ask, device: str) -> int:
    """Return the percentage of its writes that a disk has used up."""
    failing = _failing(ask, device)
    return 3 * ask.node + len(device) % 5 if failing is None else int(failing)


def _list(ask: Ask) -> list[Row]:
    nvme: Row = {
        "by_id_link": f"/dev/disk/by-id/nvme-Samsung_SSD_970_EVO_Plus_1TB_LAB{ask.node:011d}",
        "model": "Samsung SSD 970 EVO Plus 1TB",
        "serial": f"LAB{ask.node:011d}",
        "size": 1_000_204_886_016,
        "type": "nvme",
        "used": "BIOS boot",
    }
    disks = [_disk(ask, _NVME, nvme)]
    for device in (OSD_DISK, *_MIRROR):
        serial = sata_serial(ask.node, device.removeprefix("/dev/"))
        disk: Row = {
            "by_id_link": f"/dev/disk/by-id/{_link(ask, device)}",
            "model": SATA_MODEL.replace(" ", "_"),
            "serial": serial,
            "size": _SATA_BYTES,
            "type": "ssd",
            "used": "LVM" if device == OSD_DISK else "ZFS",
        }
        if device == OSD_DISK:
            disk |= {"osdid": osd_of(ask.node), "osdid-list": [osd_of(ask.node)], "bluestore": 1, "osdencrypted": 0}
        disks.append(_disk(ask, device, disk))
    return disks


def _disk(ask: Ask, device: str, facts: Row) -> Row:
    skipped = ask.flag("skipsmart")
    row: Row = {
        "devpath": device,
        "gpt": 1,
        "health": "UNKNOWN" if skipped else _health(ask, device),
        "mounted": 0,
        "osdid": -1,
        "osdid-list": [],
        "rpm": 0,
        "vendor": "ATA" if device != _NVME else "unknown",
        "wearout": "N/A" if skipped else 100 - _wear(ask, device),
        "wwn": f"eui.0025385{ask.node:09x}",
    }
    return row | facts


def _link(ask: Ask, device: str) -> str:
    return f"ata-{SATA_MODEL.replace(' ', '_')}_{sata_serial(ask.node, device.removeprefix('/dev/'))}"


def _health(ask: Ask, device: str) -> str:
    return "PASSED" if _failing(ask, device) is None else "FAILED"


def _smart(ask: Ask) -> Row:
    device = ask.needed("disk")
    if device not in (_NVME, OSD_DISK, *_MIRROR):
        raise ApiError(500, f"not a valid disk path '{device}'")
    if ask.flag("healthonly"):
        return {"health": _health(ask, device)}
    wear = _wear(ask, device)
    hours = ask.cluster.sampled_uptime(ask.node) // 3600 + 9_000
    if device == _NVME:
        text = (
            f"\nSMART/Health Information (NVMe Log 0x02)\nCritical Warning:                   0x00\n"
            f"Temperature:                        41 Celsius\nAvailable Spare:                    100%\n"
            f"Percentage Used:                    {wear}%\nPower On Hours:                     {hours}\n"
            "Media and Data Integrity Errors:    0\n"
        )
        return {"health": _health(ask, device), "text": text, "type": "text", "wearout": 100 - wear}
    reallocated = 0 if _failing(ask, device) is None else 1_208
    table = (
        (5, "Reallocated_Sector_Ct", 100 if not reallocated else 3, 10, reallocated),
        (9, "Power_On_Hours", 98, 0, hours),
        (12, "Power_Cycle_Count", 99, 0, 31),
        (177, "Wear_Leveling_Count", 100 - wear, 0, wear * 14),
        (194, "Temperature_Celsius", 66, 0, 34),
        (197, "Current_Pending_Sector", 100, 0, 0),
        (199, "UDMA_CRC_Error_Count", 100, 0, 0),
    )
    attributes = [
        {
            "fail": "FAILING_NOW" if value < threshold else "-",
            "flags": "-O--CK",
            "id": f"{number:>3}",
            "name": name,
            "normalized": value,
            "raw": str(raw),
            "threshold": threshold,
            "value": value,
            "worst": value,
        }
        for number, name, value, threshold, raw in table
    ]
    return {"attributes": attributes, "health": _health(ask, device), "type": "ata", "wearout": 100 - wear}


def _is_degraded(ask: Ask) -> bool:
    return ask.cluster.pve.find("degrade-pool", ask.cluster.machine(ask.node).name) is not None


def _pools(ask: Ask) -> list[Row]:
    used = int(space(ask.cluster, ask.node, BY_NAME["local-zfs"], ask.cluster.sampled).ratio * POOL_BYTES)
    return [
        {
            "alloc": used,
            "dedup": 1,
            "frag": 4 + 3 * ask.node,
            "free": POOL_BYTES - used,
            "health": "DEGRADED" if _is_degraded(ask) else "ONLINE",
            "name": POOL,
            "size": POOL_BYTES,
        }
    ]


def _pool(ask: Ask) -> Row:
    if ask.path["name"] != POOL:
        raise ApiError(500, f"cannot open '{ask.path['name']}': no such pool")
    degraded = _is_degraded(ask)

    def vdev(name: str, state: str, **more: Any) -> Row:
        counts = {"cksum": 0, "read": 0, "write": 0}
        if state == "FAULTED":
            counts |= {"read": 12, "write": 87}
        return {"leaf": int("children" not in more), "msg": "", "name": name, "state": state} | counts | more

    links = [_link(ask, device) for device in _MIRROR]
    leaves = [vdev(links[0], "ONLINE"), vdev(links[1], "FAULTED" if degraded else "ONLINE")]
    if degraded:
        leaves[1]["msg"] = "too many errors"
    state = "DEGRADED" if degraded else "ONLINE"
    mirror = vdev("mirror-0", state, children=leaves)
    row: Row = {
        "children": [vdev(POOL, state, children=[mirror])],
        "errors": "No known data errors",
        "leaf": 0,
        "name": POOL,
        "scan": "scrub repaired 0B in 00:21:14 with 0 errors",
        "state": state,
    }
    if degraded:
        row |= {
            "action": "Replace the faulted device, or use 'zpool clear' to mark the device repaired.",
            "status": "One or more devices are faulted in response to persistent errors.",
        }
    return row


ROUTES = [
    Route(f"{ON_NODE}/disks/list", _list, SYS, ON_NODE),
    Route(f"{ON_NODE}/disks/smart", _smart, SYS),
    Route(f"{ON_NODE}/disks/zfs", _pools, SYS),
    Route(f"{ON_NODE}/disks/zfs/{{name}}", _pool, SYS),
]
