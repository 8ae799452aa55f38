"""`hune run pve-exporter`: prometheus-pve-exporter's flags, files and environment; or the clusters of a site."""

from __future__ import annotations

import argparse
import contextlib
import ipaddress
import re
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from hune.collect.pve import compat, modules
from hune.collect.pve.assignment import FILE, Assignment
from hune.collect.pve.collectors import NAMES
from hune.collect.pve.exporter import DEFAULT_PORT, NAME, History, PveExporter, Settings
from hune.collect.pve.protection import Aspect, Policy
from hune.collect.pve.settings import DEFAULT, Discover, DiscoverGuests, DiscoverNodes
from hune.collect.pve.settings import Settings as CollectorSettings
from hune.collect.pve.site_targets import SiteTargets
from hune.collect.pve.targets import OpenTargets
from hune.core.errors import InputError
from hune.core.layout import Layout
from hune.http.serve import Tls

_CONFIG_FILE = Path("/etc/prometheus/pve.yml")
_TOLD = {
    "status": "whether nodes, guests and storages are up",
    "resources": "what nodes, guests and storages have and use",
    "node": "what nodes are",
    "cluster": "what the cluster is",
    "version": "the version of Proxmox VE",
    "backup-info": "guests that no backup job covers",
    "qdevice": "the quorum device",
    "subscription": "the node's subscription",
    "config": "whether the node's guests start with it",
    "replication": "the node's replication jobs",
}


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the flags; leaves with exit code 2 and one line for what isn't one."""
    parser = argparse.ArgumentParser(
        prog=f"hune run {NAME}",
        description="Metrics of Proxmox VE, in the place of prometheus-pve-exporter: its flags, its configuration "
        "file, its environment (PVE_USER, …). With --data-dir the clusters of the site that runs there.",
        allow_abbrev=False,
    )
    asked = parser.add_argument_group("collectors of /pve")
    for name in compat.NAMES:
        _switch(asked, f"collector.{name}", _TOLD[name], default=True)
    series = parser.add_argument_group("series of /pve")
    _switch(series, "series.inactive-states", "HA and lock states that aren't the present one", default=True)
    _switch(series, "series.deprecated-names", "names that upstream calls deprecated", default=True)
    own = parser.add_argument_group("series of /metrics")
    _switch(own, "collector.pve-api-metrics", "durations of API calls by URL", default=False)
    _switch(own, "collector.target-metrics", "durations of scrapes by target", default=False)
    _add_more(parser)
    parser.add_argument(
        "--config.file", dest="config_file", type=Path, metavar="FILE", help=f"how to log in; default {_CONFIG_FILE}"
    )
    parser.add_argument(
        "--web.listen-address", dest="listen", metavar="HOST:PORT", help=f"where to listen; default [::]:{DEFAULT_PORT}"
    )
    parser.add_argument(
        "--allow-target",
        action="append",
        default=[],
        metavar="HOST",
        help="a name, an address, a network (192.0.2.0/24), or *: who may be asked when others than this machine can "
        "reach the exporter; give it once for each",
    )
    parser.add_argument("--server.keyfile", dest="key", default="", metavar="FILE", help="key, to serve HTTPS")
    parser.add_argument("--server.certfile", dest="certificate", default="", metavar="FILE", help="its certificate")
    parser.add_argument("--data-dir", dest="data_dir", metavar="DIRECTORY", help="serve the site that runs there")
    return parser.parse_args(arguments)


def _add_more(parser: argparse.ArgumentParser) -> None:
    """Add what a site says by cluster, for who has no site."""
    more = parser.add_argument_group("collectors of /hune")
    for name in NAMES:
        _switch(more, f"hune.{name}", f"what docs/proxmox-metrics.md tells of {name}", default=True)
    more.add_argument(
        "--disks.wake", dest="wake_disks", action="store_true", help="read SMART of disks in standby, which wakes them"
    )
    _several(more, "--protection.excluded-tag", "excluded_tags", "TAG", "tag of guests that need no protection")
    _several(
        more,
        "--protection.require",
        "required",
        "ASPECT",
        f"what a protected guest must have: {', '.join(Aspect)}",
        choices=list(Aspect),
    )
    more.add_argument(
        "--protection.accept-partial",
        dest="accept_partial",
        action="store_true",
        help="a job that leaves disks out covers a guest all the same",
    )
    found = parser.add_argument_group("targets of /sd/nodes and /sd/guests, which are off")
    found.add_argument("--discover.nodes", dest="discover_nodes", type=_port, metavar="PORT", help="of their exporters")
    found.add_argument("--discover.guests", dest="discover_guests", type=_port, metavar="PORT", help="of theirs")
    _several(found, "--discover.guests.network", "networks", "NETWORK", "where guests may be scraped (192.0.2.0/24)")
    _several(found, "--discover.guests.tag", "tags", "TAG", "only guests with such a tag")
    _several(found, "--discover.guests.pool", "pools", "POOL", "only guests in such a resource pool")


def _several(
    group: argparse._ArgumentGroup, flag: str, dest: str, word: str, text: str, choices: list[Aspect] | None = None
) -> None:
    kind = str if choices is None else Aspect
    group.add_argument(
        flag, dest=dest, action="append", type=kind, choices=choices, metavar=word, help=f"{text}; once for each"
    )


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text}: not a port")
    return int(text)


def choices(options: argparse.Namespace) -> CollectorSettings:
    """Return what the flags say of every target. Raises InputError."""
    policy, chosen = Policy(), vars(options)
    for network in options.networks or ():
        try:
            ipaddress.ip_network(network)
        except ValueError:
            raise InputError(
                f"--discover.guests.network {network}: not a network", remedy="write it like 192.0.2.0/24"
            ) from None
    if options.discover_guests and not options.networks:
        raise InputError(
            "--discover.guests: a guest could name any address as its own",
            remedy="say where guests may be scraped: --discover.guests.network 192.0.2.0/24",
        )
    guests = DiscoverGuests(
        networks=tuple(options.networks or ()),
        port=options.discover_guests or 0,
        tags=tuple(options.tags or ()),
        pools=tuple(options.pools or ()),
    )
    return CollectorSettings(
        wake_disks=options.wake_disks,
        without=frozenset(name for name in NAMES if not chosen[f"hune.{name}"]),
        protection=Policy(
            excluded_tags=tuple(options.excluded_tags or policy.excluded_tags),
            required=frozenset(options.required or policy.required),
            accept_partial=options.accept_partial,
        ),
        discover=Discover(
            nodes=DiscoverNodes(options.discover_nodes) if options.discover_nodes else None,
            guests=guests if options.discover_guests else None,
        ),
    )


def _switch(group: argparse._ArgumentGroup, name: str, text: str, *, default: bool) -> None:
    group.add_argument(
        f"--{name}",
        dest=name,
        action=argparse.BooleanOptionalAction,
        default=default,
        help=f"{text} (default: {'yes' if default else 'no'})",
    )


def make(options: argparse.Namespace, environ: Mapping[str, str]) -> PveExporter:
    """Return the exporter that flags, files and environment ask for. Raises InputError."""
    data_dir = options.data_dir or (None if options.config_file else environ.get("HUNE_DATA_DIR"))
    if data_dir:
        return _of_site(options, Layout(Path(data_dir).expanduser().absolute()), environ)
    host, port = listen_address(options.listen) if options.listen else (_everywhere(), DEFAULT_PORT)
    if "PVE_USER" in environ:
        known = modules.from_environment(environ)
    else:
        known = modules.from_file(options.config_file or _CONFIG_FILE, environ)
    targets = OpenTargets(known, options.allow_target, everyone=_is_loopback(host), settings=choices(options))
    return PveExporter(targets, _settings(options, host, port))


def _of_site(options: argparse.Namespace, layout: Layout, environ: Mapping[str, str]) -> PveExporter:
    if choices(options) != DEFAULT:
        raise InputError(
            "--hune.…, --disks.…, --protection.…, --discover.…: with --data-dir the site says so, by cluster",
            remedy="write it under proxmox in the site file",
        )
    path = layout.config / FILE
    try:
        assignment = Assignment.from_json(path.read_text())
    except FileNotFoundError:
        raise InputError(f"{path}: missing", remedy="hune up writes it; or leave --data-dir out") from None
    host, port = assignment.host, assignment.port
    if options.listen:
        host, port = listen_address(options.listen)
    history = History(
        clusters=tuple(cluster.name for cluster in assignment.clusters),
        prometheus_url=assignment.prometheus_url,
        store_url=assignment.store_url,
    )
    settings = replace(_settings(options, host, port), history=history)
    return PveExporter(SiteTargets(assignment.clusters, environ), settings)


def _settings(options: argparse.Namespace, host: str, port: int) -> Settings:
    chosen = vars(options)
    tls = None
    if options.key or options.certificate:
        tls = Tls(options.certificate, options.key)
        _check(tls)
    return Settings(
        host=host,
        port=port,
        collectors=frozenset(name for name in compat.NAMES if chosen[f"collector.{name}"]),
        trim=compat.Trim(
            inactive_states=not chosen["series.inactive-states"],
            deprecated_names=not chosen["series.deprecated-names"],
        ),
        api_metrics=chosen["collector.pve-api-metrics"],
        target_metrics=chosen["collector.target-metrics"],
        tls=tls,
    )


def _check(tls: Tls) -> None:
    if not (tls.certificate and tls.key):
        raise InputError("--server.certfile and --server.keyfile: one is missing", remedy="give both, or neither")
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(tls.certificate, tls.key)
    except ssl.SSLError as error:
        raise InputError(
            f"{tls.certificate}, {tls.key}: no certificate and its key", remedy="give PEM files that belong together"
        ) from error
    except OSError as error:
        raise InputError(
            f"{tls.certificate}, {tls.key}: {(error.strerror or 'not readable').lower()}", remedy="name readable files"
        ) from error


def listen_address(text: str) -> tuple[str, int]:
    """Return host and port of `host:port`, `[v6]:port` or `:port`. Raises InputError."""
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:\[\]/]*)):(\d{1,5})", text, re.ASCII)
    host, port = (match[1] or match[2], int(match[3])) if match else ("", 0)
    if not 0 < port < 65536 or (match and match[1] and _address(host) is None):
        raise InputError(
            f"--web.listen-address {text}: not an address and a port", remedy=f"write it like [::]:{DEFAULT_PORT}"
        )
    return host or "0.0.0.0", port  # noqa: S104 - that is what an empty host means upstream


def _everywhere() -> str:
    """Return the address that stands for all: `::`, unless this machine has no IPv6."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::", 0))
        return "::"
    return "0.0.0.0"  # noqa: S104 - what upstream listens on by default


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return address.is_loopback if address else host == "localhost"
