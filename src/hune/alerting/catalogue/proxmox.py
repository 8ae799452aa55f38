"""The alerts about Proxmox VE: what each is about, and what proves that it is over.

For every kind of alert Prometheus records, every 15 s, a series of what is *wrong now* (`wrong`: measured, and not yet
below the value that clears), and once for all of them which collectors of a cluster could read everything that they
list (`hune:pve_read`). So an alert is over when it was all read and the thing isn't among what is wrong: healed, or
deleted. What couldn't be read is neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from hune.alerting.promql import Reading

STATUS = "status"
"""As the name of a collector: the status of nodes and guests, from upstream's series."""

SCRAPE = "scrape"
"""As the name of a collector: the cluster answered at all."""

ONE_BY_ONE = 10
"""So many guests of a cluster are told one by one; above that those that come are told together."""


@dataclass(frozen=True)
class Problem:
    """One kind of alert about a cluster.

    `read` are the collectors that must have read everything; `on_node`: what they list of a node counts only while the
    node isn't offline, for then it isn't asked. `seen`: that the thing itself was measured is recorded too, since one
    of many that can't be read would else keep all the others open. `many`: the alert that tells of all of them at once
    when there are more than `ONE_BY_ONE`.
    """

    name: str
    severity: Literal["critical", "warning"]
    identity: tuple[str, ...]
    read: tuple[str, ...]
    on_node: bool = False
    seen: bool = False
    unit: str = ""
    many: str = ""

    @property
    def wrong(self) -> str:
        """The name of the series of what is wrong now."""
        return f"hune:pve_wrong:{self.name}"

    @property
    def measured(self) -> str:
        """The name of the series of open alerts whose subject is measured now."""
        return f"hune:pve_seen:{self.name}"

    @property
    def begins(self) -> str:
        """The name of the series of what is wrong now and isn't explained by anything."""
        return f"hune:pve_begins:{self.name}"

    @property
    def together(self) -> str:
        """The name of the series of what is told together, until each was measured as over."""
        return f"hune:pve_together:{self.name}"

    def over(self, read: Reading) -> str:
        """Return the expression that holds while it was read, and isn't wrong."""
        first, *others = (read.live_of("hune:pve_read", "cluster", collector=name) for name in self.collectors)
        everything = f"{first}{''.join(f' and on () {other}' for other in others)}"
        if self.on_node:
            everything += f" unless on () ({read.live_of('hune:pve_node_online', 'cluster', 'node')} == 0)"
        if self.seen:
            everything += f" or on () {read.live(self.measured)}"
        return f"({everything}) unless on () {read.live(self.wrong)}"

    @property
    def collectors(self) -> tuple[str, ...]:
        """The collectors that must have read everything, with that of the nodes where it counts."""
        return (*self.read, "quorum") if self.on_node and "quorum" not in self.read else self.read


def member(read: Reading) -> str:
    """Return the constant that exists as long as the site has the cluster."""
    return read.constant("hune:site_pve", "cluster")


_EACH = (
    Problem("PveApiSilent", "critical", ("cluster",), (SCRAPE,)),
    Problem("PveCollectorFailing", "warning", ("cluster", "collector"), (SCRAPE,)),
    Problem("PveApiBusy", "warning", ("cluster",), (SCRAPE,), unit="%"),
    Problem("PveQuorumLost", "critical", ("cluster",), (STATUS,)),
    Problem("PveQdeviceDown", "warning", ("cluster",), ("quorum",)),
    Problem("PveNodeOffline", "critical", ("cluster", "node"), ("quorum",)),
    Problem("PveServiceDown", "warning", ("cluster", "node", "service"), ("services",), on_node=True, seen=True),
    Problem("PveNodeFenced", "critical", ("cluster", "node"), ("ha",)),
    Problem("HaServiceFailed", "critical", ("cluster", "id"), ("ha",), many="HaServicesFailed"),
    Problem("HaServiceRecovering", "warning", ("cluster", "id"), ("ha",), many="HaServicesRecovering"),
    Problem("GuestDown", "critical", ("cluster", "id"), (STATUS, "guest-config", "ha"), seen=True, many="GuestsDown"),
    Problem("GuestUnprotected", "warning", ("cluster", "id"), ("protection",), seen=True, many="GuestsUnprotected"),
    Problem("BackupLate", "warning", ("cluster", "id"), ("protection",), seen=True, many="BackupsLate"),
    Problem("BackupFailed", "warning", ("cluster", "node"), ("tasks",), on_node=True),
    Problem(
        "ReplicationFailing",
        "warning",
        ("cluster", "node", "id", "target"),
        ("replication-jobs",),
        on_node=True,
        many="ReplicationsFailing",
    ),
    Problem(
        "ReplicationLate",
        "warning",
        ("cluster", "node", "id", "target"),
        ("replication-jobs",),
        on_node=True,
        unit="h",
        many="ReplicationsLate",
    ),
    Problem(
        "StorageFilling", "warning", ("cluster", "node", "storage"), ("storage",), on_node=True, seen=True, unit="%"
    ),
    Problem("StorageFull", "critical", ("cluster", "node", "storage"), ("storage",), on_node=True, seen=True, unit="%"),
    Problem("StorageOffline", "critical", ("cluster", "node", "storage"), ("storage",), on_node=True, seen=True),
    Problem("ZfsPoolDegraded", "critical", ("cluster", "node", "pool"), ("zfs",), on_node=True, seen=True),
    Problem("ZfsPoolErrors", "warning", ("cluster", "node", "pool"), ("zfs",), on_node=True, seen=True),
    Problem("DiskFailing", "critical", ("cluster", "node", "device"), ("disks",), on_node=True, seen=True),
    Problem("DiskWorn", "warning", ("cluster", "node", "device"), ("disks",), on_node=True, seen=True, unit="%"),
    Problem("CephFailing", "critical", ("cluster",), ("ceph",), seen=True),
    Problem("CephWarning", "warning", ("cluster",), ("ceph",), seen=True),
    Problem("CephOsdDown", "warning", ("cluster", "node", "osd"), ("ceph",), seen=True),
    Problem("CephFilling", "warning", ("cluster", "pool"), ("ceph",), seen=True, unit="%"),
    Problem("CertificateExpiring", "warning", ("cluster", "node", "file"), ("certificates",), on_node=True, unit="d"),
)

PROBLEMS: Mapping[str, Problem] = {problem.name: problem for problem in _EACH} | {
    one.many: Problem(one.many, one.severity, ("cluster",), one.read) for one in _EACH if one.many
}
