"""The guests of the lab's cluster, as they are meant to be: 30 running ones on each node, and three that don't run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from hune.lab.hardware import GUESTS as RUNNING
from hune.lab.hardware import MACHINES, Port, guest_ports

GIB = 1 << 30
MIB = 1 << 20
NO_BACKUP = "no-backup"

GuestKind = Literal["qemu", "lxc"]


@dataclass(frozen=True, slots=True)
class Guest:
    """A virtual machine or container; `home` and `replica` are numbers of nodes."""

    vmid: int
    kind: GuestKind
    name: str
    home: int
    cores: int
    memory_bytes: int
    disk_bytes: int
    storage: str
    tags: tuple[str, ...]
    running: bool = True
    template: bool = False
    ha: bool = False
    replica: int = 0
    agent: bool = False
    windows: bool = False
    ports: tuple[Port, ...] = field(default=(), compare=False)

    @property
    def id(self) -> str:
        """How Proxmox calls it in lists of resources: `qemu/101`."""
        return f"{self.kind}/{self.vmid}"

    @property
    def sid(self) -> str:
        """How its high availability calls it: `vm:101`."""
        return f"{'vm' if self.kind == 'qemu' else 'ct'}:{self.vmid}"

    @property
    def is_backed_up(self) -> bool:
        """Whether the nightly job takes it."""
        return NO_BACKUP not in self.tags

    @property
    def volume(self) -> str:
        """The name of its disk on its storage."""
        if self.template:
            return f"base-{self.vmid}-disk-0"
        kind = "subvol" if self.kind == "lxc" and self.storage == "local-zfs" else "vm"
        return f"{kind}-{self.vmid}-disk-0"

    @property
    def mac(self) -> str:
        return f"BC:24:11:01:{self.vmid >> 8:02X}:{self.vmid & 255:02X}"


# Role, tag, cores, memory in MiB, disk in GiB; the first five and two of the containers are highly available.
_MACHINES = (
    ("router", "infra", 2, 1024, 16),
    ("dns", "infra", 1, 1024, 16),
    ("mail", "prod", 2, 2048, 64),
    ("sql", "prod;database", 2, 2048, 96),
    ("git", "prod", 2, 1024, 64),
    ("wiki", "prod", 1, 1024, 32),
    ("erp", "prod;database", 2, 2048, 80),
    ("files", "prod", 2, 2048, 160),
    ("vpn", "infra", 1, 1024, 16),
    ("desktop", "office;windows", 2, 2048, 64),
    ("search", "prod", 2, 1536, 48),
    ("queue", "prod", 1, 1024, 24),
    ("cache", "prod", 1, 1024, 24),
    ("runner", "dev", 2, 1536, 48),
    ("build", "dev", 2, 2048, 64),
    ("registry", "dev", 1, 1024, 96),
    ("staging", "dev", 1, 1024, 32),
    ("camera", "office", 1, 1024, 64),
)
_CONTAINERS = (
    ("proxy", "infra", 1, 512, 8),
    ("mqtt", "home", 1, 512, 8),
    ("ldap", "infra", 1, 512, 8),
    ("syslog", "infra", 1, 1024, 32),
    ("dhcp", "infra", 1, 512, 4),
    ("ntp", "infra", 1, 512, 4),
    ("print", "office", 1, 512, 8),
    ("blog", "prod", 1, 512, 12),
    ("chat", "office", 1, 1024, 16),
    ("feeds", "home", 1, 512, 8),
    ("paste", "dev", 1, 512, 8),
    ("status", "infra", 1, 512, 8),
)
assert len(_MACHINES) + len(_CONTAINERS) == RUNNING
_RESTING = (("debian", "template", 1, 1024, 8), ("archive", "office", 1, 1024, 40), ("scratch", "dev", 1, 512, 8))
_WITHOUT_AGENT = "camera"
_HA_MACHINES, _HA_CONTAINERS = 5, 2
_REPLICATED_MACHINES, _REPLICATED_CONTAINERS = 4, 2


def _guests(number: int) -> Iterator[Guest]:
    replica = number % len(MACHINES) + 1
    first = 100 * number + 1
    for index, role in enumerate(_MACHINES):
        ha = index < _HA_MACHINES
        replicated = _HA_MACHINES <= index < _HA_MACHINES + _REPLICATED_MACHINES
        target = replica if replicated else 0
        yield _guest(first + index, "qemu", number, role, ha=ha, replica=target, agent=role[0] != _WITHOUT_AGENT)
    for index, role in enumerate(_CONTAINERS):
        ha = index < _HA_CONTAINERS
        replicated = _HA_CONTAINERS <= index < _HA_CONTAINERS + _REPLICATED_CONTAINERS
        vmid = first + len(_MACHINES) + index
        yield _guest(vmid, "lxc", number, role, ha=ha, replica=replica if replicated else 0)
    template, archive, scratch = _RESTING
    vmid = first + RUNNING
    yield _guest(vmid, "qemu", number, template, running=False, template=True, extra_tags=(NO_BACKUP,))
    yield _guest(vmid + 1, "qemu", number, archive, running=False, agent=True)
    yield _guest(vmid + 2, "lxc", number, scratch, running=False, extra_tags=(NO_BACKUP,))


def _guest(
    vmid: int,
    kind: GuestKind,
    number: int,
    role: tuple[str, str, int, int, int],
    *,
    ha: bool = False,
    replica: int = 0,
    running: bool = True,
    template: bool = False,
    agent: bool = False,
    extra_tags: tuple[str, ...] = (),
) -> Guest:
    name, tags, cores, memory, disk = role
    return Guest(
        vmid=vmid,
        kind=kind,
        name=f"{name}-{number}",
        home=number,
        cores=cores,
        memory_bytes=memory * MIB,
        disk_bytes=disk * GIB,
        storage="ceph-vm" if ha else "local-zfs" if replica else "local-lvm",
        tags=tuple(sorted((*tags.split(";"), *extra_tags))),
        running=running,
        template=template,
        ha=ha,
        replica=replica,
        agent=agent,
        windows="windows" in tags,
        ports=guest_ports(vmid, kind),
    )


GUESTS: tuple[Guest, ...] = tuple(guest for machine in MACHINES for guest in _guests(machine.number))
BY_VMID = {guest.vmid: guest for guest in GUESTS}
