"""What is done for guests: HA, replication, backups; what failed, and what could not be read."""

from __future__ import annotations

from collections.abc import Iterator

from hune.nester.judge import State
from hune.nester.views.proxmox.sheet import Sheet, problems_of
from hune.nester.views.proxmox.table import Cell, Row, Table, columns

_SERVICE_STATES: dict[str, State] = {
    "error": "critical",
    "fence": "critical",
    "recovery": "warning",
    "freeze": "notice",
    "migrate": "notice",
    "relocate": "notice",
}


def services(sheet: Sheet) -> Table | None:
    """Return what HA manages, None if it manages nothing."""
    t, facts = sheet.t, sheet.facts
    rows = facts.rows("hune_pve_ha_service_state")
    if not rows and not sheet.cluster.lacks("ha"):
        return None
    heads = columns(*(t(f"pve.col.{name}") for name in ("guest", "node", "state", "requested")))
    made = [
        Row(
            (
                sheet.guest(row.get("id", "")),
                sheet.cell(row.get("node", "")),
                sheet.cell(row.get("state", ""), _SERVICE_STATES.get(row.get("state", ""), "up")),
                sheet.cell(row.get("requested", "")),
            )
        )
        for row, value in sorted(rows, key=lambda pair: pair[0].get("id", ""))
        if value == 1
    ]
    disarmed = any(value == 0 for _, value in facts.rows("hune_pve_ha_armed"))
    return sheet.table("ha", heads, made, "ha", note=t("pve.disarmed") if disarmed else "")


def replication(sheet: Sheet) -> Table | None:
    """Return what is replicated, None if nothing is."""
    t, facts = sheet.t, sheet.facts
    key = ("id", "node", "target")
    enabled = facts.by("hune_pve_replication_enabled", *key)
    if not enabled and not sheet.cluster.lacks("replication-jobs"):
        return None
    heads = columns(
        *(t(f"pve.col.{name}") for name in ("guest", "from_to", "last", "failures", "next")), numbers=(2, 3, 4)
    )
    failures, last, coming = (
        facts.by(f"hune_pve_replication_{name}", *key)
        for name in ("failures", "last_sync_timestamp_seconds", "next_sync_timestamp_seconds")
    )
    errors = facts.infos("hune_pve_replication_error_info", *key)
    oldest = sheet.limits.replication_age_hours * 3600
    rows = []
    for each in sorted(enabled):
        guest, node, target = each
        failed, at = int(failures.get(each, 0)), last.get(each)
        late = at is not None and sheet.scene.now - at > oldest
        rows.append(
            Row(
                (
                    sheet.guest(guest),
                    sheet.cell(f"{node} → {target}"),
                    sheet.age(at, "warning" if late else "up"),
                    sheet.number(
                        str(failed), "warning" if failed else "up", title=errors.get(each, {}).get("error", "")
                    ),
                    sheet.coming(coming.get(each)) if enabled[each] == 1 else sheet.number(t("pve.disabled")),
                )
            )
        )
    return sheet.table("replication", heads, rows, "replication-jobs")


def jobs(sheet: Sheet) -> Table:
    """Return the backup jobs."""
    t, facts = sheet.t, sheet.facts
    heads = columns(
        *(t(f"pve.col.{name}") for name in ("job", "storage", "schedule", "guests", "next")), numbers=(3, 4)
    )
    enabled, count, coming = (
        facts.by(f"hune_pve_backup_job_{name}", "backup_job")
        for name in ("enabled", "guests", "next_run_timestamp_seconds")
    )
    rows = []
    for (job,), info in sorted(facts.infos("hune_pve_backup_job_info", "backup_job").items()):
        rows.append(
            Row(
                (
                    Cell(info.get("comment") or job, title=job),
                    sheet.cell(info.get("storage", "")),
                    sheet.cell(info.get("schedule", "")),
                    sheet.number(t.number(count[job,])) if (job,) in count else sheet.unknown(number=True),
                    sheet.coming(coming.get((job,)))
                    if enabled.get((job,), 1) == 1
                    else sheet.number(t("pve.disabled"), "notice"),
                )
            )
        )
    hidden = sorted(
        {row.get("storage", "") for row, value in facts.rows("hune_pve_backup_storage_listed") if value == 0}
    )
    note = t("pve.not_listed", storages=", ".join(hidden)) if hidden else ""
    return sheet.table("jobs", heads, rows, "backups", note=note)


def tasks(sheet: Sheet) -> Table:
    """Return what failed in the last day."""
    t, facts = sheet.t, sheet.facts
    heads = columns(*(t(f"pve.col.{name}") for name in ("task", "node", "failures", "last")), numbers=(2, 3))
    last = facts.by("hune_pve_task_last_failure_timestamp_seconds", "node", "type")
    rows = [
        Row(
            (
                Cell(kind),
                sheet.cell(node),
                sheet.number(t.number(count), "notice"),
                sheet.age(last.get((node, kind))),
            )
        )
        for (node, kind), count in sorted(facts.by("hune_pve_tasks_failed", "node", "type").items())
        if count
    ]
    return sheet.table("tasks", heads, rows, "tasks")


def collectors(sheet: Sheet) -> Table:
    """Return what could be read, and what not and why."""
    t, facts = sheet.t, sheet.facts
    heads = columns(*(t(f"pve.col.{name}") for name in ("collector", "state", "why")))
    summary = ""
    if not facts.lacking and facts.rows("pve_collector_success"):
        summary = t("pve.all_read", count=len(facts.rows("pve_collector_success")))
    rows = _collectors(sheet) if facts.lacking else ()
    return sheet.table("collectors", heads, rows, summary=summary)


def _collectors(sheet: Sheet) -> Iterator[Row]:
    t, facts = sheet.t, sheet.facts
    for (name,), value in sorted(facts.by("pve_collector_success", "collector").items()):
        complete = value == 1
        why = "" if complete else ", ".join(problems_of(facts, name, t))
        yield Row(
            (
                Cell(name),
                sheet.cell(t("pve.read" if complete else "pve.incomplete"), "up" if complete else "unknown"),
                Cell(why),
            )
        )
