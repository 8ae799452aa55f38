"""What a plan depends on besides the site: where things lie and what was found on this machine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hune.core.layout import Layout
from hune.site.models import Site, join_address
from hune.stack.unprivileged import OURSELVES, Identity

LOCKED = ("alertmanager",)
"""Engines that answer nobody without a key: whoever reaches it may silence alerts, and invent some."""


@dataclass(frozen=True)
class Binary:
    """An engine's program and its tools, and the version it says it has (`(0,)` if it doesn't say)."""

    path: Path
    version: tuple[int, ...] = (0,)
    tools: Mapping[str, Path] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    """Variables without which it doesn't start where it lies."""

    @property
    def version_text(self) -> str:
        return ".".join(map(str, self.version)) if self.version != (0,) else "unknown"


def parse_version(text: str) -> tuple[int, ...]:
    """Return the first dotted version in a text as numbers, `(0,)` if there is none."""
    match = re.search(r"\b[vV]?(\d+(?:\.\d+)+)", text)
    return tuple(int(part) for part in match[1].split(".")) if match else (0,)


@dataclass(frozen=True)
class Setting:
    """All inputs of a plan; the site's ports are settled (`site.port` is what will be listened on)."""

    site: Site
    layout: Layout
    binaries: Mapping[str, Binary]
    hune: tuple[str, ...]
    """The command that runs Hune itself."""
    icmp_permitted: bool = True
    adopted: frozenset[str] = frozenset()
    with_lab: bool = False
    unprivileged: Identity = OURSELVES
    """Who runs what refuses root."""
    with_keys: bool = False
    """Whether the doors of the LOCKED are locked."""

    def manages(self, name: str) -> bool:
        """Whether an engine or a service of Hune runs here, as a child of the conductor."""
        return name not in self.adopted and self.site.wants(name) and not self.site.part(name).url

    def config(self, path: str) -> str:
        """Return the absolute place of a rendered file."""
        return str(self.layout.config / path)

    def key(self, name: str) -> Path | None:
        """Return the file of the key to an engine's door, if it is locked here."""
        return self.layout.key(name) if self.with_keys and name in LOCKED and self.manages(name) else None

    def listen(self, name: str) -> str:
        """Return `host:port` that a service listens on."""
        return join_address(self.site.listen, self.site.port(name))
