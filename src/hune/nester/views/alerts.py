"""All alerts: what is open, and what ended in the last day."""

from __future__ import annotations

from collections.abc import Iterable

from hune.nester.judge import overall, tally
from hune.nester.snapshot import Alert
from hune.nester.views.frame import critical, frame
from hune.nester.views.look import Look, Part, Scene, title
from hune.nester.views.overview import alert_parts, nothing_ended
from hune.nester.views.words import alert_peak, alert_title, told

SHOWN = 200


async def alerts(scene: Scene) -> Look:
    """Return the page of alerts."""
    opened = scene.snapshot.open_alerts
    counts = tally(scene.snapshot)
    state = counts.state
    headline = scene.t("alerts.open", count=len(opened)) if opened else scene.t("alerts.none_open")
    ended = ended_rows(scene, scene.snapshot.alerts)[:SHOWN]
    regions = {
        **frame(scene),
        "verdict": (scene.part("verdict", "parts/verdict.html", state=state, headline=headline, facts=[]),),
        "alerts": tuple(alert_parts(scene, SHOWN)),
        "ended": tuple(ended) or (scene.part("none", "parts/ended_none.html", text=nothing_ended(scene)),),
    }
    return Look(title(scene, scene.t("page.alerts")), overall(scene.snapshot), regions, critical(scene))


def ended_rows(scene: Scene, all_alerts: Iterable[Alert]) -> list[Part]:
    """Return what is over, latest first."""
    over = [alert for alert in all_alerts if not alert.is_open]
    over.sort(key=lambda alert: alert.resolved_at or 0.0, reverse=True)
    return [ended_part(scene, alert) for alert in over]


def ended_part(scene: Scene, alert: Alert) -> Part:
    """Return an alert that is over as a row."""
    t = scene.t
    ended = alert.resolved_at
    return scene.part(
        f"alert-{alert.id}",
        "parts/ended.html",
        state=alert.severity,
        title=alert_title(alert, t),
        lab=alert.label("lab") == "true",
        peak=alert_peak(alert, t),
        started=t.moment(alert.starts_at, now=scene.now),
        started_iso=t.iso(alert.starts_at),
        lasted=t.duration(ended - alert.starts_at) if ended is not None else "",
        ended=t.moment(ended, now=scene.now) if ended is not None else "",
        told=[told(delivery, t, now=scene.now) for delivery in alert.deliveries],
    )
