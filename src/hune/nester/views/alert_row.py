"""Alerts as rows: what, where, since when, who knows, who looks after it."""

from __future__ import annotations

from collections.abc import Sequence

from hune.nester.judge import judge_alert
from hune.nester.snapshot import Alert
from hune.nester.views.attention import attentions
from hune.nester.views.look import Part, Scene
from hune.nester.views.words import alert_device, alert_limit, alert_peak, alert_title, told


def alert_parts(scene: Scene, alerts: Sequence[Alert], shown: int, *, pick: bool = False, path: str = "") -> list[Part]:
    """Return alerts as rows, and a word about those that are too many; with `pick` they can be chosen.

    `path` leads to all of them; without one the list can only be narrowed down.
    """
    parts = [alert_part(scene, alert, pick=pick) for alert in alerts[:shown]]
    if len(alerts) > shown:
        text = scene.t("wall.more" if path else "alerts.more", count=len(alerts) - shown)
        parts.append(scene.part("alerts-more", "parts/more.html", text=text, path=path))
    return parts


def alert_part(scene: Scene, alert: Alert, *, pick: bool = False) -> Part:
    """Return an open alert as a row."""
    t = scene.t
    state = judge_alert(alert)
    peak = alert_peak(alert, t) if alert.peak != alert.value else ""
    attended = attentions(alert, t, now=scene.now)
    return scene.part(
        f"alert-{alert.id}",
        "parts/alert.html",
        state=state,
        word=attended[0].word if attended else t(f"state.{state}"),
        severity=alert.severity,
        attended=attended,
        # What is looked after, or held, can't be chosen for being looked after.
        pick=alert.id if pick and not attended and alert_path(alert) else "",
        title=alert_title(alert, t),
        path=alert_path(alert) or path_of(scene, alert),
        lab=alert.label("lab") == "true",
        details=list(
            filter(
                None,
                [alert_device(alert), alert_limit(alert, t), t("alert_row.peak", peak=peak) if peak else ""],
            )
        ),
        unconfirmed=alert.state == "unknown",
        duration=scene.ago(alert.starts_at),
        since=t.moment(alert.starts_at, now=scene.now),
        since_iso=t.iso(alert.starts_at),
        asked=scene.snapshot.source("hub").answers,
        told=[told(delivery, t, now=scene.now) for delivery in alert.deliveries],
        name=alert.name,
    )


def alert_path(alert: Alert) -> str:
    """Return the page of an alert; empty while the hub is silent, for then nobody knows its number."""
    return f"/alerts/{alert.id}" if alert.id.isascii() and alert.id.isdigit() else ""


def path_of(scene: Scene, alert: Alert) -> str:
    """Return the page of what an alert is about: a guest, a machine, a cluster; empty if it has none."""
    cluster, node, vmid = alert.label("cluster"), alert.label("node"), alert.label("id").rpartition("/")[2]
    if any(each.name == cluster for each in scene.snapshot.clusters):
        if vmid.isascii() and vmid.isdigit():
            return f"/clusters/{cluster}/guests/{vmid}"
        return scene.path_of(node) or f"/clusters/{cluster}"
    # Others' rules may name machines that aren't this site's.
    return f"/nodes/{node}" if any(each.name == node for each in scene.site.nodes) else ""


def nothing_ended(scene: Scene) -> str:
    """Return that no alert ended in the last day, if that is known; one that still fires did not."""
    known = scene.snapshot.source("hub").answers
    return scene.t("alerts.none_ended" if known else "alerts.no_hub_past")
