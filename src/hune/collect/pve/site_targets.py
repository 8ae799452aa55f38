"""The clusters of a site as targets of scrapes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from hune.collect.pve.assignment import AskedCluster
from hune.collect.pve.targets import NotAllowed, Target, UnknownModule
from hune.core.errors import InputError, Unavailable
from hune.pve.access import Access


class SiteTargets:
    """The clusters of a site: by their names, by the names and the addresses of their nodes."""

    def __init__(self, clusters: Iterable[AskedCluster], environ: Mapping[str, str]) -> None:
        """Secrets are read here, once; one that can't be read is told to whoever asks for its cluster."""
        self._targets: dict[str, Target] = {}
        self._faults: dict[str, InputError] = {}
        self._clusters = list(clusters)
        names = [(cluster.name, cluster.name, "") for cluster in self._clusters]
        for cluster in self._clusters:
            names += [(node, cluster.name, node) for node, _ in cluster.nodes]
            names += [(address, cluster.name, node) for node, address in cluster.nodes]
        accesses: dict[str, Access] = {}
        settings = {cluster.name: cluster.settings for cluster in self._clusters}
        for cluster in self._clusters:
            try:
                accesses[cluster.name] = cluster.access(environ)
            except InputError as error:
                self._faults[cluster.name] = error
        self._cluster_of: dict[str, str] = {}
        for name, cluster_name, node in names:
            key = name.lower()
            if key in self._cluster_of:
                continue
            self._cluster_of[key] = cluster_name
            if cluster_name in accesses:
                self._targets[key] = Target(accesses[cluster_name], node, settings[cluster_name])

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
