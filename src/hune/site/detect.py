"""This host, as far as a site says something about it: name, kind, network ports, temperature chips, own addresses."""

from __future__ import annotations

import re
import shutil
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hune.site.models import Exporter, Node, Site, host_name
from hune.site.values import is_ip_address, is_loopback

CPU_CHIPS = ("coretemp", "k10temp")


@dataclass(frozen=True)
class Port:
    """A physical network port; `speed` in bits per second where the driver tells it."""

    device: str
    is_up: bool
    speed: int | None


@dataclass(frozen=True)
class Chip:
    """A temperature chip: its driver, and its name as node_exporter gives it (`platform_coretemp_0`)."""

    driver: str
    name: str


@dataclass(frozen=True)
class ThisHost:
    """What was found."""

    name: str
    kind: Literal["linux", "proxmox"]
    ports: tuple[Port, ...] = ()
    chips: tuple[Chip, ...] = ()
    has_address: Callable[[str], bool] = lambda _address: False


def inspect(root: Path = Path("/")) -> ThisHost:
    """Return what this host is, read from below `root`; what can't be read is left out."""
    proxmox = (root / "etc/pve").is_dir() or (root == Path("/") and shutil.which("pveversion") is not None)
    return ThisHost(
        name=host_name(),
        kind="proxmox" if proxmox else "linux",
        ports=tuple(_ports(root / "sys/class/net")),
        chips=tuple(_chips(root / "sys/class/hwmon")),
        has_address=has_address,
    )


def _ports(directory: Path) -> list[Port]:
    found = []
    for path in _entries(directory):
        # Bridges, VLANs and guests' ports have no device behind them.
        if (path / "device").exists():
            speed = _read(path / "speed")
            found.append(
                Port(
                    path.name,
                    is_up=_read(path / "operstate") == "up",
                    speed=int(speed) * 10**6 if speed.isdigit() and int(speed) > 0 else None,
                )
            )
    return found


def _chips(directory: Path) -> list[Chip]:
    return [Chip(driver, _chip_name(path, driver)) for path in _entries(directory) if (driver := _read(path / "name"))]


def _chip_name(path: Path, driver: str) -> str:
    """Return the label `chip` that node_exporter's hwmon collector gives: the device's bus and its name."""
    try:
        device = (path / "device").resolve(strict=True)
    except (OSError, RuntimeError):
        return _clean(driver)
    return "_".join(part for part in (_clean(device.parent.name), _clean(device.name)) if part)


def _clean(text: str) -> str:
    return re.sub(r"[^a-z0-9:_]", "_", text.lower()).strip("_")


def _entries(directory: Path) -> list[Path]:
    try:
        return sorted(directory.iterdir())
    except OSError:
        return []


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        # A port that is down answers EINVAL to the question for its speed.
        return ""


def has_address(address: str) -> bool:
    """Whether an address (or this host's own name) is one of this machine; asks the kernel, never the network."""
    if not is_ip_address(address):
        own = socket.gethostname().lower()
        return address.lower().rstrip(".") in ("localhost", own, own.split(".")[0])
    plain = address.partition("%")[0]
    return is_loopback(plain) or source_towards(address) == plain.lower()


def source_towards(address: str) -> str | None:
    """Return this machine's address in the eyes of another one, None if there is no way to it.

    The kernel's routes tell, nothing is sent. What is sent to an own address comes from that very address.
    """
    host, _, zone = address.partition("%")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.setblocking(False)
            scope = socket.if_nametoindex(zone) if zone else 0
            probe.connect((host, 9, 0, scope) if family == socket.AF_INET6 else (host, 9))
            return str(probe.getsockname()[0]).partition("%")[0]
    except OSError:
        return None


def complete(site: Site, host: ThisHost) -> Site:
    """Return the site with its local nodes marked, and this host added if it is none of them and is wanted."""
    nodes = [_marked(node, host) for node in site.nodes]
    if site.this_host and all(node.is_remote for node in nodes):
        nodes.append(
            Node(
                name=_free_name(host.name, {node.name.lower() for node in nodes}),
                address=_own_address(site),
                kind=host.kind,
                exporter=Exporter(port=site.port("node-exporter")),
                this_host=True,
            )
        )
    return site.model_copy(update={"nodes": nodes})


def _marked(node: Node, host: ThisHost) -> Node:
    if node.lab or node.this_host is not None:
        return node
    return node.model_copy(update={"this_host": host.has_address(node.address)})


def _own_address(site: Site) -> str:
    return "127.0.0.1" if site.local_address in ("localhost", "::1") else site.local_address


def _free_name(name: str, taken: set[str]) -> str:
    """Return a name like `name` that no node has, whatever its case."""
    candidate, number = name, 2
    while candidate.lower() in taken:
        candidate = f"{name[:55]}-host{'' if number == 2 else number}"
        number += 1
    return candidate


def site_without_file(host: ThisHost, environ: Mapping[str, str]) -> dict[str, object]:
    """Return the site that this host is when nobody wrote one, as the content of a site file.

    DISCORD_WEBHOOK_URL in the environment is the receiver of critical alerts, the lab's included.
    """
    content: dict[str, object] = {"name": host.name}
    if environ.get("DISCORD_WEBHOOK_URL", "").strip():
        content["receivers"] = [{"name": "discord", "lab": True, "discord": {"webhook": "env:DISCORD_WEBHOOK_URL"}}]
        content["routes"] = [{"match": {"severity": "critical"}, "receivers": ["discord"]}]
    return content
