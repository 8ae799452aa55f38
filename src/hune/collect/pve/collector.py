"""What a collector is: one subject, read from a source, with the families it yields and the privileges it needs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

from hune.collect.pve.families import Exposition, Family
from hune.collect.pve.source import Source
from hune.pve.errors import PveError


@dataclass(frozen=True)
class Needs:
    """A privilege on an ACL path: `Needs("Sys.Audit", "/")`; PVEAuditor on / grants what ends in `.Audit`."""

    privilege: str
    acl_path: str = "/"


@dataclass
class Collection:
    """One run of one collector: what to read from, what to write to, and what could not be had."""

    source: Source
    node: str = ""
    """In node scope: the node that is asked about."""
    out: Exposition = field(default_factory=Exposition)
    problems: list[PveError] = field(default_factory=list)

    def missed(self, error: PveError) -> None:
        """Note that a part could not be had; the rest still counts."""
        self.problems.append(error)


@dataclass(frozen=True)
class Collector:
    """`collect` writes samples into the collection's `out`.

    It raises PveError if nothing could be had, and calls `missed` for what lacks: either makes its
    `pve_collector_success` 0.
    """

    name: str
    scope: Literal["cluster", "node"]
    families: tuple[Family, ...]
    needs: tuple[Needs, ...]
    collect: Callable[[Collection], Awaitable[None]]
