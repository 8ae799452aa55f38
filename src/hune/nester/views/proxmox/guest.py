"""The page of one guest: how it is, whether it is protected and why, what is open about it."""

from __future__ import annotations

from collections.abc import Iterator

from hune.nester.judge import State
from hune.nester.proxmox.choice import judge_guest
from hune.nester.proxmox.model import Facts, Guest
from hune.nester.views.alert_row import alert_part
from hune.nester.views.frame import critical, frame
from hune.nester.views.look import Look, Scene, title
from hune.nester.views.proxmox.cluster import find_cluster, sheet_of
from hune.nester.views.proxmox.guests import guest_row
from hune.nester.views.proxmox.sheet import Sheet
from hune.nester.views.proxmox.summary import age_of
from hune.nester.views.proxmox.table import Cell, Row, Table, columns

ASPECTS = ("covered", "fresh", "verified", "replicated", "ha")
_ASPECT_STATES: dict[str, State] = {
    "partial": "warning",
    "late": "warning",
    "failed": "warning",
    "unknown": "unknown",
    "pending": "notice",
}


async def guest(scene: Scene) -> Look:
    """Return the page of a guest; one that is gone leaves its page empty. Raises KeyError without its cluster."""
    name, _, vmid = scene.subject.partition("/")
    cluster = find_cluster(scene, name)
    detail = await scene.clusters.detail(name)
    found = next((each for each in detail.guests if each.vmid == int(vmid)), None) if detail else None
    regions = {**frame(scene), "guest-title": (), "alerts": (), "guest": (), "tables": ()}
    if detail is None or found is None:
        return Look(title(scene, vmid), "unknown", regions, critical(scene))
    sheet = sheet_of(scene, cluster, detail)
    facts = await scene.clusters.guest_facts(name, found.id)
    opened = [
        alert
        for alert in scene.snapshot.open_alerts
        if alert.label("cluster") == name and alert.label("id") == found.id
    ]
    stale = cluster.status_is_old(scene.now)
    state: State = "stale" if stale else judge_guest(found)
    row = guest_row(sheet, found)
    regions |= {
        "guest-title": (
            scene.part(
                "title",
                "parts/guest_title.html",
                guest=row,
                cluster=name,
                lab=cluster.lab,
                state=state,
                word=scene.t(f"state.{state}") if state != "up" else row.status.text,
                age=age_of(scene, cluster),
            ),
        ),
        "alerts": tuple(alert_part(scene, alert) for alert in opened),
        "guest": (
            scene.part(
                "guest",
                "parts/guest_facts.html",
                guest=row,
                facts=tuple(_facts(sheet, found, facts)),
                stale=stale,
                aspects=tuple(_aspects(sheet, facts)),
                protection=row.protection,
                old=cluster.detail_is_old(scene.now),
            ),
        ),
        "tables": tuple(
            scene.part(f"table-{each.name}", "parts/table.html", table=each, stale=cluster.detail_is_old(scene.now))
            for each in _tables(sheet, found, facts)
        ),
    }
    return Look(title(scene, found.name or vmid), state, regions, critical(scene))


def _facts(sheet: Sheet, found: Guest, facts: Facts) -> Iterator[tuple[str, Cell]]:
    t = sheet.t
    row = guest_row(sheet, found)
    for name, cell in (("status", row.status), ("node", row.node), ("heat", row.heat)):
        yield t(f"pve.guest.{name}"), cell
    yield t("pve.guest.cpu"), row.cpu
    yield t("pve.guest.memory"), row.memory
    if found.cpus:
        yield t("pve.guest.cpus"), Cell(t.number(found.cpus))
    if found.memory_size_bytes:
        yield t("pve.guest.size"), Cell(t.bytes(found.memory_size_bytes))
    if found.disk_size_bytes:
        yield t("pve.guest.disk"), Cell(t.bytes(found.disk_size_bytes))
    if found.status == "running" and found.uptime_seconds is not None:
        yield t("pve.guest.up"), Cell(t.duration(found.uptime_seconds))
    yield t("pve.guest.ha"), row.ha
    for config, _ in facts.rows("hune_pve_guest_config_info"):
        yield t("pve.guest.onboot"), Cell(t("pve.yes" if config.get("onboot") == "1" else "pve.no"))
        break
    agent = [value for _, value in facts.rows("hune_pve_guest_agent_responding")]
    if agent and found.status == "running":
        yield t("pve.guest.agent"), sheet.cell(t("pve.agent_answers" if agent[0] else "pve.agent_silent"))


def _aspects(sheet: Sheet, facts: Facts) -> Iterator[tuple[str, Cell]]:
    t = sheet.t
    states = {row.get("aspect"): row.get("state", "") for row, value in facts.rows("hune_guest_protection") if value}
    for name in ASPECTS:
        state = states.get(name, "unknown")
        word = t(f"pve.aspect_state.{state}") if t.has(f"pve.aspect_state.{state}") else state
        yield t(f"pve.aspect.{name}"), sheet.cell(word, _ASPECT_STATES.get(state, "up"), dim=state == "none")


def _tables(sheet: Sheet, found: Guest, facts: Facts) -> Iterator[Table]:
    backups = list(_backups(sheet, facts))
    if backups or found.verdict not in ("excluded", "idle"):
        heads = columns(
            *(sheet.t(f"pve.col.{name}") for name in ("storage", "last", "verified", "size", "count")),
            numbers=(1, 3, 4),
        )
        yield sheet.table("guest_backups", heads, backups, "backups", "protection")
    systems = list(_systems(sheet, facts))
    if systems:
        heads = columns(*(sheet.t(f"pve.col.{name}") for name in ("mountpoint", "type", "used")), numbers=(2,))
        yield sheet.table("filesystems", heads, systems)


def _backups(sheet: Sheet, facts: Facts) -> Iterator[Row]:
    t = sheet.t
    verified, sizes, counts = (
        facts.by(f"hune_pve_guest_{name}", "storage")
        for name in ("backup_last_verified", "backup_last_size_bytes", "backups")
    )
    for (storage,), at in sorted(facts.by("hune_pve_guest_backup_last_timestamp_seconds", "storage").items()):
        key = (storage,)
        if key not in verified:
            good = sheet.cell(t("pve.never_verified"), dim=True)
        else:
            good = sheet.cell(t("pve.yes" if verified[key] else "pve.failed"), "up" if verified[key] else "warning")
        yield Row(
            (
                Cell(storage),
                sheet.age(at),
                good,
                sheet.number(t.bytes(sizes[key])) if key in sizes else sheet.number("–"),
                sheet.number(t.number(counts[key])) if key in counts else sheet.number("–"),
            )
        )


def _systems(sheet: Sheet, facts: Facts) -> Iterator[Row]:
    used = facts.by("hune_pve_guest_filesystem_used_bytes", "mountpoint")
    kinds = {
        row.get("mountpoint"): row.get("type", "") for row, _ in facts.rows("hune_pve_guest_filesystem_size_bytes")
    }
    for (place,), size in sorted(facts.by("hune_pve_guest_filesystem_size_bytes", "mountpoint").items()):
        yield Row((Cell(place), sheet.cell(kinds.get(place, "")), sheet.share(used.get((place,)), size)))
