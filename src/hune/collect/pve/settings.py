"""What a site may choose about the collectors."""

from __future__ import annotations

from dataclasses import dataclass

from hune.collect.pve.protection import Policy

DEFAULT_POLICY = Policy()


@dataclass(frozen=True)
class Settings:
    """Choices with defaults that suit an account with PVEAuditor and disks that may sleep."""

    wake_disks: bool = False
    """Read SMART of rotating disks too, which wakes those in standby once an hour."""
    protection: Policy = DEFAULT_POLICY
