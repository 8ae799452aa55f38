"""How the clusters of a site are reached."""

from __future__ import annotations

from collections.abc import Mapping

from hune.core.errors import InputError
from hune.pve.access import Access, Endpoint, Limits, Login, Token, Trust
from hune.site.models import ProxmoxCluster, Site
from hune.site.secrets import resolve

_CONCURRENCY = 16


def access_of(site: Site, cluster: ProxmoxCluster, environ: Mapping[str, str]) -> Access:
    """Return how a cluster is asked: its nodes in the site's order, its token or login, its trust and its budget.

    Raises InputError if it has neither token nor login, or if its secret can't be read.
    """
    addresses = {node.name: node.address for node in site.nodes}
    return Access(
        name=cluster.name,
        endpoints=tuple(Endpoint(addresses[node], cluster.port, node) for node in cluster.nodes if node in addresses),
        credentials=_credentials(cluster, environ),
        trust=Trust(ca_file=cluster.ca_file or "", fingerprints=tuple(cluster.fingerprint)),
        limits=Limits(concurrency=_CONCURRENCY, calls_per_minute=cluster.budget or 0.0),
        learn_nodes=True,
    )


def _credentials(cluster: ProxmoxCluster, environ: Mapping[str, str]) -> Token | Login:
    if cluster.token is not None:
        return Token(cluster.token.id, resolve(cluster.token.secret, environ))
    if cluster.login is not None:
        return Login(cluster.login.user, resolve(cluster.login.password, environ))
    raise InputError(
        f"proxmox cluster {cluster.name}: nothing to ask with",
        remedy="give it a token: {id: user@realm!name, secret: file:/path}",
    )
