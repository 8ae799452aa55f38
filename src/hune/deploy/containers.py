"""The site as containers see it: each service has a network name of its own, and loopback is nobody else."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hune.core.errors import InputError
from hune.core.layout import Layout
from hune.deploy.stores import carried
from hune.site.models import DEFAULT_PORTS, Engine, Node, Site
from hune.site.values import split_port
from hune.stack.engines import ENGINES, node_exporter
from hune.stack.plan import own_services
from hune.stack.setting import Binary, Setting, parse_version

DATA = {
    "prometheus": "/prometheus",
    "victoriametrics": "/victoria-metrics-data",
    "alertmanager": "/alertmanager",
}
"""Where each engine keeps its data: the folders that upstream's images have for it, with the owner they need."""

CONTAINED = tuple(name for name, engine in ENGINES.items() if engine.IMAGE)
"""The engines that there are images of."""

_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")


@dataclass(frozen=True)
class InContainers(Layout):
    """Where things lie inside an engine's container."""

    @property
    def config(self) -> Path:
        return Path("/etc/hune")

    def data(self, name: str) -> Path:
        return Path(DATA[name])


def contained(site: Site) -> Setting:
    """Return the setting in which an engine's container is rendered: names instead of ports on this machine.

    Raises InputError with everything that a container could not reach.
    """
    site = carried(site, with_query=False)
    inside = _with_names(site)
    if problems := [*_unreachable(inside), *_untagged(site)]:
        raise InputError("\n".join(problems))
    return Setting(
        site=inside,
        layout=InContainers(Path("/data")),
        binaries={name: Binary(Path("/usr/bin") / name, parse_version(image_of(name, site))) for name in CONTAINED},
        hune=("hune",),
    )


def image_of(name: str, site: Site) -> str:
    """Return the image of an engine: the version that the site names, else the pinned one."""
    pinned = str(ENGINES[name].IMAGE)
    version = _engine(site, name).version
    return f"{pinned.partition(':')[0]}:v{version}" if version else pinned


def notes_on(site: Site) -> Iterator[str]:
    """Yield what is different in containers from what the site file seems to say."""
    for name in CONTAINED:
        if path := _engine(site, name).path:
            yield f"{name}: {path} stays unused, the image {image_of(name, site)} is taken"
    if site.listen not in ("127.0.0.1", "localhost"):
        yield f"listen {site.listen} stays unused: ports are published on 127.0.0.1; put a proxy with TLS before Nester"
    if (cluster := site.engines.alertmanager.cluster) is not None:
        yield f"the gossip of Alertmanager is published on {cluster.listen}, neither encrypted nor signed"
    for probe in site.probes:
        if _is_loopback(re.sub(r"^https?://", "", probe.target)):
            yield f"probe {probe.name}: {probe.target} is the blackbox exporter's own container"


def _with_names(site: Site) -> Site:
    names = {name: f"http://{name}:{DEFAULT_PORTS[name]}" for name in (*CONTAINED, *own_services(site))}
    # The exporter stands in the host's own network, on its own port.
    names[node_exporter.NAME] = f"http://{node_exporter.NAME}:{site.port(node_exporter.NAME)}"
    engines = site.engines.model_copy(
        update={
            name.replace("-", "_"): _engine(site, name).model_copy(
                update={"url": _engine(site, name).url or names[name], "port": None, "path": None}
            )
            for name in CONTAINED
        }
    )
    if (cluster := site.engines.alertmanager.cluster) is not None:
        port = split_port(cluster.listen)[1]
        inside = {"listen": f"0.0.0.0:{port}", "advertise": cluster.advertise or cluster.listen}
        inside_too = {"cluster": cluster.model_copy(update=inside)}
        engines = engines.model_copy(update={"alertmanager": engines.alertmanager.model_copy(update=inside_too)})
    services = site.services.model_copy(
        update={
            name.replace("-", "_"): site.part(name).model_copy(
                update={"url": site.part(name).url or names[name], "port": None}
            )
            for name in own_services(site)
        }
    )
    page = site.public_url or site.services.nester.url or f"http://127.0.0.1:{site.port('nester')}"
    return site.model_copy(
        update={
            "listen": "0.0.0.0",  # noqa: S104 - inside a container; what is published stays on loopback
            "public_url": page,
            "engines": engines,
            "services": services,
            "nodes": [_by_gateway(node) if _is_measured_here(node, site) else node for node in site.nodes],
        }
    )


def _is_measured_here(node: Node, site: Site) -> bool:
    """Whether our own exporter measures the node: it is this host, and nobody named another exporter for it."""
    ours = not site.engines.node_exporter.url and node.exporter.port == site.port(node_exporter.NAME)
    return ours and not node.is_remote


def _by_gateway(node: Node) -> Node:
    return node.model_copy(update={"address": node_exporter.NAME, "this_host": True})


def _engine(site: Site, name: str) -> Engine:
    engine = site.part(name)
    assert isinstance(engine, Engine)
    return engine


def _unreachable(inside: Site) -> Iterator[str]:
    remedy = "is each container itself; give an address of this host that other machines reach"
    for name in (*CONTAINED, *own_services(inside)):
        url = inside.url(name)
        if _is_loopback(url.partition("://")[2]):
            section = "engines" if name in CONTAINED else "services"
            yield f"{section}.{name.replace('-', '_')}.url: {url} {remedy}"
    for node in inside.nodes:
        if _is_loopback(node.address):
            yield f"node {node.name}: {node.address} {remedy}"


def _untagged(site: Site) -> Iterator[str]:
    for name in CONTAINED:
        image = image_of(name, site)
        if not _TAG.fullmatch(image.partition(":")[2]):
            key = name.replace("-", "_")
            yield f"engines.{key}.version: {image} is no name of an image; give a version of upstream: '1.2.3'"


def _is_loopback(target: str) -> bool:
    """Whether `host`, `host:port` or `host/path` names the machine itself."""
    host = target.partition("/")[0]
    if not (host.count(":") > 1 and not host.startswith("[")):
        host = re.sub(r":\d+$", "", host)
    host = host.strip("[]")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host.lower() == "localhost"
    return address.is_loopback or address.is_unspecified
