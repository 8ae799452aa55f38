"""Storages as each node sees them: a storage may be gone on one node and fine on the others.

hune_pve_storage_active{id="storage/pve-01/tank",node="pve-01",storage="tank"} 1
hune_pve_storage_used_bytes{id="storage/pve-01/tank",node="pve-01",storage="tank"} 549755813888
"""

from __future__ import annotations

from typing import Any

from hune.collect.pve.answers import records
from hune.collect.pve.asking import ask_nodes
from hune.collect.pve.collector import Collection, Collector, Needs
from hune.collect.pve.families import Exposition, Family

PATH = "/nodes/{node}/storage"
TTL_SECONDS = 30.0
_LABELS = ("id", "node", "storage")


def _gauge(name: str, text: str, *labels: str) -> Family:
    return Family(f"hune_pve_storage_{name}", "gauge", text, (*_LABELS, *labels), PATH, "Datastore.Audit on /storage")


_INFO = _gauge("info", "What kind of storage it is, and what it may hold.", "type", "content")
_ENABLED = _gauge("enabled", "1 if the storage is enabled on the node, else 0.")
_ACTIVE = _gauge("active", "1 if the node can use the storage now, else 0; a storage that is disabled has none.")
_SHARED = _gauge("shared", "1 if every node sees the same content, else 0.")
_SIZES = {
    "total": _gauge("size_bytes", "Size of the storage; absent while it is not active."),
    "used": _gauge("used_bytes", "Storage in use; absent while it is not active."),
    "avail": _gauge("available_bytes", "Room left on the storage; absent while it is not active."),
}


def parse(node: str, answer: Any, out: Exposition) -> None:
    """Turn an answer of `/nodes/{node}/storage` into samples. Raises BadAnswer."""
    for storage in records(answer, PATH.format(node=node)):
        name = storage.text("storage")
        labels = (f"storage/{node}/{name}", node, name)
        enabled, active = storage.flag("enabled", True), storage.flag("active", False)
        content = ",".join(sorted(storage.text("content", "").split(",")))
        out.add(_INFO, 1, *labels, storage.text("type", ""), content)
        out.add(_ENABLED, enabled, *labels)
        out.add(_SHARED, storage.flag("shared", False), *labels)
        if enabled:
            out.add(_ACTIVE, active, *labels)
        # An inactive storage is told with sizes of 0, which would read as one that is full.
        if active and storage.amount("total", 0) > 0:
            for field, family in _SIZES.items():
                if field in storage:
                    out.add(family, storage.amount(field), *labels)


async def collect(run: Collection) -> None:
    """Ask each node for its storages."""
    await ask_nodes(run, PATH, parse, max_age_seconds=TTL_SECONDS)


COLLECTOR = Collector(
    name="storage",
    scope="cluster",
    families=(_INFO, _ENABLED, _ACTIVE, _SHARED, *_SIZES.values()),
    needs=(Needs("Datastore.Audit", "/storage"),),
    collect=collect,
)
