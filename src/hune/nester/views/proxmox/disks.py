"""Where a cluster keeps its data: storages, Ceph, ZFS, disks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from hune.nester.judge import State
from hune.nester.views.proxmox.sheet import Sheet
from hune.nester.views.proxmox.table import Cell, Row, Table, columns


def storages(sheet: Sheet) -> Table:
    """Return the storages; one that all nodes share is one row."""
    t = sheet.t
    heads = columns(
        *(t(f"pve.col.{name}") for name in ("storage", "node", "type", "used", "size", "state")), numbers=(3, 4)
    )
    return sheet.table("storages", heads, _storages(sheet), "storage")


def _storages(sheet: Sheet) -> Iterator[Row]:
    t, facts, limits = sheet.t, sheet.facts, sheet.limits
    infos = facts.infos("hune_pve_storage_info", "node", "storage")
    shared = facts.by("hune_pve_storage_shared", "node", "storage")
    enabled, active = (facts.by(f"hune_pve_storage_{name}", "node", "storage") for name in ("enabled", "active"))
    used, sizes = (facts.by(f"hune_pve_storage_{name}_bytes", "node", "storage") for name in ("used", "size"))
    groups: dict[tuple[str, str], list[tuple[str, ...]]] = defaultdict(list)
    for key in sorted(infos, key=lambda key: (key[1], key[0])):
        # Shared by all: what one node says of it holds for all.
        groups[key[1], "" if shared.get(key) == 1 else key[0]].append(key)
    for (storage, node), keys in groups.items():
        wanted = [key for key in keys if enabled.get(key, 1) == 1]
        dead = [key[0] for key in wanted if active.get(key) == 0]
        first = next((key for key in wanted if active.get(key) == 1), keys[0])
        part, whole = used.get(first), sizes.get(first)
        if not wanted:
            state = sheet.cell(t("pve.disabled"), dim=True)
        elif dead:
            state = sheet.cell(t("pve.inactive", nodes=", ".join(dead)), "critical")
        else:
            state = sheet.cell(t("pve.active"))
        yield Row(
            (
                Cell(storage),
                sheet.cell(node or t("pve.shared"), dim=not node),
                sheet.cell(infos[first].get("type", "")),
                sheet.share(part, whole, limits.storage_warning_ratio, limits.storage_critical_ratio)
                if first in used
                else sheet.number("–"),
                sheet.number(t.bytes(whole)) if whole else sheet.number("–"),
                state,
            )
        )


def osds(sheet: Sheet) -> Table | None:
    """Return the OSDs of Ceph, None where there is no Ceph."""
    t, facts = sheet.t, sheet.facts
    if sheet.cluster.ceph is None and not sheet.cluster.lacks("ceph"):
        return None
    heads = columns(
        *(t(f"pve.col.{name}") for name in ("osd", "node", "class", "state", "used", "latency")), numbers=(4, 5)
    )
    checks = [
        f"{row.get('check', '')}{t('pve.muted') if row.get('muted') == '1' else ''}"
        for row, value in facts.rows("hune_pve_ceph_health_check")
        if value == 1
    ]
    flags = [row.get("flag", "") for row, value in facts.rows("hune_pve_ceph_flag") if value == 1]
    said = [t("pve.checks", checks=", ".join(sorted(checks)))] if checks else []
    said += [t("pve.flags", flags=", ".join(sorted(flags)))] if flags else []
    for name in ("degraded", "misplaced", "unfound"):
        count = sum(value for _, value in facts.rows(f"hune_pve_ceph_{name}_objects"))
        said += [t(f"pve.objects.{name}", objects=t.number(count))] if count else []
    return sheet.table("ceph", heads, _osds(sheet), "ceph", summary=" · ".join(said))


def _osds(sheet: Sheet) -> Iterator[Row]:
    t, facts = sheet.t, sheet.facts
    up, inside = (facts.by(f"hune_pve_ceph_osd_{name}", "osd") for name in ("up", "in"))
    used, sizes = (facts.by(f"hune_pve_ceph_osd_{name}_bytes", "osd") for name in ("used", "size"))
    waits = facts.by("hune_pve_ceph_osd_commit_latency_seconds", "osd")
    rows = {row.get("osd", ""): row for row, _ in facts.rows("hune_pve_ceph_osd_up")}
    for osd, row in sorted(rows.items(), key=lambda pair: (len(pair[0]), pair[0])):
        runs, holds = up.get((osd,)) == 1, inside.get((osd,), 1.0) == 1
        state: State = "critical" if not runs else "warning" if not holds else "up"
        text = t("pve.osd_up" if runs else "pve.osd_down")
        text += f", {t('pve.osd_in' if holds else 'pve.osd_out')}"
        yield Row(
            (
                Cell(f"osd.{osd}"),
                sheet.cell(row.get("node", "")),
                sheet.cell(row.get("class", "")),
                sheet.cell(text, state),
                sheet.share(used.get((osd,)), sizes.get((osd,)), sheet.limits.ceph_used_ratio),
                sheet.number(t.milliseconds(waits[osd,])) if (osd,) in waits else sheet.number("–"),
            )
        )


def pools(sheet: Sheet) -> Table | None:
    """Return the pools of Ceph, None where there are none."""
    t, facts = sheet.t, sheet.facts
    names = sorted(row.get("pool", "") for row, _ in facts.rows("hune_pve_ceph_pool_info"))
    if not names:
        return None
    heads = columns(*(t(f"pve.col.{name}") for name in ("pool", "used", "size", "replicas")), numbers=(1, 2, 3))
    ratios, used = facts.by("hune_pve_ceph_pool_used_ratio", "pool"), facts.by("hune_pve_ceph_pool_used_bytes", "pool")
    copies = facts.by("hune_pve_ceph_pool_replicas", "pool")
    rows = [
        Row(
            (
                Cell(name),
                sheet.share(ratios.get((name,)), 1.0, sheet.limits.ceph_used_ratio, title=" "),
                sheet.number(t.bytes(used.get((name,), 0.0))),
                sheet.number(t.number(copies[name,])) if (name,) in copies else sheet.unknown(number=True),
            )
        )
        for name in names
    ]
    return sheet.table("pools", heads, rows)


def zfs(sheet: Sheet) -> Table | None:
    """Return the ZFS pools, None where there are none."""
    t, facts = sheet.t, sheet.facts
    states = facts.infos("hune_pve_zfs_pool_state", "node", "pool")
    if not states and not sheet.cluster.lacks("zfs"):
        return None
    heads = columns(
        *(t(f"pve.col.{name}") for name in ("pool", "node", "state", "used", "fragmentation", "errors", "scan")),
        numbers=(3, 4, 5),
    )
    sizes, used = (facts.by(f"hune_pve_zfs_pool_{name}_bytes", "node", "pool") for name in ("size", "allocated"))
    frag = facts.by("hune_pve_zfs_pool_fragmentation_ratio", "node", "pool")
    data = facts.by("hune_pve_zfs_pool_data_errors", "node", "pool")
    errors: dict[tuple[str, str], float] = defaultdict(float)
    for row, value in facts.rows("hune_pve_zfs_pool_errors"):
        errors[row.get("node", ""), row.get("pool", "")] += value
    scans = facts.infos("hune_pve_zfs_scan_running", "node", "pool")
    rows = []
    for key in sorted(states, key=lambda key: (key[1], key[0])):
        state = states[key].get("state", "")
        counted = errors[key[0], key[1]] + data.get(key, 0.0)
        rows.append(
            Row(
                (
                    Cell(key[1]),
                    sheet.cell(key[0]),
                    sheet.cell(state, "up" if state == "ONLINE" else "critical"),
                    sheet.share(used.get(key), sizes.get(key), sheet.limits.storage_warning_ratio),
                    sheet.number(t.percent(frag[key])) if key in frag else sheet.number("–"),
                    sheet.number(t.number(counted), "warning" if counted else "up"),
                    sheet.cell(scans[key].get("scan", "") if key in scans else "–"),
                )
            )
        )
    return sheet.table("zfs", heads, rows, "zfs")


def disks(sheet: Sheet) -> Table:
    """Return the disks with what announces their end."""
    t, facts, limits = sheet.t, sheet.facts, sheet.limits
    heads = columns(
        *(t(f"pve.col.{name}") for name in ("disk", "node", "model", "size", "health", "wear", "heat")),
        numbers=(3, 5, 6),
    )
    healthy, wear, heat, sizes, asked = (
        facts.by(f"hune_pve_disk_{name}", "node", "device")
        for name in ("healthy", "wear_ratio", "temperature_celsius", "size_bytes", "smart_asked")
    )
    rows = []
    for key, info in sorted(facts.infos("hune_pve_disk_info", "node", "device").items()):
        passed = healthy.get(key)
        if passed is None:
            asleep = asked.get(key) == 0
            health = sheet.cell(t("pve.asleep" if asleep else "pve.untold"), dim=True, title=t("pve.asleep_why"))
        else:
            health = sheet.cell(t("pve.healthy" if passed else "pve.failing"), "up" if passed else "critical")
        worn = wear.get(key)
        rows.append(
            Row(
                (
                    Cell(key[1]),
                    sheet.cell(key[0]),
                    sheet.cell(info.get("model", ""), title=info.get("used", "")),
                    sheet.number(t.bytes(sizes[key])) if key in sizes else sheet.number("–"),
                    health,
                    sheet.share(worn, 1.0, limits.disk_wear_ratio, title=" ")
                    if worn is not None
                    else sheet.number("–"),
                    sheet.number(t.celsius(heat[key])) if key in heat else sheet.number("–"),
                )
            )
        )
    return sheet.table("disks", heads, rows, "disks")
