"""Who may be asked for: what a scrape's `module` and `target` mean, and which hosts credentials are sent to."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from hune.collect.pve.modules import Module, split_target
from hune.collect.pve.settings import DEFAULT, Settings
from hune.core.errors import InputError, Refused
from hune.pve.access import Access


class UnknownModule(InputError):
    """There is no such module in the configuration."""


class NotAllowed(Refused):
    """The target is none that this exporter was told of."""


@dataclass(frozen=True)
class Target:
    """A cluster or host to ask, and the node that scrapes of node scope are about (empty: the one that answers)."""

    access: Access
    node: str = ""
    settings: Settings = DEFAULT


class Targets(Protocol):
    """Knows what may be asked for."""

    @property
    def modules(self) -> Sequence[str]:
        """Return the names of the modules."""

    def find(self, module: str, target: str | None) -> Target:
        """Return what is meant; without a target what the module has as its default.

        Raises UnknownModule, BadTarget, NotAllowed, or Unavailable if its credentials could not be read.
        """


class OpenTargets:
    """Any host that is allowed, asked with a module's credentials: upstream's way, and a list of who may be asked."""

    def __init__(
        self,
        modules: Mapping[str, Module],
        allowed: Iterable[str],
        *,
        everyone: bool,
        settings: Settings = DEFAULT,
    ) -> None:
        """`allowed` are names, addresses and networks; `everyone` admits all, as is right on loopback."""
        self._modules = modules
        self._everyone = everyone
        self._settings = settings
        self._names: set[str] = set()
        self._networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
        for entry in allowed:
            if entry == "*":
                self._everyone = True
                continue
            try:
                self._networks.append(ipaddress.ip_network(entry, strict=False))
            except ValueError:
                self._names.add(split_target(entry)[0].lower())

    @property
    def modules(self) -> Sequence[str]:
        return list(self._modules)

    def find(self, module: str, target: str | None) -> Target:
        chosen = self._modules.get(module)
        if chosen is None:
            raise UnknownModule(f"module {module!a:.80} is not in the configuration")
        host = "localhost" if target is None else target
        if not self._admits(split_target(host)[0]):
            raise NotAllowed(
                f"target {host!a:.80} is not allowed: whoever reaches this exporter could send its credentials there",
                remedy="start it with --allow-target for each host or network that may be asked",
            )
        return Target(chosen.access(host), settings=self._settings)

    def _admits(self, host: str) -> bool:
        if self._everyone or host.lower() in self._names or host.lower() == "localhost":
            return True
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        return any(address in network for network in self._networks)
