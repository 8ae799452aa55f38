"""Limits for what Proxmox VE tells of a cluster."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from hune.site.base import Model
from hune.site.values import Ratio


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
