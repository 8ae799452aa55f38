"""What may be chosen about a Proxmox VE cluster: its limits, what counts as protected, what is asked."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from hune.site.base import Model
from hune.site.values import TAG_PATTERN, Network, Port, Ratio

Aspect = Literal["covered", "fresh", "verified", "replicated", "ha"]
CollectorName = Literal[
    "quorum",
    "ha",
    "node-status",
    "versions",
    "services",
    "network",
    "storage",
    "zfs",
    "disks",
    "ceph",
    "pressure",
    "guest-config",
    "guest-filesystems",
    "tasks",
    "replication-jobs",
    "backups",
    "protection",
    "certificates",
    "subscriptions",
    "updates",
]
Tag = Annotated[str, Field(pattern=TAG_PATTERN)]
PoolName = Annotated[str, Field(min_length=1, max_length=200)]


class Protection(Model):
    """What makes a guest protected."""

    excluded_tags: list[Tag] = Field(
        ["nobackup"], max_length=100, description="tags of guests that need no protection; default nobackup"
    )
    required: list[Aspect] = Field(
        ["covered", "fresh", "verified"],
        min_length=1,
        description="what a guest must have: covered, fresh, verified, replicated, ha",
    )
    accept_partial: bool = Field(False, description="a job that leaves disks out covers a guest all the same")


class Collectors(Model):
    """What of a cluster is collected beside what prometheus-pve-exporter knows."""

    without: list[CollectorName] = Field(
        default_factory=list, description="collectors that are left out: guest-filesystems"
    )
    wake_disks: bool = Field(False, description="read SMART of rotating disks too, which wakes those in standby")


class DiscoverNodes(Model):
    """How nodes of the cluster that the site doesn't list become targets."""

    port: Port = Field(9100, description="port of their node exporters")


class DiscoverGuests(Model):
    """Which running guests become targets."""

    networks: list[Network] = Field(
        min_length=1, max_length=100, description="networks in which guests may be scraped, the preferred first"
    )
    port: Port = Field(9100, description="port of their exporters")
    tags: list[Tag] = Field(default_factory=list, max_length=100, description="only guests with one of these tags")
    pools: list[PoolName] = Field(
        default_factory=list, max_length=100, description="only guests in one of these resource pools"
    )
    most: Annotated[int, Field(ge=1, le=5000)] = Field(500, description="guests that become targets at most")


class Discover(Model):
    """What of a cluster becomes targets by itself; nothing, unless it is said."""

    nodes: DiscoverNodes | None = Field(None, description="nodes that the site doesn't list, scraped without alerts")
    guests: DiscoverGuests | None = Field(None, description="running guests with an exporter of their own")


class ProxmoxThresholds(Model):
    """Limits of a cluster; each unset one is inherited: cluster ← site ← Hune's default."""

    storage_warning_ratio: Ratio | None = Field(
        None, description="share of a storage in use that warns, 0 to 1; default 0.85"
    )
    storage_critical_ratio: Ratio | None = Field(
        None, description="share of a storage in use that is critical, 0 to 1; default 0.95"
    )
    ceph_used_ratio: Ratio | None = Field(
        None, description="share of Ceph's raw space or of a pool in use that warns, 0 to 1; default 0.75"
    )
    disk_wear_ratio: Ratio | None = Field(
        None, description="share of a disk's rated endurance used that warns, 0 to 1; default 0.9"
    )
    replication_age_hours: Annotated[float, Field(gt=0, le=8760)] | None = Field(
        None, description="hours without a replication that warn; default 26"
    )
    certificate_days: Annotated[float, Field(gt=0, le=365)] | None = Field(
        None, description="days that a certificate is still valid below which it warns; default 14"
    )


class AppliedProxmoxThresholds(Model):
    """Limits of one cluster after inheritance: nothing is unset."""

    storage_warning_ratio: float = 0.85
    storage_critical_ratio: float = 0.95
    ceph_used_ratio: float = 0.75
    disk_wear_ratio: float = 0.9
    replication_age_hours: float = 26.0
    certificate_days: float = 14.0


def merge(*levels: ProxmoxThresholds) -> AppliedProxmoxThresholds:
    """Return what applies: of each limit the last that is set, else the default."""
    said: dict[str, float] = {}
    for level in levels:
        said |= level.model_dump(exclude_none=True)
    return AppliedProxmoxThresholds(**said)
