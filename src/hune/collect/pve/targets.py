"""Who may be asked for: what a scrape's `module` and `target` mean, and which hosts credentials are sent to."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from hune.collect.pve.modules import BadTarget, Module, split_target
from hune.collect.pve.site_access import access_of
from hune.core.errors import InputError, Refused, Unavailable
from hune.pve.access import Access
from hune.site.models import Site


class UnknownModule(InputError):
    """There is no such module in the configuration."""


class NotAllowed(Refused):
    """The target is none that this exporter was told of."""


@dataclass(frozen=True)
class Target:
    """A cluster or host to ask, and the node that scrapes of node scope are about (empty: the one that answers)."""

    access: Access
    node: str = ""


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

    def __init__(self, modules: Mapping[str, Module], allowed: Iterable[str], *, everyone: bool) -> None:
        """`allowed` are names, addresses and networks; `everyone` admits all, as is right on loopback."""
        self._modules = modules
        self._everyone = everyone
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
        return Target(chosen.access(host))

    def _admits(self, host: str) -> bool:
        if self._everyone or host.lower() in self._names or host.lower() == "localhost":
            return True
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        return any(address in network for network in self._networks)


class SiteTargets:
    """The clusters of a site: by their names, by the names and the addresses of their nodes."""

    def __init__(self, site: Site, environ: Mapping[str, str]) -> None:
        """Secrets are read here, once; one that can't be read is told to whoever asks for its cluster."""
        addresses = {node.name: node.address for node in site.nodes}
        self._targets: dict[str, Target] = {}
        self._faults: dict[str, InputError] = {}
        self._clusters = [cluster for cluster in site.proxmox if cluster.token or cluster.login]
        names = [(cluster.name, cluster.name, "") for cluster in self._clusters]
        for cluster in self._clusters:
            names += [(node, cluster.name, node) for node in cluster.nodes]
            names += [(addresses[node], cluster.name, node) for node in cluster.nodes if node in addresses]
        accesses: dict[str, Access] = {}
        for cluster in self._clusters:
            try:
                accesses[cluster.name] = access_of(site, cluster, environ)
            except InputError as error:
                self._faults[cluster.name] = error
        self._cluster_of: dict[str, str] = {}
        for name, cluster_name, node in names:
            key = name.lower()
            if key in self._cluster_of:
                continue
            self._cluster_of[key] = cluster_name
            if cluster_name in accesses:
                self._targets[key] = Target(accesses[cluster_name], node)

    @property
    def modules(self) -> Sequence[str]:
        return ["default"]

    def find(self, module: str, target: str | None) -> Target:
        if module != "default":
            raise UnknownModule(f"module {module!a:.80} is not there: a site has only the default one")
        if target is None and len(self._clusters) == 1:
            target = self._clusters[0].name
        key = (target or "").lower()
        cluster = self._cluster_of.get(key)
        if cluster is None:
            known = ", ".join(cluster.name for cluster in self._clusters)
            raise NotAllowed(
                f"target {target!a:.80} is no cluster of this site, nor one of its nodes", remedy=f"there are: {known}"
            )
        if cluster in self._faults:
            raise Unavailable(f"{cluster}: {self._faults[cluster]}") from self._faults[cluster]
        return self._targets[key]


__all__ = ["BadTarget", "NotAllowed", "OpenTargets", "SiteTargets", "Target", "Targets", "UnknownModule"]
