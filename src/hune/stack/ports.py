"""Ports: which are free, who holds the others, and which one each service gets."""

from __future__ import annotations

import contextlib
import json
import random
import socket
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hune.core.errors import InputError
from hune.core.layout import Layout
from hune.site.models import DEFAULT_PORTS, Site, join_address
from hune.stack.engines import node_exporter

# Below the kernel's own range for outgoing connections, so that none of those takes one by accident.
_AUTO_RANGE = range(20000, 32000)


@dataclass(frozen=True)
class Settled:
    """A site whose ports will be listened on, and the engines that listen there already."""

    site: Site
    adopted: frozenset[str]


def is_free(host: str, port: int) -> bool:
    """Whether the port can be bound now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def holder(port: int) -> str:
    """Return who listens on a TCP port, `prometheus (pid 812)`, as far as this user may see."""
    inodes = set(_listening_inodes(port))
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            if any(_socket_of(descriptor) in inodes for descriptor in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text().strip()} (pid {process.name})"
    return "another program (of another user: ss -ltnp as root tells)"


def _socket_of(descriptor: Path) -> str:
    """Return the inode of the socket that a descriptor is; empty if it is none, or closed meanwhile."""
    with contextlib.suppress(OSError):
        target = str(descriptor.readlink())
        if target.startswith("socket:["):
            return target[8:-1]
    return ""


def _listening_inodes(port: int) -> Iterator[str]:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and int(fields[1].rsplit(":", 1)[1], 16) == port:
                    yield fields[9]


def serves_node_exporter(host: str, port: int) -> bool:
    """Whether a node exporter answers there."""
    url = f"http://{join_address(host, port)}/metrics"
    with contextlib.suppress(OSError, ValueError), urllib.request.urlopen(url, timeout=10) as answer:
        return node_exporter.ADOPTED_BY.encode() in answer.read(4_000_000)
    return False


def parse_overrides(given: list[str]) -> dict[str, int]:
    """Return `NAME=N` options as a mapping.

    Raises InputError for what is not a name of a service and a port.
    """
    chosen: dict[str, int] = {}
    for text in given:
        name, _, number = text.partition("=")
        if name not in DEFAULT_PORTS:
            raise InputError(f"--port {text}: unknown name", remedy=f"use one of {', '.join(DEFAULT_PORTS)}")
        if not number.isdigit() or not 1 <= int(number) <= 65535:
            raise InputError(f"--port {text}: not a port", remedy=f"write it like {name}={DEFAULT_PORTS[name]}")
        chosen[name] = int(number)
    return chosen


def settle(site: Site, layout: Layout, overrides: Mapping[str, int], *, auto: bool, running: bool) -> Settled:
    """Return the site with the port of each service decided; nothing is written.

    Automatic ports are those of the last plan that was applied, where they can be. `running` says that this data
    directory's own stack is up, so the ports it holds count as free. Raises InputError naming every port that is
    taken, by whom, and what to do.
    """
    before = _applied(layout)
    chosen: dict[str, int] = {}
    adopted: set[str] = set()
    conflicts: list[str] = []
    for name in DEFAULT_PORTS:
        if site.part(name).url or not site.wants(name):
            continue
        wish = overrides.get(name, site.port(name))
        ours = running and before.get(name)
        if auto and name not in overrides:
            wish = _automatic(site.listen, before.get(name), set(chosen.values()), ours=bool(ours))
        elif wish != ours and not is_free(site.listen, wish):
            if name == node_exporter.NAME and serves_node_exporter(site.listen, wish):
                adopted.add(name)
            else:
                conflicts.append(f"{name}: port {wish} is held by {holder(wish)}")
        chosen[name] = wish
    for name, port in chosen.items():
        if (twin := next((other for other in chosen if chosen[other] == port), name)) != name:
            conflicts.append(f"{name}: port {port} is also {twin}'s")
    if conflicts:
        raise InputError(
            "; ".join(conflicts),
            remedy="stop what holds it, choose another with --port NAME=N or in the site file, or use --auto-ports",
        )
    return Settled(with_ports(site, chosen), frozenset(adopted))


def _applied(layout: Layout) -> dict[str, int]:
    with contextlib.suppress(OSError, ValueError, KeyError):
        ports = json.loads((layout.run / "plan.json").read_text())["ports"]
        return {name: int(port) for name, port in ports.items()}
    return {}


def _automatic(host: str, before: int | None, taken: set[int], *, ours: bool) -> int:
    if before and before not in taken and (ours or is_free(host, before)):
        return before
    candidates = random.sample(_AUTO_RANGE, 200)
    for port in candidates:
        if port not in taken and is_free(host, port):
            return port
    raise InputError(f"no free port found between {_AUTO_RANGE.start} and {_AUTO_RANGE.stop}")


def with_ports(site: Site, ports: Mapping[str, int]) -> Site:
    """Return the site with these ports written into it; this host is scraped where its exporter really listens."""
    engines, services = site.engines, site.services
    nodes = site.nodes
    if exporter_port := ports.get(node_exporter.NAME):
        wish = site.port(node_exporter.NAME)
        nodes = [
            node.model_copy(update={"exporter": node.exporter.model_copy(update={"port": exporter_port})})
            if not node.is_remote and node.exporter.port == wish
            else node
            for node in nodes
        ]
    for name, port in ports.items():
        key = name.replace("-", "_")
        if hasattr(engines, key):
            engines = engines.model_copy(update={key: getattr(engines, key).model_copy(update={"port": port})})
        else:
            services = services.model_copy(update={key: getattr(services, key).model_copy(update={"port": port})})
    return site.model_copy(update={"engines": engines, "services": services, "nodes": nodes})
