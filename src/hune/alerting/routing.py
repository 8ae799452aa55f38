"""What Alertmanager does with alerts: a pure function of the site.

Each receiver of the site is a receiver of Alertmanager with one webhook, the hub's; the hub reads from the payload's
`receiver` whom to tell. Alertmanager groups, inhibits, silences; the hub delivers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hune.alerting.catalogue import ALERTS, THINGS
from hune.alerting.catalogue.proxmox import PROBLEMS
from hune.alerting.promql import one_of, quote
from hune.alerting.yaml_text import to_yaml
from hune.site.models import Receiver, Site

CONSOLE = "console"
"""The receiver of everything: the hub's console, and the alert book behind it."""

NOBODY = "_nobody"
"""The receiver of what no one wants; no name of a site begins with an underscore."""

CHAIN = "_chain"
"""The receiver of the Watchdog: the hub itself, which tells nobody as long as it comes."""

_IDENTITIES = ("alertname", "node", "device", "chip", "probe", "lab", *THINGS)
_CLUSTER_IDENTITIES = tuple(
    sorted({label for problem in PROBLEMS.values() for label in problem.identity} - set(_IDENTITIES))
)
_FAST = tuple(name for name, alert in ALERTS.items() if alert.pace == "fast" and alert.over)
_GRADED = tuple(name for name, alert in ALERTS.items() if alert.severity is None)
"""Those of which there are critical ones and others."""


def render_alertmanager(site: Site) -> str:
    """Return alertmanager.yml."""
    others = [receiver for receiver in site.receivers if receiver.name != CONSOLE]
    webhook = {"url": f"{site.url('hub')}/webhook", "send_resolved": True, "max_alerts": 0}
    config: dict[str, Any] = {
        "global": {"resolve_timeout": "5m"},
        "route": {
            "receiver": NOBODY,
            # Each alert by itself and at once: in a group of several the second waits for the group's next turn.
            "group_by": _identities(site),
            "group_wait": "0s",
            "group_interval": "1s",
            "repeat_interval": "4h",
            "routes": [
                # Repeated for as long as it fires: the hub listens for it.
                {"matchers": [_equal("alertname", "Watchdog")], "receiver": CHAIN, "repeat_interval": "10s"},
                *_daily_tests(site),
                _everything(CONSOLE, []),
                *(route for receiver in others for route in _routes(receiver, site)),
                # All before them go on to the next: whatever follows is reached.
                *site.alertmanager.routes,
            ],
        },
        "inhibit_rules": [*_inhibitions(site), *site.alertmanager.inhibit_rules],
        "receivers": [
            {"name": NOBODY},
            {"name": CHAIN, "webhook_configs": [{**webhook, "send_resolved": False}]},
            *({"name": name, "webhook_configs": [webhook]} for name in (CONSOLE, *(one.name for one in others))),
            *site.alertmanager.receivers,
        ],
    }
    if site.alertmanager.time_intervals:
        config["time_intervals"] = site.alertmanager.time_intervals
    return to_yaml(config, comment="Written by Hune from the site file: who is told what.")


def _daily_tests(site: Site) -> list[dict[str, Any]]:
    """Return the routes of the daily tests: each to its own receiver alone."""
    return [
        {
            "matchers": [_equal("alertname", "DailyTest"), _equal("receiver", receiver.name)],
            "receiver": receiver.name,
        }
        for receiver in site.receivers
        if receiver.daily_test is not None
    ]


def _identities(site: Site) -> list[str]:
    return [
        *_IDENTITIES,
        *(("heartbeat",) if site.expects else ()),
        *(_CLUSTER_IDENTITIES if site.asked_clusters else ()),
    ]


def _routes(receiver: Receiver, site: Site) -> list[dict[str, Any]]:
    """Return the routes of one receiver: at most one, so that nothing reaches it twice."""
    visible = [] if receiver.lab else ['lab!="true"']
    matches = [route.match for route in site.routes if receiver.name in route.receivers]
    if not site.routes or {} in matches:
        return [_everything(receiver.name, visible)]
    if not matches:
        return []
    wanted = [_everything(receiver.name, _matching(match, site), more=False) for match in matches]
    # The first that matches takes it; what none of them wants ends with nobody.
    return [{"receiver": NOBODY, **_matchers(visible), "continue": True, "routes": wanted}]


def said_of_nodes(site: Site) -> dict[str, dict[str, str]]:
    """Return of each node what the site says of it that routes may ask for."""
    return {node.name: {**node.labels, "group": node.group or "", "kind": node.kind} for node in site.nodes}


def _matching(match: Mapping[str, Sequence[str]], site: Site) -> list[str]:
    """Return the matchers of a route of the site.

    What the site says of its nodes (own labels, group, kind) is no label of alerts, or changing it would end them all
    and raise them anew: it stands for the nodes of which it holds.
    """
    said = said_of_nodes(site)
    matchers = []
    for label, values in match.items():
        if any(label in facts for facts in said.values()):
            nodes = [name for name, facts in said.items() if facts.get(label, "") in values]
            matchers.append(f"node=~{one_of(nodes)}" if nodes else 'alertname=""')
        elif len(values) == 1:
            matchers.append(_equal(label, values[0]))
        else:
            matchers.append(f"{label}=~{quote('|'.join(map(_literal, values)))}")
    return matchers


def _literal(text: str) -> str:
    """Return an expression of RE2 that matches a text and nothing else."""
    return re.sub(r"[][\\.+*?()|{}^$]", r"\\\g<0>", text)


def _everything(receiver: str, matchers: list[str], *, more: bool = True) -> dict[str, Any]:
    """Return a route to a receiver; only what is neither critical nor of the fast group waits to be told together."""
    unhurried = ['severity!="critical"', f"alertname!~{quote('|'.join(_FAST))}"]
    return {
        "receiver": receiver,
        **_matchers(matchers),
        "continue": more,
        "routes": [
            {"matchers": unhurried, "group_by": ["alertname", "lab"], "group_wait": "10s", "group_interval": "1m"}
        ],
    }


def _matchers(matchers: list[str]) -> dict[str, list[str]]:
    return {"matchers": matchers} if matchers else {}


def _equal(label: str, value: str) -> str:
    return f"{label}={quote(value)}"


def _inhibitions(site: Site) -> list[dict[str, list[str]]]:
    """Return which alerts explain which others."""
    clusters = bool(site.asked_clusters)
    return [
        *_dead_nodes(site),
        # Cut off, Hune knows nothing of what lies beyond.
        _inhibition(
            'alertname="CutOff"',
            'alertname=~"NodeDown|ProbeFailed'
            f'{"|HeartbeatMissed" if site.expects else ""}{"|PveApiSilent" if clusters else ""}"',
            "lab",
        ),
        # Of others' rules only their authors know which labels tell one from another.
        _inhibition(
            ['severity="critical"', f"alertname=~{quote('|'.join(_GRADED))}"], 'severity="warning"', *_identities(site)
        ),
        _inhibition('alertname="LinkDown"', 'alertname=~"LinkSlow|LinkFlapping|LinkErrors"', "node", "device", "lab"),
        _inhibition('alertname="FilesystemFull"', 'alertname="FilesystemFilling"', "node", "filesystem", "lab"),
        _inhibition('alertname="ProbeCertificateEnding"', 'alertname="ProbeCertificateExpiring"', "probe", "lab"),
        *_OWN_INHIBITIONS,
        *(_CLUSTER_INHIBITIONS if clusters else ()),
    ]


def _dead_nodes(site: Site) -> Iterator[dict[str, list[str]]]:
    """Yield that a dead node is one message; nothing else is known of it. What HA does about it is news.

    Proxmox names nodes as it likes: one of the same name in another cluster is another node.
    """
    dead = 'alertname="NodeDown"'
    fenced = "|PveNodeFenced" if site.asked_clusters else ""
    explained = [f'alertname!~"NodeDown|CutOff|Watchdog{fenced}"', 'node!=""']
    if len(site.proxmox) < 2:
        yield _inhibition(dead, explained, "node", "lab")
        return
    yield _inhibition(dead, [*explained, 'cluster=""'], "node", "lab")
    members = {name for cluster in site.proxmox for name in cluster.nodes}
    for cluster in site.asked_clusters:
        elsewhere = sorted(members.difference(cluster.nodes))
        here = [dead, f"node!~{one_of(elsewhere)}"] if elsewhere else dead
        yield _inhibition(here, [*explained, _equal("cluster", cluster.name)], "node", "lab")


def _inhibition(source: str | list[str], target: str | list[str], *equal: str) -> dict[str, list[str]]:
    return {
        "source_matchers": [source] if isinstance(source, str) else source,
        "target_matchers": [target] if isinstance(target, str) else target,
        "equal": list(equal),
    }


_OWN_INHIBITIONS = (
    # What is down tells nothing, and takes nothing.
    _inhibition('alertname="ServiceDown"', 'alertname=~"Store.*|DatabaseDown|AlertsRefused"', "service"),
    _inhibition('alertname="DatabaseDown"', 'alertname=~"Store.*"', "service"),
    _inhibition('alertname="StoreReadOnly"', ['alertname=~"Store.*"', 'alertname!="StoreReadOnly"'], "service"),
)
_CLUSTER_INHIBITIONS = (
    # A member that is gone is one message too.
    _inhibition(
        'alertname="PveNodeOffline"', ['alertname!~"PveNode.*|NodeDown"', 'node!=""'], "cluster", "node", "lab"
    ),
    _inhibition('alertname="PveQuorumLost"', 'alertname=~"PveNodeOffline|PveQdeviceDown"', "cluster", "lab"),
    _inhibition('alertname="StorageFull"', 'alertname="StorageFilling"', "cluster", "node", "storage", "lab"),
    # That Ceph as a whole fills says it of its pools.
    _inhibition(['alertname="CephFilling"', 'pool=""'], ['alertname="CephFilling"', 'pool!=""'], "cluster", "lab"),
    _inhibition('alertname="DiskFailing"', 'alertname="DiskWorn"', "cluster", "node", "device", "lab"),
    _inhibition('alertname="ZfsPoolDegraded"', 'alertname="ZfsPoolErrors"', "cluster", "node", "pool", "lab"),
)
