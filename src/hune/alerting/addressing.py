"""Whom the site's routes name for an alert: pure functions of site and labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from hune.alerting.routing import CONSOLE, said_of_nodes
from hune.site.models import Route, Site


def routes_of(site: Site, labels: Mapping[str, str]) -> list[Route]:
    """Return the routes that an alert takes, in order. One without severity counts as critical.

    As in routing: what the site says of its nodes stands for the nodes of which it holds.
    """
    said = said_of_nodes(site)
    of_node = said.get(labels.get("node", ""))
    judged = {"severity": "critical", **labels}

    def holds(label: str, texts: Sequence[str]) -> bool:
        facts = of_node if any(label in one for one in said.values()) else judged
        return facts is not None and facts.get(label, "") in texts

    return [route for route in site.routes if all(holds(label, texts) for label, texts in route.match.items())]


def audible(site: Site, labels: Mapping[str, str], names: Iterable[str]) -> list[str]:
    """Return those of some receivers that may hear of an alert, in the site's order: of the lab not all."""
    is_lab, named = labels.get("lab") == "true", set(names)
    return [receiver.name for receiver in site.receivers if receiver.name in named and (receiver.lab or not is_lab)]


def receivers_of(site: Site, labels: Mapping[str, str]) -> list[str]:
    """Return who is told of an alert whose sender names no receiver: the console, and whom the site's routes say.

    Without routes everybody is told.
    """
    if site.routes:
        named = {name for route in routes_of(site, labels) for name in route.receivers}
    else:
        named = {receiver.name for receiver in site.receivers}
    return [CONSOLE, *audible(site, labels, named - {CONSOLE})]
