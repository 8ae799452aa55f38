"""What the cluster and its nodes are, and which Proxmox VE answers.

pve_node_info{id="node/pve-01",level="c",name="pve-01",nodeid="1"} 1
pve_cluster_info{id="cluster/home",nodes="3",quorate="1",version="7"} 1
pve_version_info{release="9.0",repoid="025864202ebb6109",version="9.0.3"} 1
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from hune.collect.pve.collector import Collection, Collector, Needs
from hune.collect.pve.compat.reading import STATUS, cluster_status, need, row
from hune.collect.pve.families import Family, escape
from hune.pve.errors import BadAnswer

_VERSION_PATH = "/version"
_VERSION_TTL_SECONDS = 60.0
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)

_NODE = Family("pve_node_info", "gauge", "What a node is.", ("id", "level", "name", "nodeid"), STATUS, "Sys.Audit on /")
_CLUSTER = Family(
    "pve_cluster_info", "gauge", "What the cluster is.", ("id", "nodes", "quorate", "version"), STATUS, "Sys.Audit on /"
)
_VERSION = Family(
    "pve_version_info",
    "gauge",
    "Version of Proxmox VE on the node that answered.",
    ("release", "repoid", "version"),
    _VERSION_PATH,
)


def _line(family: Family, labels: Mapping[str, Any]) -> str:
    """Return a sample of 1 whose labels are what Proxmox happens to tell."""
    pairs = ",".join(f'{name}="{escape(str(text))}"' for name, text in labels.items())
    return f"{family.name}{{{pairs}}} 1\n"


async def _collect_nodes(run: Collection) -> None:
    for entry in await cluster_status(run):
        if need(entry, "type", STATUS) == "node":
            run.out.add(_NODE, 1, *(need(entry, key, STATUS) for key in _NODE.labels))


async def _collect_cluster(run: Collection) -> None:
    clusters = [entry for entry in await cluster_status(run) if need(entry, "type", STATUS) == "cluster"]
    if not clusters:
        return
    # Whatever the first one has is a label.
    keys = [key for key in clusters[0] if key not in ("type", "name", "id")]
    if not all(_LABEL.fullmatch(key) for key in keys):
        raise BadAnswer(f"{STATUS}: a field of the cluster that can't be a label", path=STATUS)
    for entry in clusters:
        labels = {"id": f"cluster/{need(entry, 'name', STATUS)}", **{key: need(entry, key, STATUS) for key in keys}}
        run.out.write(_CLUSTER, _line(_CLUSTER, labels))


async def _collect_version(run: Collection) -> None:
    answer = row(await run.source.get(_VERSION_PATH, max_age_seconds=_VERSION_TTL_SECONDS), _VERSION_PATH)
    labels = {key: answer[key] for key in _VERSION.labels if key in answer}
    if not labels:
        raise BadAnswer(f"{_VERSION_PATH}: no version in it", path=_VERSION_PATH)
    run.out.write(_VERSION, _line(_VERSION, labels))


NODE = Collector("node", "cluster", (_NODE,), (Needs("Sys.Audit"),), _collect_nodes)
CLUSTER = Collector("cluster", "cluster", (_CLUSTER,), (Needs("Sys.Audit"),), _collect_cluster)
VERSION = Collector("version", "cluster", (_VERSION,), (), _collect_version)
