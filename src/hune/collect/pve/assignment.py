"""What the exporter of a site is to do: rendered from the site, read by the exporter; plain data that travels as JSON.

So the exporter, which runs for months, carries neither the models of a site nor what validates them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hune.collect.pve.protection import Aspect, Policy
from hune.collect.pve.settings import DEFAULT, Discover, DiscoverGuests, DiscoverNodes, Settings
from hune.core.errors import InputError
from hune.pve.access import Access, Endpoint, Limits, Login, Token, Trust
from hune.site.references import resolve

if TYPE_CHECKING:
    from hune.site.models import ProxmoxCluster, Site

FILE = "pve-exporter.json"
"""Its name among the rendered files."""

_CONCURRENCY = 16


@dataclass(frozen=True)
class AskedCluster:
    """How a cluster is asked: its nodes in the site's order, its trust, its budget; of its secret the reference."""

    name: str
    nodes: tuple[tuple[str, str], ...]
    """Names and addresses."""
    port: int
    token: str = ""
    """The id of a token; without one `user` logs in."""
    user: str = ""
    secret: str = ""
    ca_file: str = ""
    fingerprints: tuple[str, ...] = ()
    budget: float = 0.0
    settings: Settings = DEFAULT

    @classmethod
    def of(cls, site: Site, cluster: ProxmoxCluster) -> AskedCluster:
        """Return what a site says of a cluster."""
        addresses = {node.name: node.address for node in site.nodes}
        token, login = cluster.token, cluster.login
        return cls(
            name=cluster.name,
            nodes=tuple((node, addresses[node]) for node in cluster.nodes if node in addresses),
            port=cluster.port,
            token=token.id if token else "",
            user=login.user if login else "",
            secret=token.secret if token else login.password if login else "",
            ca_file=cluster.ca_file or "",
            fingerprints=tuple(cluster.fingerprint),
            budget=cluster.budget or 0.0,
            settings=_settings(site, cluster),
        )

    def to_raw(self) -> dict[str, Any]:
        """Return what JSON can carry."""
        return {**self.__dict__, "settings": self.settings.to_raw()}

    @classmethod
    def from_raw(cls, raw: Mapping[str, Any]) -> AskedCluster:
        """Rebuild what `to_raw` took apart."""
        nodes = tuple((name, address) for name, address in raw["nodes"])
        settings = Settings.from_raw(raw["settings"])
        return cls(**{**raw, "nodes": nodes, "fingerprints": tuple(raw["fingerprints"]), "settings": settings})

    def access(self, environ: Mapping[str, str]) -> Access:
        """Return the way to the cluster.

        Raises InputError if there is neither token nor login, or if the secret can't be read.
        """
        return Access(
            name=self.name,
            endpoints=tuple(Endpoint(address, self.port, node) for node, address in self.nodes),
            credentials=self._credentials(environ),
            trust=Trust(ca_file=self.ca_file, fingerprints=self.fingerprints),
            limits=Limits(concurrency=_CONCURRENCY, calls_per_minute=self.budget),
            learn_nodes=True,
        )

    def _credentials(self, environ: Mapping[str, str]) -> Token | Login:
        if self.token:
            return Token(self.token, resolve(self.secret, environ))
        if self.user:
            return Login(self.user, resolve(self.secret, environ))
        raise InputError(
            f"proxmox cluster {self.name}: nothing to ask with",
            remedy="give it a token: {id: user@realm!name, secret: file:/path}",
        )


@dataclass(frozen=True)
class Assignment:
    """Where the exporter listens, whom it asks, and where the history is whose gaps it closes."""

    host: str
    port: int
    prometheus_url: str
    store_url: str
    clusters: tuple[AskedCluster, ...]

    @classmethod
    def of(cls, site: Site) -> Assignment:
        """Return what a site asks of its exporter."""
        return cls(
            host=site.listen,
            port=site.port("pve-exporter"),
            prometheus_url=site.url("prometheus"),
            store_url=site.url("victoriametrics"),
            clusters=tuple(AskedCluster.of(site, cluster) for cluster in site.asked_clusters),
        )

    def to_json(self) -> str:
        raw = {**self.__dict__, "clusters": [cluster.to_raw() for cluster in self.clusters]}
        return json.dumps(raw, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Assignment:
        """Rebuild an assignment that `to_json` wrote."""
        raw: dict[str, Any] = json.loads(text)
        return cls(**{**raw, "clusters": tuple(map(AskedCluster.from_raw, raw["clusters"]))})


def _settings(site: Site, cluster: ProxmoxCluster) -> Settings:
    wanted = cluster.protection
    return Settings(
        wake_disks=cluster.collectors.wake_disks,
        without=frozenset(cluster.collectors.without),
        protection=Policy(
            excluded_tags=tuple(wanted.excluded_tags),
            required=frozenset(map(Aspect, wanted.required)),
            accept_partial=wanted.accept_partial,
        ),
        discover=_discover(site, cluster),
    )


def _discover(site: Site, cluster: ProxmoxCluster) -> Discover:
    """Return what may be discovered; what the site watches by itself is none of it, by name or by address."""
    nodes, guests = cluster.discover.nodes, cluster.discover.guests
    if nodes is None and guests is None:
        return Discover()
    known = {*cluster.nodes, *(node.name for node in site.nodes), *(node.exporter_address for node in site.nodes)}
    return Discover(
        nodes=DiscoverNodes(nodes.port) if nodes else None,
        guests=DiscoverGuests(
            networks=tuple(guests.networks),
            port=guests.port,
            tags=tuple(guests.tags),
            pools=tuple(guests.pools),
            most=guests.most,
        )
        if guests
        else None,
        known=frozenset(name.lower() for name in known),
    )
