"""Targets for Prometheus' HTTP service discovery: a cluster's nodes and guests, as far as somebody permits them.

`[{"targets": ["192.0.2.50:9100"], "labels": {"__meta_pve_cluster": "home", "__meta_pve_id": "qemu/100", …}}]`

A guest says its addresses itself, so whoever owns one could name any: only those within `networks` count, and never one
that leads to this machine or to nobody. While too little is known to answer, the answer is an error, and Prometheus
keeps the targets it has. Source: "Writing HTTP service discovery" of Prometheus' documentation.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hune.collect.pve.answers import record, records
from hune.collect.pve.cluster import FRESH_SECONDS, STATUS, Guest, parse_cluster, read_cluster, read_guests
from hune.collect.pve.guest_config import read_configs
from hune.collect.pve.rota import Pace, Rota, Round
from hune.collect.pve.settings import Discover, DiscoverGuests, DiscoverNodes
from hune.collect.pve.source import Source
from hune.core.errors import Refused, Unavailable
from hune.pve.access import Endpoint
from hune.pve.errors import Forbidden

KINDS = ("nodes", "guests")
LEFT_OUT = ("in-the-site", "no-address", "forbidden", "too-many")
"""Why something is none."""

_AGENT = "/nodes/{node}/qemu/{vmid}/agent/network-get-interfaces"
_CONTAINER = "/nodes/{node}/lxc/{vmid}/interfaces"
_TTL_SECONDS = 600.0
_PACE = Pace(ttl_seconds=_TTL_SECONDS, keep_seconds=6 * _TTL_SECONDS, batch=200, at_once=4, patience_seconds=2.5)
_MOST_ADDRESSES = 64
"""Addresses of one guest that are looked at."""

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_ADDRESSES: Rota[str, tuple[_Address, ...]] = Rota(_PACE)


class NotDiscovered(Refused):
    """Nobody permitted it."""


@dataclass
class Found:
    """Targets as Prometheus takes them, and how many were left out for what reason."""

    targets: list[dict[str, Any]] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    def add(self, host: str, port: int, known: frozenset[str], labels: Mapping[str, str]) -> None:
        """Add a target, unless it is one that is scraped already."""
        address = str(Endpoint(host, port))
        if address.lower() in known:
            self.left_out["in-the-site"] += 1
            return
        meta = {f"__meta_pve_{name}": value for name, value in {**labels, "address": host}.items()}
        self.targets.append({"targets": [address], "labels": meta})


async def discover(kind: str, source: Source, wanted: Discover, *, cluster: str) -> Found:
    """Return the targets of a kind (`KINDS`).

    Raises NotDiscovered if nobody permitted it, Unavailable while not every guest was asked once, or PveError: also
    if there is no target because the account may not see addresses.
    """
    with source.round():
        if kind == "nodes" and wanted.nodes is not None:
            return await _nodes(source, wanted.nodes, wanted, cluster)
        if kind == "guests" and wanted.guests is not None:
            return await _guests(source, wanted.guests, wanted, cluster)
    raise NotDiscovered(
        f"{cluster}: discovery of {kind} is off",
        remedy=f"say discover: {{{kind}: …}} in the site file, or start the exporter with --discover.{kind}",
    )


async def _nodes(source: Source, wanted: DiscoverNodes, permitted: Discover, cluster: str) -> Found:
    answer = await source.get(STATUS, max_age_seconds=FRESH_SECONDS)
    members = {node.name for node in parse_cluster(answer).nodes}
    found = Found()
    for entry in sorted(records(answer, STATUS), key=lambda entry: entry.text("name", "")):
        name = entry.text("name", "")
        if entry.text("type") != "node" or name not in members:
            continue
        address = _usable(entry.text("ip", ""))
        if name.lower() in permitted.known:
            found.left_out["in-the-site"] += 1
        elif address is None:
            found.left_out["no-address"] += 1
        else:
            labels = {"cluster": cluster, "id": f"node/{name}", "type": "node", "name": name, "node": name}
            found.add(str(address), wanted.port, permitted.known, labels)
    return found


async def _guests(source: Source, wanted: DiscoverGuests, permitted: Discover, cluster: str) -> Found:
    found = Found()
    chosen = sorted((guest for guest in await read_guests(source) if _is_wanted(guest, wanted)), key=lambda g: g.vmid)
    found.left_out["too-many"] += max(0, len(chosen) - wanted.most)
    # One whose node is silent is still there, and `up` tells that it doesn't answer.
    guests = {guest.id: guest for guest in chosen[: wanted.most] if guest.name.lower() not in permitted.known}
    found.left_out["in-the-site"] += len(chosen[: wanted.most]) - len(guests)
    known = await _read_addresses(source, guests)
    for id_, guest in guests.items():
        address = _choose(known.facts.get(id_, ()), wanted)
        if address is None:
            found.left_out["forbidden" if isinstance(known.errors.get(id_), Forbidden) else "no-address"] += 1
            continue
        labels = {
            "cluster": cluster,
            "id": id_,
            "type": guest.kind,
            "name": guest.name,
            "node": guest.node,
            "pool": guest.pool,
            # Commas around each, so that `.*,web,.*` finds one: as Prometheus' own discoveries have it.
            "tags": f",{','.join(sorted(guest.tags))}," if guest.tags else "",
        }
        found.add(str(address), wanted.port, permitted.known, labels)
    refused = next((error for error in known.errors.values() if isinstance(error, Forbidden)), None)
    if refused is not None and not found.targets:
        raise refused
    return found


def _is_wanted(guest: Guest, wanted: DiscoverGuests) -> bool:
    if guest.template or guest.last_status != "running":
        return False
    in_tags = not wanted.tags or not guest.tags.isdisjoint(tag.lower() for tag in wanted.tags)
    return in_tags and (not wanted.pools or guest.pool in wanted.pools)


async def _read_addresses(source: Source, guests: Mapping[str, Guest]) -> Round[str, tuple[_Address, ...]]:
    """Return the addresses of guests whose agent or container says them.

    Raises Unavailable while some were not asked.
    """
    online = set((await read_cluster(source)).online)
    machines = [guest for guest in guests.values() if guest.kind == "qemu"]
    configs = await read_configs(source, machines, online)
    waiting = [guest.id for guest in machines if guest.id not in configs.facts and guest.id not in configs.errors]
    able = {
        id_: guest
        for id_, guest in guests.items()
        if guest.kind == "lxc" or (id_ in configs.facts and configs.facts[id_].agent)
    }

    async def fetch(id_: str) -> tuple[_Address, ...]:
        guest = able[id_]
        path = (_AGENT if guest.kind == "qemu" else _CONTAINER).format(node=guest.node, vmid=guest.vmid)
        return parse_addresses(guest.kind, await source.get(path, max_age_seconds=_TTL_SECONDS / 2), path)

    askable = {id_ for id_, guest in able.items() if guest.node in online}
    known = await _ADDRESSES.round(source, {id_: guest.node for id_, guest in able.items()}, fetch, askable=askable)
    waiting += [id_ for id_ in askable if id_ not in known.facts and id_ not in known.errors]
    if waiting:
        raise Unavailable(f"{len(waiting)} of {len(guests)} guests were not asked for their address yet")
    known.errors.update({id_: error for id_, error in configs.errors.items() if id_ not in able})
    return known


def parse_addresses(kind: str, answer: Any, where: str) -> tuple[_Address, ...]:
    """Read what a guest says of its network: of its agent (`qemu`), or of its container. Raises BadAnswer."""
    interfaces = record(answer, where).records("result") if kind == "qemu" else records(answer, where)
    found: list[_Address] = []
    for interface in interfaces:
        texts = [entry.text("ip-address", "") for entry in interface.records("ip-addresses")]
        texts += [interface.text(key, "") for key in ("inet", "inet6")]
        for text in texts:
            address = _usable(text)
            if address is not None and address not in found:
                found.append(address)
    return tuple(found[:_MOST_ADDRESSES])


def _usable(text: str) -> _Address | None:
    """Return an address, with or without its prefix length; None if it leads to this machine or to nobody."""
    try:
        address = ipaddress.ip_address(text.partition("/")[0])
    except ValueError:
        return None
    real = address.ipv4_mapped or address if isinstance(address, ipaddress.IPv6Address) else address
    if real.is_loopback or real.is_link_local or real.is_multicast or real.is_unspecified or real.is_reserved:
        return None
    return real


def _choose(addresses: tuple[_Address, ...], wanted: DiscoverGuests) -> _Address | None:
    """Return the address that lies in the first of the networks that has one."""
    return next(_within(addresses, wanted), None)


def _within(addresses: tuple[_Address, ...], wanted: DiscoverGuests) -> Iterator[_Address]:
    for text in wanted.networks:
        network = ipaddress.ip_network(text, strict=False)
        yield from (address for address in addresses if address in network)
