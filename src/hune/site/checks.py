"""What must agree across a site: names are unique, references have a target, nothing shares a port.

The checks take plain data, complete after validation or as far as it goes before, so that they report beside the
models' own errors. Anything of a wrong type is the models' business and is passed over here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from hune.site.calendar import moment_in
from hune.site.guess import nearest
from hune.site.models import DEFAULT_PORTS, Services, Site
from hune.site.problems import Location, Position, shown
from hune.site.values import DAYS_PATTERN, days_of, is_loopback


@dataclass(frozen=True)
class Finding:
    """A problem before it has a position; `of_key` when the key at the location is at fault, not its value."""

    location: Location
    what: str
    remedy: str
    of_key: bool = False


# Of each kind: beyond, a list helps nobody, and finding the nearest words takes minutes.
MAX_FINDINGS = 500
MAX_COMPARED = 2000

Locate = Callable[[Location], Position]


def check(site: Mapping[str, Any], locate: Locate) -> list[Finding]:
    """Return every disagreement; `locate` tells where the first of two namesakes stands."""
    return [finding for one in _CHECKS for finding in islice(one(site, locate), MAX_FINDINGS)]


def _rows(site: Mapping[str, Any], key: str) -> Iterator[tuple[Location, Mapping[str, Any]]]:
    rows = site.get(key)
    for index, row in enumerate(rows if isinstance(rows, list) else ()):
        if isinstance(row, Mapping):
            yield (key, index), row


def _part(mapping: Mapping[str, Any], *keys: str) -> Any:
    value: Any = mapping
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _names(site: Mapping[str, Any], key: str) -> list[str]:
    return [row["name"] for _, row in _rows(site, key) if isinstance(row.get("name"), str)]


def _unique_names(site: Mapping[str, Any], locate: Locate) -> Iterator[Finding]:
    for key in ("nodes", "probes", "receivers", "proxmox", "expects"):
        first: dict[str, Location] = {}
        for location, row in _rows(site, key):
            name = row.get("name")
            if not isinstance(name, str):
                continue
            other = first.setdefault(name.lower(), (*location, "name"))
            if other[:-1] != location:
                yield Finding(
                    (*location, "name"), f"the name '{shown(name)}' is taken at {locate(other)}", "choose another name"
                )


def _unique_exporters(site: Mapping[str, Any], locate: Locate) -> Iterator[Finding]:
    first: dict[tuple[str, int], Location] = {}
    for location, node in _rows(site, "nodes"):
        address, port = node.get("address"), _part(node, "exporter", "port")
        if not isinstance(address, str):
            continue
        at = (*location, "address")
        other = first.setdefault((address.lower(), port if isinstance(port, int) else 9100), at)
        if other != at:
            yield Finding(
                at,
                f"the exporter of this address is that of the node at {locate(other)}",
                "give another address or exporter.port",
            )


def _unique_links(site: Mapping[str, Any], locate: Locate) -> Iterator[Finding]:
    for location, node in _rows(site, "nodes"):
        first: dict[str, Location] = {}
        for (_, index), link in _rows(node, "links"):
            device, at = link.get("device"), (*location, "links", index, "device")
            if isinstance(device, str) and (other := first.setdefault(device, at)) != at:
                yield Finding(at, f"the port '{shown(device)}' is listed at {locate(other)} already", "remove one")


def _reference(location: Location, word: object, known: Sequence[str], what: str, where: str) -> Iterator[Finding]:
    if not isinstance(word, str) or word in known:
        return
    near = nearest(word, known[:MAX_COMPARED])
    remedy = f"did you mean {near}?" if near else f"known: {', '.join(known[:10])}" if known else f"add it to {where}"
    yield Finding(location, f"no {what} is called '{shown(word)}'", remedy)


def _consoles(site: Mapping[str, Any], _locate: Locate) -> Iterator[Finding]:
    """Find a receiver that takes the name of the log, which always gets every alert."""
    for location, receiver in _rows(site, "receivers"):
        if receiver.get("name") == "console" and not receiver.get("console"):
            yield Finding((*location, "name"), "'console' is Hune's own log", "give this receiver another name")


def _references(site: Mapping[str, Any], _locate: Locate) -> Iterator[Finding]:
    groups = list(site["groups"]) if isinstance(site.get("groups"), Mapping) else []
    for location, node in _rows(site, "nodes"):
        yield from _reference((*location, "group"), node.get("group"), groups, "group", "groups")
    yield from _escalations(site)
    for rows, key, what in (("routes", "receivers", "receiver"), ("proxmox", "nodes", "node")):
        known = _names(site, key)
        for location, row in _rows(site, rows):
            words = row.get(key)
            for index, word in enumerate(words if isinstance(words, list) else ()):
                yield from _reference((*location, key, index), word, known, what, key)
    yield from _windows(site, groups)


def _windows(site: Mapping[str, Any], groups: Sequence[str]) -> Iterator[Finding]:
    known = {"nodes": _names(site, "nodes"), "groups": groups, "probes": _names(site, "probes")}
    known["clusters"] = _names(site, "proxmox")
    for location, window in _rows(site, "maintenance"):
        zone = window.get("timezone") or site.get("timezone") or "UTC"
        with suppress(ValueError, TypeError, AttributeError, OSError, KeyError):
            begins, ends = (moment_in(window[key], ZoneInfo(zone)) for key in ("from", "until"))
            if begins >= ends:
                yield Finding(location, "it ends before it begins", "correct from or until")
        for key, names in known.items():
            words = window.get(key)
            for index, word in enumerate(words if isinstance(words, list) else ()):
                where = "proxmox" if key == "clusters" else key
                yield from _reference((*location, key, index), word, names, key.removesuffix("s"), where)


def _escalations(site: Mapping[str, Any]) -> Iterator[Finding]:
    known = _names(site, "receivers")
    for location, route in _rows(site, "routes"):
        for (_, number), step in _rows(route, "escalate"):
            words = step.get("receivers")
            for index, word in enumerate(words if isinstance(words, list) else ()):
                place = (*location, "escalate", number, "receivers", index)
                yield from _reference(place, word, known, "receiver", "receivers")


def _is_wanted(site: Mapping[str, Any], name: str) -> bool:
    """Whether a process may run here, as `Site.wants` says once the site is whole."""
    stores = site.get("stores")
    store = stores.get("timescale") if isinstance(stores, Mapping) and "timescale" in stores else False
    match name:
        case "pve-exporter":
            return bool(site.get("proxmox"))
        case "timescale":
            return store is not False
        case "timescale-query":
            return isinstance(store, Mapping) and store.get("query") is True
        case "postgresql":
            elsewhere = _part(site, "stores", "timescale", "url") or _part(site, "services", "timescale", "url")
            return store is not False and not elsewhere
    return True


def _ports(site: Mapping[str, Any], _locate: Locate) -> Iterator[Finding]:
    """Find two of Hune's own processes on one port of this machine; the one whose port was set is at fault."""
    taken: dict[int, tuple[str, Location | None]] = {}
    wishes: list[tuple[str, Location, int | None]] = []
    for name in DEFAULT_PORTS:
        if not _is_wanted(site, name):
            continue
        key = name.replace("-", "_")
        part = "services" if key in Services.model_fields else "engines"
        if not _part(site, part, key, "url"):
            port = _part(site, part, key, "port")
            wishes.append((name, (part, key, "port"), port if isinstance(port, int) else None))
    for name, _, port in wishes:
        if port is None:
            taken.setdefault(DEFAULT_PORTS[name], (name, None))
    for name, location, port in wishes:
        if port is not None and taken.setdefault(port, (name, location)) != (name, location):
            yield Finding(location, f"port {port} is that of {taken[port][0]}", "choose another port")


# Labels that Hune and the engines set themselves.
RESERVED_LABELS = frozenset(
    {"alertname", "chip", "device", "instance", "job", "kind", "lab", "node", "probe", "remote", "sensor", "severity"}
    | {"site", "type"}
)


def _gossip(site: Mapping[str, Any], _locate: Locate) -> Iterator[Finding]:
    """Find a cluster of what isn't run here, others without a cluster, and a port that is another's."""
    place: Location = ("engines", "alertmanager")
    cluster, others = _part(site, *map(str, place), "cluster"), _part(site, *map(str, place), "others")
    if cluster and _part(site, *map(str, place), "url"):
        yield Finding(
            (*place, "cluster"), "this Alertmanager runs elsewhere (url)", "set its cluster there", of_key=True
        )
    if others and not cluster and not _part(site, *map(str, place), "url"):
        yield Finding(
            (*place, "others"), "without a cluster each would tell people by itself", "give cluster too", of_key=True
        )
    listen = _part(cluster, "listen")
    port = listen.rpartition(":")[2] if isinstance(listen, str) else ""
    for name in DEFAULT_PORTS:
        part = "services" if name.replace("-", "_") in Services.model_fields else "engines"
        own = _part(site, part, name.replace("-", "_"), "port") or DEFAULT_PORTS[name]
        if port == str(own) and _is_wanted(site, name) and not _part(site, part, name.replace("-", "_"), "url"):
            yield Finding((*place, "cluster", "listen"), f"port {port} is that of {name}", "choose another port")


def _own_words(site: Mapping[str, Any], _locate: Locate) -> Iterator[Finding]:
    """Find receivers and times of Alertmanager's own words that take a name, or name what there isn't."""
    words = site.get("alertmanager")
    if not isinstance(words, Mapping):
        return
    of_hune = {"console", "_nobody", "_chain", *_names(site, "receivers")}
    for key, taken in (("receivers", set(of_hune)), ("time_intervals", set[str]())):
        for location, row in _rows(words, key):
            name = row.get("name")
            if isinstance(name, str) and name in taken:
                place = ("alertmanager", *location, "name")
                yield Finding(place, f"the name '{shown(name)}' is taken", "choose another name")
            taken |= {name} if isinstance(name, str) else set()
    known = sorted(of_hune | {*_names(words, "receivers")})
    for location, route in _rows(words, "routes"):
        name = route.get("receiver")
        yield from _reference(
            ("alertmanager", *location, "receiver"), name, known, "receiver", "alertmanager.receivers"
        )


def _labels(site: Mapping[str, Any], _locate: Locate) -> Iterator[Finding]:
    for location, node in _rows(site, "nodes"):
        labels = node.get("labels")
        for label in labels if isinstance(labels, Mapping) else ():
            if label in RESERVED_LABELS or label.startswith("__"):
                yield Finding((*location, "labels", label), "a label that is set already", "rename it", of_key=True)


def _expressions(site: Mapping[str, Any], _locate: Locate) -> Iterator[Finding]:
    expression = _part(site, "engines", "node_exporter", "ignored_devices")
    if not isinstance(expression, str) or len(expression) > 1000:
        return
    try:
        re.compile(expression)
    except (re.error, OverflowError, RecursionError):
        yield Finding(
            ("engines", "node_exporter", "ignored_devices"),
            "not a regular expression",
            "write one like ^(veth|tap|fwbr|fwln|fwpr).*",
        )


def _stores(site: Mapping[str, Any], _locate: Locate) -> Iterator[Finding]:
    store = _part(site, "stores", "timescale")
    place: Location = ("stores", "timescale")
    if _part(store, "url") and _part(site, "services", "timescale", "url"):
        yield Finding(
            (*place, "url"),
            "the adapter runs elsewhere (services.timescale.url), and it alone writes to the database",
            "give the URL of the database there, and leave it out here",
        )
    kept = _days(_part(store, "retention"))
    metrics = _part(store, "metrics")
    for index, metric in enumerate(metrics if isinstance(metrics, list) else ()):
        asked = _days(_part(metric, "retention"))
        if kept and asked and asked > kept:
            yield Finding(
                (*place, "metrics", index, "retention"),
                "longer than stores.timescale.retention, after which everything is dropped",
                "give a shorter one here, or a longer one there",
            )


def _days(value: object) -> int:
    return days_of(value) if isinstance(value, str) and re.fullmatch(DAYS_PATTERN, value) else 0


def _anything(site: Mapping[str, Any], _locate: Locate) -> Iterator[Finding]:
    if site.get("this_host") is False and site.get("nodes") == []:
        yield Finding(
            ("this_host",), "false, and no nodes are given: nothing to watch", "add nodes, or remove this_host"
        )


_CHECKS = (
    _unique_names,
    _unique_exporters,
    _unique_links,
    _references,
    _consoles,
    _ports,
    _gossip,
    _own_words,
    _labels,
    _expressions,
    _stores,
    _anything,
)


def notes(site: Site) -> list[str]:
    """Return what is right but perhaps not meant, a sentence each."""
    found = []
    routed = {name for route in site.routes for name in route.receivers}
    routed |= {name for route in site.routes for step in route.escalate for name in step.receivers}
    idle = [receiver.name for receiver in site.receivers if receiver.name not in routed]
    if idle and site.routes:
        found.append(f"no route names {', '.join(idle)}: nothing is sent there; add it under routes")
    if not site.receivers:
        found.append("there are no receivers: alerts are on the pages and in the log only; add one under receivers")
    if any(receiver.apprise for receiver in site.receivers) and find_spec("apprise") is None:
        found.append("a receiver needs Apprise, which is not installed here; pip install 'hune[apprise]'")
    if not is_loopback(site.listen):
        found.append(f"listen is {site.listen}: whoever reaches it sees the pages and engines; there is no sign-in yet")
    if is_loopback(site.listen) and site.expects and not site.public_url:
        found.append(
            f"{', '.join(one.name for one in site.expects)} must report here, where only this machine reaches "
            f"{site.listen}: set listen, or a proxy before the pages and its public_url"
        )
    if is_loopback(site.listen) and not site.engines.node_exporter.url:
        found.extend(
            f"node {node.name} is this machine, whose exporter listens on {site.listen} only: "
            f"give that as its address, unless an exporter of its own answers on {node.exporter_address}"
            for node in site.nodes
            if node.this_host and not is_loopback(node.address)
        )
    found.extend(
        f"nothing is discovered of the cluster {cluster.name}: it can't be asked; give it a token or a login"
        for cluster in site.proxmox
        if (cluster.discover.nodes or cluster.discover.guests) and cluster not in site.asked_clusters
    )
    unused = sorted(set(site.groups) - {node.group for node in site.nodes})
    if unused:
        found.append(f"no node is in the group {', '.join(unused)}; add it to a node, or remove it")
    return found
