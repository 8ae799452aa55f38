"""What the answers about a cluster mean."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, cast, get_args

from hune.nester.proxmox.model import Ceph, Detail, Facts, Guest, GuestStatus, Load, Verdict
from hune.promapi.prometheus import Sample

_VERDICTS = frozenset(get_args(Verdict))


def _finite(samples: Iterable[Sample]) -> list[Sample]:
    return [sample for sample in samples if math.isfinite(sample.value)]


def read_seen(samples: Iterable[Sample]) -> dict[tuple[str, str], float]:
    """Return when each cluster was seen, by its name and what was read (`status`, `details`)."""
    return {(row["cluster"], row["seen"]): row.value for row in _finite(samples)}


def read_load(samples: Iterable[Sample]) -> dict[str, Load]:
    """Return what asking costs, by cluster."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for row in _finite(samples):
        found[row["cluster"]][row["read"]] = row.value
    return {
        name: Load(values["calls"], values.get("seconds", 0.0), values.get("budget"))
        for name, values in found.items()
        if "calls" in values
    }


def read_status(samples: Iterable[Sample]) -> dict[str, Any]:
    """Return the fields of a cluster that its status tells."""
    values = {row["read"]: row.value for row in _finite(samples)}
    if not values:
        return {}
    # Where nothing is counted there is none: a count of nothing is no sample.
    return {
        **({"nodes": int(values["nodes"]), "nodes_up": int(values.get("nodes_up", 0))} if "nodes" in values else {}),
        "running": int(values.get("running", 0)),
        "stopped": int(values.get("stopped", 0)),
        "unseen": int(values.get("unseen", 0)),
        **({"quorate": values["quorate"] == 1} if "quorate" in values else {}),
    }


def read_health(samples: Iterable[Sample]) -> dict[str, Any]:
    """Return the fields of a cluster that Hune's own collectors tell."""
    rows = _finite(samples)
    values = {row["read"]: row.value for row in rows}
    found: dict[str, Any] = {
        "offline": tuple(sorted(row["node"] for row in rows if row["read"] == "online" and row.value == 0)),
        "fencing": tuple(sorted(row["node"] for row in rows if row["read"] == "fencing")),
        "master": next((row["node"] for row in rows if row["read"] == "master"), None),
        "verdicts": {row["state"]: int(row.value) for row in rows if row["read"] == "verdict"},
        "lacking": tuple(sorted(row["collector"] for row in rows if row["read"] == "collector" and row.value == 0)),
        "collectors": sum(1 for row in rows if row["read"] == "collector"),
        "oldest_backup_at": values.get("oldest_backup"),
    }
    if "quorate" in values:
        found["quorate"] = values["quorate"] == 1
    for name in ("votes", "votes_needed", "services"):
        if name in values:
            found[name] = int(values[name])
    if "ceph_health" in values:
        size, used = values.get("ceph_size"), values.get("ceph_used")
        ratio = used / size if size and used is not None else None
        found["ceph"] = Ceph(int(values["ceph_health"]), ratio)
    return found


def read_detail(number: int, status: Iterable[Sample], details: Iterable[Sample]) -> Detail:
    """Return everything of a cluster."""
    rows = _finite(status)
    facts = read_facts(details)
    up = {row["id"]: row.value == 1 for row in rows if row["__name__"] == "pve_up"}
    nodes_up = {key.partition("/")[2]: value for key, value in up.items() if key.startswith("node/")}
    values: dict[str, dict[str, float]] = defaultdict(dict)
    states: dict[tuple[str, str], str] = {}
    for row in rows:
        name = row["__name__"].removeprefix("pve_")
        if name in ("ha_state", "lock_state"):
            if row.value == 1:
                states[name, row["id"]] = row["state"]
        elif name not in ("up", "guest_info"):
            values[row["id"]][name] = row.value
    told = _Told(facts)
    guests = []
    for row in rows:
        if row["__name__"] != "pve_guest_info":
            continue
        key, measured = row["id"], values[row["id"]]
        guests.append(
            Guest(
                id=key,
                name=row["name"],
                node=row["node"],
                tags=tuple(tag for tag in row["tags"].replace(",", ";").split(";") if tag),
                template=row["template"] == "1",
                status=_status(up.get(key), nodes_up.get(row["node"])),
                cpu_ratio=measured.get("cpu_usage_ratio"),
                cpus=measured.get("cpu_usage_limit"),
                memory_bytes=measured.get("memory_usage_bytes"),
                memory_size_bytes=measured.get("memory_size_bytes"),
                disk_bytes=measured.get("disk_usage_bytes"),
                disk_size_bytes=measured.get("disk_size_bytes"),
                uptime_seconds=measured.get("uptime_seconds"),
                ha=told.services.get(key) or states.get(("ha_state", key), ""),
                lock=states.get(("lock_state", key), ""),
                busy=tuple(sorted(told.busy.get(key, ()))),
                verdict=told.verdicts.get(key),
                reasons=tuple(sorted(told.reasons.get(key, ()))),
                backup_at=told.backups.get(key),
            )
        )
    # A guest that moved a moment ago may be told twice; where it is now is told by whoever is told last.
    by_id = {guest.id: guest for guest in guests}
    ordered = sorted(by_id.values(), key=lambda guest: (guest.vmid, guest.id))
    nodes = {key.partition("/")[2]: found for key, found in values.items() if key.startswith("node/")}
    return Detail(number, tuple(ordered), facts, nodes_up, nodes)


def read_facts(samples: Iterable[Sample]) -> Facts:
    """Return series by their names."""
    series: dict[str, list[tuple[Mapping[str, str], float]]] = defaultdict(list)
    for row in _finite(samples):
        series[row["__name__"]].append((row.labels, row.value))
    return Facts({name: tuple(rows) for name, rows in series.items()})


def _status(up: bool | None, node_up: bool | None) -> GuestStatus:
    if up:
        return "running"
    return "stopped" if up is False and node_up is not False else "unknown"


class _Told:
    """What the collectors say of guests, by their ids."""

    def __init__(self, facts: Facts) -> None:
        self.services = {row.get("id", ""): row.get("state", "") for row, _ in facts.rows("hune_pve_ha_service_state")}
        self.verdicts: dict[str, Verdict] = {
            row.get("id", ""): cast("Verdict", row.get("state"))
            for row, value in facts.rows("hune_guest_protection")
            if value == 1 and row.get("aspect") == "verdict" and row.get("state") in _VERDICTS
        }
        self.reasons: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for row, _ in facts.rows("hune_guest_protection_reason"):
            self.reasons[row.get("id", "")].append((row.get("reason", ""), row.get("about", "")))
        self.busy: dict[str, list[str]] = defaultdict(list)
        for row, _ in facts.rows("hune_pve_guest_busy"):
            self.busy[row.get("id", "")].append(row.get("reason", ""))
        self.backups: dict[str, float] = {}
        for row, value in facts.rows("hune_pve_guest_backup_last_timestamp_seconds"):
            key = row.get("id", "")
            self.backups[key] = max(value, self.backups.get(key, 0.0))
