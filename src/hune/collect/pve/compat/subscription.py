"""A node's subscription.

pve_subscription_info{id="node/pve-01",level="c"} 1
pve_subscription_status{id="node/pve-01",status="active"} 1
pve_subscription_next_due_timestamp_seconds{id="node/pve-01"} 1798671600
"""

from __future__ import annotations

from datetime import datetime

from hune.collect.pve.collector import Collection, Collector, Needs
from hune.collect.pve.compat.reading import node_of, row
from hune.collect.pve.families import Family
from hune.pve.errors import BadAnswer

_PATH = "/nodes/{node}/subscription"
_TTL_SECONDS = 600.0
_STATUSES = ("new", "notfound", "active", "invalid", "expired", "suspended")


def _gauge(name: str, text: str, *labels: str) -> Family:
    return Family(f"pve_subscription_{name}", "gauge", text, ("id", *labels), _PATH)


_INFO = _gauge("info", "1, with the level of a node's subscription.", "level")
_STATUS = _gauge("status", "1 for the status that a node's subscription is in, 0 for the others.", "status")
_NEXT_DUE = _gauge(
    "next_due_timestamp_seconds", "When a node's subscription has to be renewed: midnight, by the clock here."
)


async def collect(run: Collection) -> None:
    """Ask the node for its subscription."""
    node = await node_of(run)
    path = _PATH.format(node=node)
    answer = row(await run.source.get(path, max_age_seconds=_TTL_SECONDS), path)
    id_, status, due = f"node/{node}", answer.get("status", "unknown"), answer.get("nextduedate")
    run.out.add(_INFO, 1, id_, answer.get("level", "unknown"))
    for possible in _STATUSES:
        run.out.add(_STATUS, status == possible, id_, possible)
    run.out.write(_NEXT_DUE, "")
    if due:
        try:
            # A date without a zone is one of this machine, as it is upstream.
            moment = datetime.strptime(due, "%Y-%m-%d").timestamp()  # noqa: DTZ007
        except (TypeError, ValueError):
            raise BadAnswer(f"{path}: nextduedate is {due!a:.40}, not a date", path=path) from None
        run.out.add(_NEXT_DUE, moment, id_)


COLLECTOR = Collector("subscription", "node", (_INFO, _STATUS, _NEXT_DUE), (Needs("Sys.Audit", "/nodes"),), collect)
