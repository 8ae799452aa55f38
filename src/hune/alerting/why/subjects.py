"""Which rule and which thing a question means: pure, and forgiving where only one answer makes sense."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from hune.alerting.catalogue.own import SERVICES
from hune.alerting.holds import Labels
from hune.alerting.routing import CONSOLE
from hune.core.errors import InputError
from hune.core.logs import visible
from hune.site.guess import nearest
from hune.site.models import Site

_MOST_NAMED = 30
_LONGEST = 200


@dataclass(frozen=True)
class Question:
    """What somebody asks: about an alert of the book by its `number`, or about a rule, a resource and more labels."""

    rule: str = ""
    resource: str = ""
    labels: Labels = field(default_factory=dict)
    number: int | None = None


def rule_of(asked: str, known: Iterable[str]) -> str:
    """Return the name of the rule that is meant. Raises InputError that suggests the nearest."""
    names = sorted(known)
    same = [name for name in names if name.casefold() == asked.casefold()]
    if same:
        return same[0]
    near = nearest(asked, names)
    remedy = f"did you mean {near}?" if near else f"there are: {', '.join(names)}"
    raise InputError(f"rule: {_shown(asked)} is not known" if asked else "rule: missing", remedy=remedy)


def check_labels(name: str, identity: Sequence[str], labels: Labels) -> None:
    """Raise InputError if a label says nothing about which alert of a rule is meant."""
    for label in labels:
        if label in identity:
            continue
        near = nearest(label, identity)
        there = f"{name} has: {', '.join(identity)}" if identity else f"{name} has none"
        remedy = f"did you mean {near}?" if near else there
        raise InputError(f"{_shown(label)}: not a label of this rule", remedy=remedy)


def of_site(site: Site, name: str, identity: Sequence[str]) -> list[dict[str, str]]:
    """Return what alerts of a rule can be about as far as the site file says; nothing where it doesn't."""
    match tuple(identity):
        case ("node", "device"):
            return [{"node": node.name, "device": link.device} for node in site.nodes for link in node.links]
        case ("lab",):
            return [{}] + [{"lab": "true"}] * any(node.lab for node in site.nodes)
        case (label,):
            return [{label: text} for text in _names(site, name, label)]
    return []


def _names(site: Site, name: str, label: str) -> Iterable[str]:
    match label:
        case "node":
            return [node.name for node in site.nodes]
        case "probe":
            return [probe.name for probe in site.probes]
        case "cluster":
            return [cluster.name for cluster in site.asked_clusters]
        case "heartbeat":
            return [one.name for one in site.expects]
        case "service":
            return [service for service in SERVICES if site.wants(service)]
        case "receiver" if name == "DailyTest":
            return [one.name for one in site.receivers if one.daily_test is not None]
        case "receiver":
            return dict.fromkeys([CONSOLE, *(one.name for one in site.receivers)])
    return []


def places(site: Site, name: str, identity: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return the things of the site by whose name a thing of this identity can be asked for, with what that says."""
    found: dict[str, dict[str, str]] = {}
    if "cluster" in identity:
        for cluster in site.asked_clusters:
            if "node" in identity:
                found |= {node: {"cluster": cluster.name, "node": node} for node in cluster.nodes}
            found[cluster.name] = {"cluster": cluster.name}
        return found
    label = "node" if "node" in identity else next(iter(identity), "")
    return {text: {label: text} for text in _names(site, name, label)}


def matching(candidates: Iterable[Mapping[str, str]], resource: str, labels: Labels) -> list[dict[str, str]]:
    """Return what is meant, each once: what has the labels, and the resource's name among its own."""
    found: list[dict[str, str]] = []
    for candidate in candidates:
        if any(candidate.get(label) != text for label, text in labels.items()):
            continue
        if resource and not any(resource in (text, text.rpartition("/")[2]) for text in candidate.values()):
            continue
        if dict(candidate) not in found:
            found.append(dict(candidate))
    return found


def assumed(site: Site, name: str, identity: Sequence[str], question: Question, known: Iterable[Labels]) -> Labels:
    """Return what is meant though nothing like it is measured.

    Raises InputError that suggests the nearest resource, or lists those there are.
    """
    by_name = places(site, name, identity)
    if question.resource in by_name:
        return {**by_name[question.resource], **question.labels}
    if not question.resource and (question.labels or not identity or identity == ("lab",)):
        return question.labels
    is_of_site = bool(by_name) and "cluster" not in identity
    names = list(by_name if is_of_site else dict.fromkeys([*by_name, *(_name(labels, identity) for labels in known)]))
    what = ("node" if "node" in identity else identity[0]) if is_of_site else "resource"
    if not names:
        raise InputError(f"{name}: the site has nothing that this rule is about", remedy="see the site file")
    listed = ", ".join(sorted(names)[:_MOST_NAMED]) + (" …" if len(names) > _MOST_NAMED else "")
    if not question.resource:
        raise InputError(f"{what}: missing", remedy=f"name one of: {listed}")
    near = nearest(question.resource, names)
    remedy = f"did you mean {near}? there are: {listed}" if near else f"there are: {listed}"
    raise InputError(f"{what}: {_shown(question.resource)} is not known", remedy=remedy)


def named(labels: Labels) -> str:
    """Return a thing as people name it: `pve-01 device=enp1s0f0`."""
    first, *others = sorted(labels, key=lambda label: label not in ("node", "probe")) or [""]
    return " ".join([labels.get(first, ""), *(f"{label}={labels[label]}" for label in others)]).strip()


def is_watched(site: Site, name: str, identity: Sequence[str], labels: Labels) -> bool:
    """Whether what an alert is about is part of the site."""
    if "cluster" in labels:
        return any(one.name == labels["cluster"] for one in site.asked_clusters)
    label = "node" if "node" in identity else next(iter(identity), "")
    if label in labels and _names(site, name, label) and labels[label] not in _names(site, name, label):
        return False
    here = watched_there(site, labels)
    return "device" not in labels or labels["device"] in here


def watched_there(site: Site, labels: Labels) -> tuple[str, ...]:
    """Return the ports of a node that are watched."""
    here = next((one for one in site.nodes if one.name == labels.get("node")), None)
    return tuple(link.device for link in here.links) if here and "device" in labels else ()


def is_lab(site: Site, labels: Labels) -> bool:
    """Whether an alert about this would be the lab's."""
    if "cluster" in labels:
        return any(one.name == labels["cluster"] and site.is_lab(one) for one in site.asked_clusters)
    return any(one.name == labels.get("node") and one.lab for one in site.nodes)


def is_whole(labels: Labels, identity: Sequence[str]) -> bool:
    """Whether these labels name one thing: of some identities a label may be missing, but not on a machine."""
    return "cluster" in identity or "lab" in identity or all(label in labels for label in identity)


def _name(labels: Labels, identity: Sequence[str]) -> str:
    return next((labels[label] for label in ("id", *identity[1:], *identity) if label in labels), "")


def _shown(text: str) -> str:
    return visible(text if len(text) <= _LONGEST else text[:_LONGEST] + "…")
