"""What each guest is configured to be: few series a guest, refreshed every two hours, or when the guest changes.

hune_pve_guest_config_info{id="qemu/100",node="pve-01",ostype="l26",agent="1",onboot="1",protection="0"} 1
hune_pve_guest_cores{id="qemu/100",node="pve-01"} 4
hune_pve_guest_disk_size_bytes{id="qemu/100",node="pve-01",disk="scsi0",storage="tank",backup="1"} 34359738368
hune_pve_guest_nic_info{id="qemu/100",node="pve-01",nic="net0",bridge="vmbr0",vlan="20"} 1
"""

from __future__ import annotations

from hune.collect.pve.cluster import Guest, read_cluster, read_guests
from hune.collect.pve.collector import Collection, Collector, Needs
from hune.collect.pve.families import Exposition, Family
from hune.collect.pve.guest_config import PATH, GuestConfig, read_configs
from hune.pve.errors import NotThere


def _gauge(name: str, text: str, *labels: str) -> Family:
    return Family(f"hune_pve_guest_{name}", "gauge", text, ("id", "node", *labels), PATH, "VM.Audit on /vms/{vmid}")


_INFO = _gauge("config_info", "Facts of a guest's configuration.", "ostype", "agent", "onboot", "protection")
_SOCKETS = _gauge("sockets", "CPU sockets of a virtual machine.")
_CORES = _gauge(
    "cores", "CPU cores of a guest, those of all sockets; 0 for a container that may use all of its node's."
)
_MEMORY = _gauge("memory_configured_bytes", "Memory that a guest is configured to have.")
_BALLOON = _gauge(
    "balloon_bytes", "Memory down to which ballooning may shrink a virtual machine; 0: ballooning is off."
)
_DISK = _gauge(
    "disk_size_bytes",
    "Size of a guest's disk or mount point; backup is 1 if backups take it along.",
    "disk",
    "storage",
    "backup",
)
_NIC = _gauge("nic_info", "Where a guest's network interface is plugged in.", "nic", "bridge", "vlan")


def add(guest: Guest, config: GuestConfig, out: Exposition) -> None:
    """Turn a guest's configuration into samples."""
    labels = (guest.id, guest.node)
    out.add(_INFO, 1, *labels, config.ostype, int(config.agent), int(config.onboot), int(config.protection))
    if guest.kind == "qemu":
        out.add(_SOCKETS, config.sockets, *labels)
    out.add(_CORES, config.cores, *labels)
    out.add(_MEMORY, config.memory_bytes, *labels)
    if config.balloon_bytes is not None:
        out.add(_BALLOON, config.balloon_bytes, *labels)
    for disk in config.disks:
        if disk.size_bytes is not None:
            out.add(_DISK, disk.size_bytes, *labels, disk.name, disk.storage, int(disk.backup))
    for nic in config.nics:
        out.add(_NIC, 1, *labels, nic.name, nic.bridge, nic.vlan)


async def collect(run: Collection) -> None:
    """Ask for the configurations that are due; guests on nodes that are offline keep what was known."""
    guests = {guest.id: guest for guest in await read_guests(run.source)}
    known = await read_configs(run.source, guests.values(), (await read_cluster(run.source)).online)
    for id_, config in known.facts.items():
        add(guests[id_], config, run.out)
    for error in known.errors.values():
        # A guest that was removed a moment ago is no fault.
        if not isinstance(error, NotThere):
            run.missed(error)


COLLECTOR = Collector(
    name="guest-config",
    scope="cluster",
    families=(_INFO, _SOCKETS, _CORES, _MEMORY, _BALLOON, _DISK, _NIC),
    needs=(Needs("VM.Audit", "/vms"),),
    collect=collect,
)
