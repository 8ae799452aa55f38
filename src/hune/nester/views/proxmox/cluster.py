"""The page of a cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from hune.nester.judge import alerts_about, judge_cluster
from hune.nester.proxmox.choice import Choice
from hune.nester.proxmox.model import Cluster, Detail
from hune.nester.views.alert_row import alert_part
from hune.nester.views.frame import critical, frame
from hune.nester.views.look import Look, Part, Scene, title
from hune.nester.views.proxmox import care, disks, machines
from hune.nester.views.proxmox.guests import guest_list
from hune.nester.views.proxmox.sheet import Sheet
from hune.nester.views.proxmox.summary import state_word, summary
from hune.nester.views.proxmox.table import Table

_WIDE: tuple[Callable[[Sheet], Table | None], ...] = (machines.nodes, machines.upkeep)
_NARROW: tuple[Callable[[Sheet], Table | None], ...] = (
    disks.storages,
    disks.osds,
    disks.pools,
    disks.zfs,
    disks.disks,
    care.services,
    care.replication,
    care.jobs,
    care.tasks,
    care.collectors,
)
SHOWN_ALERTS = 8
# Ages that are shown grow even where nothing new is told.
_KEPT_SECONDS = 30
_KEPT_CHOICES = 32


async def cluster(scene: Scene) -> Look:
    """Return the page of a cluster. Raises KeyError if the site has none of that name."""
    name, _, query = scene.subject.partition("?")
    found = find_cluster(scene, name)
    verdict = judge_cluster(found, scene.snapshot)
    detail = await scene.clusters.detail(name) if found.asked else None
    opened = alerts_about(found, scene.snapshot)
    alerts = [alert_part(scene, alert) for alert in opened[:SHOWN_ALERTS]]
    if len(opened) > SHOWN_ALERTS:
        text = scene.t("wall.more", count=len(opened) - SHOWN_ALERTS)
        alerts.append(scene.part("alerts-more", "parts/more.html", text=text, path="/alerts"))
    shown = summary(scene, found)
    regions = {
        **frame(scene),
        "cluster-title": (
            scene.part("title", "parts/cluster_title.html", cluster=shown, word=state_word(found, verdict, scene.t)),
        ),
        "alerts": tuple(alerts),
        "cluster": (scene.part(f"cluster-{name}", "parts/cluster.html", cluster=shown, link=False),),
        "guest-choice": (),
        "guest-heads": (),
        "guests": (),
        "guest-pages": (),
        "tables-wide": (),
        "tables": (),
        **(detail_parts(scene, found, detail, Choice.parse(query)) if detail else {}),
    }
    return Look(title(scene, found.name), verdict.state, regions, critical(scene))


def find_cluster(scene: Scene, name: str) -> Cluster:
    """Return a cluster by its name. Raises KeyError if the site has none."""
    for each in scene.snapshot.clusters:
        if each.name == name:
            return each
    raise KeyError(name)


def sheet_of(scene: Scene, found: Cluster, detail: Detail) -> Sheet:
    """Return what the tables of a cluster are made from."""
    site = next(each for each in scene.site.proxmox if each.name == found.name)
    return Sheet(scene, found, detail, scene.site.limits_of(site), scene.heat_of(detail.nodes_up))


def detail_parts(scene: Scene, found: Cluster, detail: Detail, choice: Choice) -> dict[str, tuple[Part, ...]]:
    """Return the guests that are asked for, and all tables: made once for all who watch, until something is new."""
    old = (found.status_is_old(scene.now), found.detail_is_old(scene.now))
    key = (scene.t.code, choice, old, scene.now // _KEPT_SECONDS)
    made = detail.memo.get(key)
    if made is None:
        if len(detail.memo) >= _KEPT_CHOICES:
            detail.memo.clear()
        made = detail.memo[key] = _detail_parts(scene, found, detail, choice)
    return cast("dict[str, tuple[Part, ...]]", made)


def _detail_parts(scene: Scene, found: Cluster, detail: Detail, choice: Choice) -> dict[str, tuple[Part, ...]]:
    sheet = sheet_of(scene, found, detail)
    guests = guest_list(sheet, choice)
    status_old = found.status_is_old(scene.now)
    old = status_old or found.detail_is_old(scene.now)
    rows = tuple(
        scene.part(f"guest-{guest.id}", "parts/guest_row.html", guest=guest, stale=status_old) for guest in guests.rows
    )

    def tables(makers: tuple[Callable[[Sheet], Table | None], ...]) -> tuple[Part, ...]:
        made = (make(sheet) for make in makers)
        return tuple(
            scene.part(f"table-{each.name}", "parts/table.html", table=each, stale=old) for each in made if each
        )

    return {
        "guest-choice": (scene.part("choice", "parts/guest_choice.html", guests=guests),),
        "guest-heads": (scene.part("heads", "parts/guest_heads.html", guests=guests),),
        "guests": rows or (scene.part("none", "parts/guest_none.html", text=guests.none, width=len(guests.heads)),),
        "guest-pages": (scene.part("pages", "parts/guest_pages.html", guests=guests),),
        "tables-wide": tables(_WIDE),
        "tables": tables(_NARROW),
    }
