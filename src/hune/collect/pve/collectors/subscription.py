"""The subscription of each node.

hune_pve_subscription_info{node="pve-01",status="active",level="c",product="Proxmox VE Community Subscription"} 1
hune_pve_subscription_next_due_timestamp_seconds{node="pve-01"} 1805155200
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hune.collect.pve.answers import record
from hune.collect.pve.asking import ask_nodes
from hune.collect.pve.collector import Collection, Collector
from hune.collect.pve.families import Exposition, Family
from hune.pve.errors import BadAnswer

_PATH = "/nodes/{node}/subscription"
_TTL_SECONDS = 21600.0

_INFO = Family(
    "hune_pve_subscription_info",
    "gauge",
    "Status of a node's subscription (active, notfound, invalid, expired, suspended, new).",
    ("node", "status", "level", "product"),
    _PATH,
)
_NEXT_DUE = Family(
    "hune_pve_subscription_next_due_timestamp_seconds",
    "gauge",
    "Day on which a node's subscription must be renewed; absent without one.",
    ("node",),
    _PATH,
)


def parse(node: str, answer: Any, out: Exposition) -> None:
    """Turn an answer of `/nodes/{node}/subscription` into samples. Raises BadAnswer."""
    subscription = record(answer, _PATH.format(node=node))
    status = subscription.text("status").lower()
    out.add(_INFO, 1, node, status, subscription.text("level", ""), subscription.text("productname", ""))
    if due := subscription.text("nextduedate", ""):
        try:
            day = datetime.strptime(due, "%Y-%m-%d").replace(tzinfo=UTC)
        except ValueError:
            raise BadAnswer(f"{subscription.where}: nextduedate is {due!a:.40}, not a date") from None
        out.add(_NEXT_DUE, day.timestamp(), node)


async def collect(run: Collection) -> None:
    """Ask each node for its subscription."""
    await ask_nodes(run, _PATH, parse, max_age_seconds=_TTL_SECONDS)


COLLECTOR = Collector(name="subscriptions", scope="cluster", families=(_INFO, _NEXT_DUE), needs=(), collect=collect)
