"""What an endpoint of the simulated API is, and the errors that Proxmox answers with."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hune.lab.pve.cluster import Cluster
from hune.lab.pve.usage import Usage

AUDITOR = (
    "Datastore.Audit",
    "Mapping.Audit",
    "Pool.Audit",
    "SDN.Audit",
    "Sys.Audit",
    "VM.Audit",
    "VM.GuestAgent.Audit",
)
PRIVILEGES = (*AUDITOR, "Datastore.AllocateSpace", "Sys.Modify", "VM.Backup")
"""What the lab's token may: what PVEAuditor grants, and to see backups and pending updates."""


class ApiError(Exception):
    """An answer that is none: status and the reason that goes into the status line, as Proxmox does it."""

    def __init__(self, status: int, reason: str, *, errors: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.errors = errors


@dataclass(frozen=True)
class Facts:
    """What a node knows besides the cluster's state: its certificate, as PEM, with its fingerprint."""

    certificate: str = ""
    fingerprint: str = ""


@dataclass(frozen=True)
class Ask:
    """One question: the cluster as the asked node sees it, what the path names, and the parameters."""

    cluster: Cluster
    facts: Facts
    path: Mapping[str, str]
    params: Mapping[str, str]
    privileges: Collection[str]

    @cached_property
    def usage(self) -> Usage:
        return Usage(self.cluster, self.cluster.sampled)

    @cached_property
    def node(self) -> int:
        """The number of the node that the path names."""
        number = self.cluster.number(self.path["node"])
        assert number is not None
        return number

    def flag(self, name: str) -> bool:
        return self.params.get(name, "0") not in ("0", "", "off", "false", "no")

    def integer(self, name: str, default: int) -> int:
        """Return a parameter; raises ApiError if it is no number."""
        try:
            return int(self.params.get(name, default))
        except ValueError:
            reason = "type check ('integer') failed"
            raise ApiError(400, "Parameter verification failed.", errors={name: reason}) from None

    def needed(self, name: str) -> str:
        """Return a parameter; raises ApiError if it is missing."""
        if not self.params.get(name):
            reason = "property is missing and it is not optional"
            raise ApiError(400, "Parameter verification failed.", errors={name: reason})
        return self.params[name]


@dataclass(frozen=True)
class Raw:
    """An answer whose body is written already, because it is large."""

    body: bytearray


@dataclass(frozen=True)
class Route:
    """An endpoint; `privileges` are alternatives, on `acl_path`, whose braces are filled from the path."""

    pattern: str
    answer: Callable[[Ask], Any]
    privileges: tuple[str, ...] = ()
    acl_path: str = "/"
    is_heavy: bool = False
    """Whether it takes long enough to make others wait."""


ON_NODE = "/nodes/{node}"
ON_GUEST = "/vms/{vmid}"
ON_STORAGE = "/storage/{storage}"
SYS = ("Sys.Audit",)
CEPH = ("Sys.Audit", "Datastore.Audit")
