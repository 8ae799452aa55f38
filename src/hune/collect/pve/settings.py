"""What a site may choose about the collectors, and about discovery."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hune.collect.pve.protection import Aspect, Policy

DEFAULT_POLICY = Policy()


@dataclass(frozen=True)
class DiscoverNodes:
    """That nodes become targets."""

    port: int = 9100


@dataclass(frozen=True)
class DiscoverGuests:
    """Which running guests become targets: with any of the tags, in any of the pools, at an address in a network."""

    networks: tuple[str, ...]
    port: int = 9100
    tags: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()
    most: int = 500


@dataclass(frozen=True)
class Discover:
    """What may be discovered; `known` are names and `host:port` of what is scraped already, in lower case."""

    nodes: DiscoverNodes | None = None
    guests: DiscoverGuests | None = None
    known: frozenset[str] = frozenset()

    def to_raw(self) -> dict[str, Any]:
        """Return what JSON can carry."""
        return {
            "nodes": self.nodes and self.nodes.__dict__,
            "guests": self.guests and self.guests.__dict__,
            "known": sorted(self.known),
        }

    @classmethod
    def from_raw(cls, raw: Mapping[str, Any]) -> Discover:
        """Rebuild what `to_raw` took apart."""
        nodes, guests = raw["nodes"], raw["guests"]
        lists = {key: tuple(guests[key]) for key in ("networks", "tags", "pools")} if guests else {}
        return cls(
            nodes=DiscoverNodes(**nodes) if nodes else None,
            guests=DiscoverGuests(**{**guests, **lists}) if guests else None,
            known=frozenset(raw["known"]),
        )


NOTHING = Discover()


@dataclass(frozen=True)
class Settings:
    """Choices with defaults that suit an account with PVEAuditor and disks that may sleep."""

    wake_disks: bool = False
    """Read SMART of rotating disks too, which wakes those in standby once an hour."""
    protection: Policy = DEFAULT_POLICY
    without: frozenset[str] = frozenset()
    """Names of collectors that are left out."""
    discover: Discover = NOTHING

    def to_raw(self) -> dict[str, Any]:
        """Return what JSON can carry."""
        return {
            "wake_disks": self.wake_disks,
            "without": sorted(self.without),
            "excluded_tags": list(self.protection.excluded_tags),
            "required": sorted(self.protection.required),
            "accept_partial": self.protection.accept_partial,
            "discover": self.discover.to_raw(),
        }

    @classmethod
    def from_raw(cls, raw: Mapping[str, Any]) -> Settings:
        """Rebuild what `to_raw` took apart."""
        return cls(
            wake_disks=raw["wake_disks"],
            without=frozenset(raw["without"]),
            protection=Policy(
                excluded_tags=tuple(raw["excluded_tags"]),
                required=frozenset(map(Aspect, raw["required"])),
                accept_partial=raw["accept_partial"],
            ),
            discover=Discover.from_raw(raw["discover"]),
        )


DEFAULT = Settings()
