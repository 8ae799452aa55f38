"""The nodes of a cluster: how they are, and what they need done."""

from __future__ import annotations

from collections.abc import Iterator

from hune.nester.judge import State
from hune.nester.proxmox.model import Labels
from hune.nester.views.proxmox.sheet import Sheet
from hune.nester.views.proxmox.table import Cell, Row, Table, columns

_DAY_SECONDS = 86_400.0


def nodes(sheet: Sheet) -> Table:
    """Return the nodes with their state, heat and load."""
    t = sheet.t
    heads = columns(
        *(t(f"pve.col.{name}") for name in ("node", "state", "heat", "cpu", "memory", "root", "load", "guests", "up")),
        numbers=(2, 3, 4, 5, 6, 7, 8),
    )
    return sheet.table("nodes", heads, _nodes(sheet), "quorum", "node-status")


def _nodes(sheet: Sheet) -> Iterator[Row]:
    t, facts = sheet.t, sheet.facts
    loads, used = facts.by("hune_pve_node_load1", "node"), facts.by("hune_pve_node_rootfs_used_bytes", "node")
    sizes, ups = facts.by("hune_pve_node_rootfs_size_bytes", "node"), facts.by("hune_pve_node_uptime_seconds", "node")
    running: dict[str, int] = {}
    for guest in sheet.detail.guests:
        running[guest.node] = running.get(guest.node, 0) + (guest.status == "running")
    for name, up in sorted(sheet.detail.nodes_up.items()):
        # What was said of a node before it left is not of now.
        key = (name,) if up else ("",)
        measured = sheet.detail.nodes.get(name, {}) if up else {}
        cpu, heat = measured.get("cpu_usage_ratio"), sheet.heat.get(name)
        yield Row(
            (
                Cell(name, href=sheet.scene.path_of(name)),
                _state(sheet, name),
                sheet.number(t.celsius(heat)) if heat is not None else sheet.number("–", title=t("pve.no_heat")),
                sheet.share(cpu, 1.0, title=" ") if cpu is not None else sheet.unknown(number=True),
                sheet.share(measured.get("memory_usage_bytes"), measured.get("memory_size_bytes")),
                sheet.share(used.get(key), sizes.get(key)),
                sheet.number(t.load(loads[key])) if key in loads else sheet.unknown(number=True),
                sheet.number(str(running.get(name, 0))) if up else sheet.unknown(t("pve.unseen_node"), number=True),
                sheet.number(t.duration(ups[key])) if key in ups else sheet.unknown(number=True),
            )
        )


def _state(sheet: Sheet, name: str) -> Cell:
    t, facts = sheet.t, sheet.facts
    ha = {row.get("node"): row.get("state", "") for row, value in facts.rows("hune_pve_ha_node_state") if value == 1}
    if name in sheet.cluster.fencing or ha.get(name) == "fence":
        return sheet.cell(t("pve.fencing"), "critical")
    member = facts.by("hune_pve_node_online", "node").get((name,))
    if not sheet.detail.nodes_up[name] or member == 0:
        return sheet.cell(t("pve.offline"), "critical")
    if ha.get(name) == "maintenance":
        return sheet.cell(t("pve.maintenance"), "notice")
    return sheet.cell(t("pve.online_master" if name == sheet.cluster.master else "pve.online"))


def upkeep(sheet: Sheet) -> Table:
    """Return what the nodes need done: versions, updates, subscriptions, certificates, services."""
    t = sheet.t
    heads = columns(
        *(t(f"pve.col.{name}") for name in ("node", "version", "updates", "subscription", "certificate", "services")),
        numbers=(2,),
    )
    wanted = ("versions", "updates", "subscriptions", "certificates", "services")
    return sheet.table("upkeep", heads, _upkeep(sheet), *wanted)


def _upkeep(sheet: Sheet) -> Iterator[Row]:
    facts = sheet.facts
    versions = facts.infos("hune_pve_node_version_info", "node")
    several = len({row.get("version") for row in versions.values()}) > 1
    for name in sorted(sheet.detail.nodes_up):
        version = versions.get((name,), {}).get("version", "")
        yield Row(
            (
                Cell(name, href=sheet.scene.path_of(name)),
                sheet.cell(version, "notice" if several else "up") if version else sheet.unknown(),
                _updates(sheet, name),
                _subscription(sheet, facts.infos("hune_pve_subscription_info", "node").get((name,))),
                _certificate(sheet, name),
                _services(sheet, name),
            )
        )


def _updates(sheet: Sheet, name: str) -> Cell:
    pending = sheet.facts.by("hune_pve_updates_pending", "node").get((name,))
    if pending is None:
        return sheet.unknown(sheet.t("pve.needs", privilege="Sys.Modify", path="/nodes"), number=True)
    security = sheet.facts.by("hune_pve_updates_security_pending", "node").get((name,))
    if security:
        return sheet.number(sheet.t("pve.security", count=int(pending), security=int(security)), "notice")
    return sheet.number(str(int(pending)))


def _subscription(sheet: Sheet, info: Labels | None) -> Cell:
    t = sheet.t
    if info is None:
        return sheet.unknown()
    status = info.get("status", "")
    word = t(f"pve.subscription.{status}") if t.has(f"pve.subscription.{status}") else status
    level = info.get("level", "")
    text = f"{word} ({level})" if level else word
    return sheet.cell(text, "notice" if status in ("expired", "invalid", "suspended") else "up")


def _certificate(sheet: Sheet, name: str) -> Cell:
    t = sheet.t
    rows = sheet.facts.by("hune_pve_certificate_expiry_timestamp_seconds", "node", "file")
    ends = sorted((at, file) for (node, file), at in rows.items() if node == name)
    if not ends:
        return sheet.unknown()
    at, file = ends[0]
    left = at - sheet.scene.now
    state: State = (
        "critical" if left < 0 else "warning" if left < sheet.limits.certificate_days * _DAY_SECONDS else "up"
    )
    text = t("pve.expired") if left < 0 else t("pve.in", time=t.duration(left))
    return sheet.cell(text, state, title=f"{file} · {t.iso(at)}")


def _services(sheet: Sheet, name: str) -> Cell:
    t, facts = sheet.t, sheet.facts
    running = facts.by("hune_pve_service_running", "node", "service")
    here = {service: value == 1 for (node, service), value in running.items() if node == name}
    if not here:
        return sheet.unknown()
    enabled = facts.by("hune_pve_service_enabled", "node", "service")
    failed = sorted(service for service, runs in here.items() if not runs and enabled.get((name, service)) == 1)
    if failed:
        return sheet.cell(t("pve.service_down", names=", ".join(failed)), "warning")
    return sheet.cell(t("pve.services_run", count=sum(here.values())))
