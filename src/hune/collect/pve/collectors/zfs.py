"""ZFS pools of each node: room, fragmentation, health, errors, what is being scanned.

hune_pve_zfs_pool_healthy{node="pve-01",pool="rpool"} 0
hune_pve_zfs_pool_state{node="pve-01",pool="rpool",state="DEGRADED"} 1
hune_pve_zfs_pool_errors{node="pve-01",pool="rpool",kind="checksum"} 12
hune_pve_zfs_device_healthy{node="pve-01",pool="rpool",device="ata-Example-part3",state="FAULTED"} 0
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from hune.collect.pve.answers import Record, record, records
from hune.collect.pve.asking import ask, each
from hune.collect.pve.cluster import read_cluster
from hune.collect.pve.collector import Collection, Collector, Needs
from hune.collect.pve.families import Exposition, Family
from hune.pve.errors import BadAnswer, PveError

_LIST = "/nodes/{node}/disks/zfs"
_DETAIL = "/nodes/{node}/disks/zfs/{name}"
_PRIVILEGE = "Sys.Audit on /"
_TTL_SECONDS = 120.0
_DEEPEST = 8
_POOL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.:-]*", re.ASCII)


def _gauge(name: str, text: str, source: str, *labels: str) -> Family:
    return Family(f"hune_pve_zfs_{name}", "gauge", text, ("node", "pool", *labels), source, _PRIVILEGE)


_HEALTHY = _gauge("pool_healthy", "1 if the pool is ONLINE, else 0.", _LIST)
_STATE = _gauge("pool_state", "State of the pool (ONLINE, DEGRADED, FAULTED, SUSPENDED, …).", _LIST, "state")
_SIZE = _gauge("pool_size_bytes", "Size of the pool.", _LIST)
_ALLOCATED = _gauge("pool_allocated_bytes", "Space of the pool that is allocated.", _LIST)
_FREE = _gauge("pool_free_bytes", "Space of the pool that is free.", _LIST)
_FRAGMENTATION = _gauge("pool_fragmentation_ratio", "Fragmentation of the free space, 0 to 1.", _LIST)
_DEDUP = _gauge("pool_dedup_ratio", "Deduplication: 2 means that everything is stored once and used twice.", _LIST)
_ERRORS = _gauge(
    "pool_errors", "Errors counted on the pool's devices, by kind: read, write, checksum.", _DETAIL, "kind"
)
_DATA_ERRORS = _gauge(
    "pool_data_errors", "Files and blocks damaged beyond repair; absent if not told as a number.", _DETAIL
)
_DEVICE = _gauge(
    "device_healthy", "1 if a device of the pool is fine (ONLINE, AVAIL, INUSE), else 0.", _DETAIL, "device", "state"
)
_SCAN = _gauge("scan_running", "1 while a scrub or resilver is running, else 0.", _DETAIL, "scan")
_KINDS = {"read": "read", "write": "write", "cksum": "checksum"}
_GOOD = frozenset({"ONLINE", "AVAIL", "INUSE"})
_FOUND = re.compile(r"(\d+) data errors")


def parse_list(node: str, answer: Any, out: Exposition) -> list[str]:
    """Turn an answer of `/nodes/{node}/disks/zfs` into samples; return the pools' names. Raises BadAnswer."""
    names = []
    for pool in records(answer, _LIST.format(node=node)):
        name, state = pool.text("name"), pool.text("health")
        names.append(name)
        out.add(_HEALTHY, state == "ONLINE", node, name)
        out.add(_STATE, 1, node, name, state)
        out.add(_SIZE, pool.amount("size"), node, name)
        out.add(_ALLOCATED, pool.amount("alloc"), node, name)
        out.add(_FREE, pool.amount("free"), node, name)
        # A pool that is suspended, or made for old software, has none.
        if "frag" in pool and pool.text("frag") != "-":
            out.add(_FRAGMENTATION, pool.amount("frag") / 100, node, name)
        if "dedup" in pool:
            out.add(_DEDUP, pool.amount("dedup"), node, name)
    return names


def parse_detail(node: str, name: str, answer: Any, out: Exposition) -> None:
    """Turn an answer of `/nodes/{node}/disks/zfs/{name}` into samples. Raises BadAnswer."""
    pool = record(answer, _DETAIL.format(node=node, name=name))
    counts = dict.fromkeys(_KINDS, 0.0)
    level = pool.records("children")
    for _ in range(_DEEPEST):
        below: list[Record] = []
        for item in level:
            # The headings logs, cache and spares have no state; the pool and its mirrors repeat their disks' counts.
            if children := item.records("children"):
                below.extend(children)
            elif state := item.text("state", ""):
                out.add(_DEVICE, state in _GOOD, node, name, item.text("name"), state)
                for field in _KINDS:
                    counts[field] += item.amount(field, 0)
        level = below
    if level:
        raise BadAnswer(f"{pool.where}: a tree of more than {_DEEPEST} levels")
    for field, kind in _KINDS.items():
        out.add(_ERRORS, counts[field], node, name, kind)
    errors = pool.text("errors", "")
    if found := _FOUND.search(errors):
        out.add(_DATA_ERRORS, int(found[1][:15]), node, name)
    elif errors.startswith("No known data errors"):
        out.add(_DATA_ERRORS, 0, node, name)
    scan = pool.text("scan", "")
    for kind in ("scrub", "resilver"):
        out.add(_SCAN, scan.startswith(f"{kind} in progress"), node, name, kind)


async def collect(run: Collection) -> None:
    """Ask each node for its pools, and for the details of each pool."""

    async def ask_node(node: str) -> None:
        names: list[str] = []
        try:
            answer = await ask(run.source, _LIST.format(node=node), max_age_seconds=_TTL_SECONDS)
            out = Exposition()
            names = parse_list(node, answer, out)
        except PveError as error:
            run.missed(error)
        else:
            run.out.extend(out)
        for name in names:
            if not _POOL_NAME.fullmatch(name):
                continue
            try:
                path = _DETAIL.format(node=node, name=quote(name, safe=""))
                answer = await ask(run.source, path, max_age_seconds=_TTL_SECONDS)
                out = Exposition()
                parse_detail(node, name, answer, out)
            except PveError as error:
                run.missed(error)
            else:
                run.out.extend(out)

    await each((await read_cluster(run.source)).online, ask_node)


COLLECTOR = Collector(
    name="zfs",
    scope="cluster",
    families=(
        *(_HEALTHY, _STATE, _SIZE, _ALLOCATED, _FREE, _FRAGMENTATION, _DEDUP),
        *(_ERRORS, _DATA_ERRORS, _DEVICE, _SCAN),
    ),
    needs=(Needs("Sys.Audit", "/"),),
    collect=collect,
)
