"""Proxmox clusters and their guests, as the pages' tests need them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from hune.nester.proxmox.model import Ceph, Cluster, Detail, Guest, Load
from hune.nester.proxmox.reading import read_detail
from hune.promapi.prometheus import Sample
from support.snapshots import NOW

Row = tuple[str, float, dict[str, str]]


def cluster(name: str = "lab", **changes: Any) -> Cluster:
    """Return a cluster that is well."""
    return replace(
        Cluster(
            name,
            status_at=NOW - 6,
            detail_at=NOW - 12,
            quorate=True,
            votes=3,
            votes_needed=2,
            nodes=3,
            nodes_up=3,
            master="pve-01",
            services=21,
            ceph=Ceph(0, 0.26),
            running=90,
            stopped=6,
            verdicts={"protected": 93, "idle": 3},
            oldest_backup_at=NOW - 36_000,
            collectors=20,
            load=Load(96.0, 0.067, None),
        ),
        **changes,
    )


def samples(rows: Iterable[Row]) -> list[Sample]:
    """Return rows as Prometheus answers them."""
    return [Sample({"__name__": name, **labels}, value, NOW) for name, value, labels in rows]


def guest_rows(vmid: int, name: str = "web", node: str = "pve-01", *, up: float = 1.0, **labels: str) -> list[Row]:
    """Return the status of a guest."""
    key = {"id": f"qemu/{vmid}"}
    info = {**key, "name": name, "node": node, "type": "qemu", "template": "0", "tags": "prod;db", **labels}
    return [
        ("pve_guest_info", 1.0, info),
        ("pve_up", up, key),
        ("pve_cpu_usage_ratio", 0.12, key),
        ("pve_cpu_usage_limit", 4.0, key),
        ("pve_memory_usage_bytes", 2.0 * 2**30, key),
        ("pve_memory_size_bytes", 4.0 * 2**30, key),
    ]


def node_rows(name: str = "pve-01", up: float = 1.0) -> list[Row]:
    """Return the status of a node."""
    key = {"id": f"node/{name}"}
    return [("pve_up", up, key), ("pve_cpu_usage_ratio", 0.13, key)]


def verdict_rows(vmid: int, verdict: str, *reasons: tuple[str, str]) -> list[Row]:
    """Return what is said of a guest's protection."""
    key = {"id": f"qemu/{vmid}"}
    rows: list[Row] = [("hune_guest_protection", 1.0, {**key, "aspect": "verdict", "state": verdict})]
    rows += [("hune_guest_protection_reason", 1.0, {**key, "reason": code, "about": about}) for code, about in reasons]
    return rows


def detail(status: Iterable[Row], details: Iterable[Row] = ()) -> Detail:
    """Return everything of a cluster."""
    return read_detail(1, samples(status), samples(details))


def guest(vmid: int, **changes: Any) -> Guest:
    """Return a guest that is well."""
    usual = Guest(f"qemu/{vmid}", f"web-{vmid}", "pve-01", status="running", cpu_ratio=0.1, verdict="protected")
    return replace(usual, **changes)
