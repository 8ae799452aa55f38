"""The overview: what is wrong, where, and how everything else is."""

from __future__ import annotations

from hune.nester import history
from hune.nester.judge import State, judge_probe, overall, tally, worst_clusters_first, worst_first
from hune.nester.snapshot import MOST_ALERTS, Alert
from hune.nester.views.alert_row import alert_parts, alert_path, nothing_ended, path_of
from hune.nester.views.frame import critical, frame
from hune.nester.views.look import Look, Part, Scene, title
from hune.nester.views.proxmox.summary import summary
from hune.nester.views.tile import Hour, make_tile
from hune.nester.views.words import alert_peak, alert_title

SHOWN_ALERTS = 12
SHOWN_LATELY = 6


async def overview(scene: Scene) -> Look:
    """Return the overview."""
    hours = await last_hours(scene)
    tiles = []
    for node, verdict in worst_first(scene.snapshot):
        tile = make_tile(node, verdict, scene.snapshot, hours[node.name], scene.t)
        tiles.append(scene.part(f"node-{node.name}", "parts/tile.html", tile=tile))
    regions = {
        **frame(scene),
        "verdict": (verdict_part(scene),),
        "alerts": tuple(alert_parts(scene, scene.snapshot.open_alerts, SHOWN_ALERTS, path="/alerts")),
        "nodes": tuple(tiles),
        "clusters": tuple(cluster_parts(scene)),
        "probes": tuple(probe_parts(scene)),
        "lately": lately(scene),
        "services": (services_part(scene),),
    }
    return Look(title(scene, scene.snapshot.site), overall(scene.snapshot), regions, critical(scene))


def cluster_parts(scene: Scene) -> list[Part]:
    """Return each Proxmox cluster in one look, worst first."""
    return [
        scene.part(f"cluster-{cluster.name}", "parts/cluster.html", cluster=summary(scene, cluster), link=True)
        for cluster, _ in worst_clusters_first(scene.snapshot)
    ]


async def last_hours(scene: Scene) -> dict[str, Hour]:
    """Return the last hour of every node."""
    hot = await scene.history.by_node(history.HOT, *history.SPARKS)
    found = {name: Hour(points, hot.span, hot.end, thermal=True) for name, points in hot.points.items()}
    cold = [node.name for node in scene.snapshot.nodes if node.name not in found and not node.sensors]
    if cold:
        busy = await scene.history.by_node(history.BUSY, *history.SPARKS)
        found |= {name: Hour(busy.points.get(name, []), busy.span, busy.end, thermal=False) for name in cold}
    return {node.name: found.get(node.name, Hour([], hot.span, hot.end, thermal=True)) for node in scene.snapshot.nodes}


def verdict_part(scene: Scene) -> Part:
    """Return the first thing to read: is anything wrong."""
    state, headline = verdict(scene)
    return scene.part("verdict", "parts/verdict.html", state=state, headline=headline, facts=facts(scene))


def verdict(scene: Scene) -> tuple[State, str]:
    """Return the state of the site, and the sentence that says it."""
    snapshot, t = scene.snapshot, scene.t
    counts = tally(snapshot)
    down = [node.name for node, each in worst_first(snapshot) if each.state == "down"]
    state = overall(scene.snapshot)
    if snapshot.cut_off and not snapshot.is_stale:
        return "critical", t("verdict.cut_off")
    if counts.critical:
        return "critical", t("verdict.critical", count=counts.critical)
    if snapshot.measured_at is None:
        silent = not snapshot.source("prometheus").answers
        return ("stale", t("verdict.never")) if silent else ("unknown", t("verdict.waiting"))
    if snapshot.is_stale:
        return "stale", t("verdict.stale", age=scene.ago(snapshot.measured_at))
    if down:
        return "critical", t("verdict.down", count=len(down), nodes=", ".join(down))
    if state == "critical":
        return state, t("verdict.measured_critical")
    if counts.unknown:
        return "unknown", t("verdict.unknown", count=counts.unknown)
    if state == "unknown":
        heard = all(node.up for node in snapshot.nodes)
        return state, t("verdict.unheard_cluster" if heard and snapshot.clusters else "verdict.unheard")
    if counts.warning:
        return "warning", t("verdict.warning", count=counts.warning)
    if state == "warning":
        return state, t("verdict.measured_warning")
    if state == "stale":
        return state, t("verdict.partly_stale")
    if state == "acknowledged":
        return state, t("verdict.acknowledged", count=counts.acknowledged)
    if state == "held":
        return state, t("verdict.held", count=counts.held)
    return "up", t("verdict.up")


def facts(scene: Scene) -> list[str]:
    """Return the counts below the headline."""
    snapshot, t = scene.snapshot, scene.t
    counts = tally(snapshot)
    found = []
    if snapshot.nodes and snapshot.measured_at is not None and not snapshot.is_stale:
        up = sum(1 for node in snapshot.nodes if node.up is not None and node.up.value == 1)
        total = len(snapshot.nodes)
        found.append(t("facts.all_up", count=total) if up == total else t("facts.some_up", up=up, total=total))
    if counts.critical and counts.warning:
        found.append(t("count.warning", count=counts.warning))
    if counts.critical and counts.unknown:
        found.append(t("count.unknown", count=counts.unknown))
    if counts.acknowledged and (counts.state != "acknowledged" or counts.held):
        found.append(t("count.acknowledged", count=counts.acknowledged))
    if counts.held and counts.state != "held":
        found.append(t("count.held", count=counts.held))
    if len(snapshot.open_alerts) >= MOST_ALERTS:
        found.append(t("alerts.not_all", count=MOST_ALERTS))
    if not snapshot.open_alerts and not snapshot.is_stale:
        found.append(t("facts.quiet"))
    if any(probe.success for probe in snapshot.probes) and not snapshot.is_stale:
        good = sum(1 for probe in snapshot.probes if judge_probe(probe, snapshot.taken_at) == "up")
        found.append(t("facts.probes", good=good, total=len(snapshot.probes)))
    return found


def lately(scene: Scene) -> tuple[Part, ...]:
    """Return what fired in the last day and is over, latest first."""
    over = sorted(
        (alert for alert in scene.snapshot.alerts if not alert.is_open),
        key=lambda alert: alert.resolved_at or 0.0,
        reverse=True,
    )
    if not over:
        return (scene.part("lately-none", "parts/lately_none.html", text=nothing_ended(scene)),)
    return tuple(lately_part(scene, alert) for alert in over[:SHOWN_LATELY])


def lately_part(scene: Scene, alert: Alert) -> Part:
    """Return an alert that is over as one line."""
    t = scene.t
    ended = alert.resolved_at or alert.starts_at
    return scene.part(
        f"lately-{alert.id}",
        "parts/lately.html",
        title=alert_title(alert, t),
        path=alert_path(alert) or path_of(scene, alert),
        lab=alert.label("lab") == "true",
        peak=t("alert_row.peak", peak=peak) if (peak := alert_peak(alert, t)) else "",
        lasted=t("alert_row.lasted", duration=t.duration(ended - alert.starts_at)),
        ended=t("alert_row.until", at=t.moment(ended, now=scene.now)),
        ended_iso=t.iso(ended),
    )


def probe_parts(scene: Scene) -> list[Part]:
    """Return each probe with its state and how long it took."""
    parts = []
    for probe in sorted(scene.snapshot.probes, key=lambda probe: judge_probe(probe, scene.now) != "down"):
        state = judge_probe(probe, scene.now)
        parts.append(
            scene.part(
                f"probe-{probe.name}",
                "parts/probe.html",
                probe=probe,
                state=state,
                word=scene.t(f"state.{state}"),
                took=scene.t.milliseconds(probe.seconds) if probe.seconds is not None and state == "up" else "",
            )
        )
    return parts


def services_part(scene: Scene) -> Part:
    """Return Hune itself in one quiet line."""
    conductor = scene.snapshot.source("conductor")
    return scene.part(
        "services",
        "parts/services.html",
        services=scene.snapshot.services if conductor.answers else (),
        silent=not conductor.answers,
    )
