"""The clusters of a site as targets of scrapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hune.collect.pve.site_access import access_of
from hune.collect.pve.targets import NotAllowed, Target, UnknownModule
from hune.core.errors import InputError, Unavailable
from hune.pve.access import Access
from hune.site.models import Site


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
