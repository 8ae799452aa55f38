"""What the simulated machines are made of: Lenovo ThinkCentre M920q Tiny with an Intel X520, running Proxmox VE.

Six-core i5-8500T, 32 GB, an NVMe disk and three SATA SSDs, a gigabit port on board, two SFP+ ports, and 30 running
guests behind firewall bridges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

CORES = 6
MEMORY_KIB = 32_610_204
GUESTS = 30  # running ones on each
TICKS_PER_SECOND = 100  # USER_HZ: what the kernel counts CPU time in

Kind = Literal["physical", "loopback", "bridge", "tap", "veth"]


@dataclass(frozen=True, slots=True)
class Port:
    """A network device; `bus` is the directory of its parent below `devices/`."""

    name: str
    index: int
    kind: Kind
    address: str
    megabits: int | None = None
    bus: str = "virtual"
    mtu: int = 1500
    peer: int | None = None
    guest: int | None = None

    @property
    def path(self) -> str:
        """The directory of the device below the root of sysfs."""
        return f"devices/{self.bus}/net/{self.name}"


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine: who it is, its own ports, and how busy and warm it usually is."""

    name: str
    address: str
    number: int
    age_seconds: int
    busy: float
    warmth_celsius: float
    memory_used_ratio: float
    ports: tuple[Port, ...]

    @property
    def switchable(self) -> tuple[Port, ...]:
        """The ports that have a cable."""
        return tuple(port for port in self.ports if port.kind == "physical")


SATA_DISKS = ("sda", "sdb", "sdc")
SATA_MODEL = "Samsung SSD 870 EVO 2TB"
SATA_SECTORS = 3_907_029_168  # of 512 bytes


def sata_serial(number: int, disk: str) -> str:
    """Return the serial number of a SATA disk of a machine."""
    return f"LABS{number:02d}{disk.upper():0>8}"


ONBOARD = "eno1"
SFP_PORTS = ("enp1s0f0", "enp1s0f1")


def _ports(number: int) -> tuple[Port, ...]:
    made = [
        Port("lo", 1, "loopback", "00:00:00:00:00:00", mtu=65536),
        Port(ONBOARD, 2, "physical", f"6c:4b:90:1e:20:{number:02x}", 1000, "pci0000:00/0000:00:1f.6"),
        *(
            Port(name, 3 + i, "physical", f"90:e2:ba:5c:{number:02x}:{i:02x}", 10_000, _x520(i), mtu=9000)
            for i, name in enumerate(SFP_PORTS)
        ),
        Port("vmbr0", 5, "bridge", f"6c:4b:90:1e:20:{number:02x}", 1000),
    ]
    return tuple(made)


def _x520(function: int) -> str:
    return f"pci0000:00/0000:00:01.0/0000:01:00.{function}"


def guest_ports(vmid: int, guest_kind: Literal["qemu", "lxc"]) -> tuple[Port, ...]:
    """Return what Proxmox makes for one network card with the firewall on: tap or veth → fwbr ← fwln ═ fwpr → vmbr0.

    It is there while the guest runs.
    """
    own, bridge, inner, outer = range(4 * vmid, 4 * vmid + 4)
    tail = f"{vmid >> 8:02x}:{vmid & 255:02x}"
    kind: Kind = "tap" if guest_kind == "qemu" else "veth"
    return (
        Port(f"{kind}{vmid}i0", own, kind, f"fe:54:00:01:{tail}", 10_000, guest=vmid),
        Port(f"fwbr{vmid}i0", bridge, "bridge", f"ba:10:00:02:{tail}", 10_000, guest=vmid),
        Port(f"fwpr{vmid}p0", outer, "veth", f"ba:10:00:03:{tail}", 10_000, peer=inner, guest=vmid),
        Port(f"fwln{vmid}i0", inner, "veth", f"ba:10:00:04:{tail}", 10_000, peer=outer, guest=vmid),
    )


_DAY = 86_400
MACHINES: tuple[Machine, ...] = (
    Machine("pve-01", "127.0.1.11", 1, 41 * _DAY + 7_260, 0.16, 0.0, 0.48, _ports(1)),
    Machine("pve-02", "127.0.1.12", 2, 41 * _DAY + 5_580, 0.27, 3.0, 0.61, _ports(2)),
    Machine("pve-03", "127.0.1.13", 3, 12 * _DAY + 50_400, 0.12, 1.0, 0.37, _ports(3)),
)
