"""All alerts: what is open, what is held, and what ended in the last day."""

from __future__ import annotations

from collections.abc import Iterable

from hune.nester.judge import overall, tally
from hune.nester.picking import Pick
from hune.nester.snapshot import MOST_ALERTS, Alert
from hune.nester.views.alert_row import alert_parts, alert_path, nothing_ended
from hune.nester.views.frame import critical, frame
from hune.nester.views.look import Look, Part, Scene, title
from hune.nester.views.words import alert_peak, alert_title, told

SHOWN = 200


async def alerts(scene: Scene) -> Look:
    """Return the page of alerts; its subject is what the address asks for."""
    t, everything = scene.t, scene.snapshot.open_alerts
    pick = Pick.parse(scene.subject.removeprefix("?"))
    chosen = pick.among(everything, t)
    opened, held = [each for each in chosen if not each.holds], [each for each in chosen if each.holds]
    ended = ended_rows(scene, pick.among(scene.snapshot.alerts, t))[:SHOWN]
    regions = {
        **frame(scene),
        "verdict": (_verdict(scene, len(chosen) if pick.narrows else None),),
        "alerts": tuple(alert_parts(scene, opened, SHOWN, pick=pick.act)),
        "held-title": (scene.part("held", "parts/held_title.html", text=t("alerts.held", count=len(held))),)
        if held
        else (),
        "held": tuple(alert_parts(scene, held, SHOWN)),
        "ended": tuple(ended) or (scene.part("none", "parts/ended_none.html", text=nothing_ended(scene)),),
    }
    return Look(title(scene, t("page.alerts")), overall(scene.snapshot), regions, critical(scene))


def _verdict(scene: Scene, chosen: int | None) -> Part:
    """Return how much is open, and how much of that is shown if not all of it."""
    t, everything = scene.t, scene.snapshot.open_alerts
    counts = tally(scene.snapshot)
    unheld = len(everything) - counts.held
    headline = t("alerts.open", count=unheld) if unheld else t("alerts.none_open")
    facts = [
        t(f"count.{name}", count=count)
        for name, count in (
            ("critical", counts.critical),
            ("unknown", counts.unknown),
            ("warning", counts.warning),
            ("acknowledged", counts.acknowledged),
            ("held", counts.held),
        )
        if count and len(everything) > 1
    ]
    if len(everything) >= MOST_ALERTS:
        facts.append(t("alerts.not_all", count=MOST_ALERTS))
    if chosen is not None:
        facts.append(t("alerts.shown", shown=chosen, total=len(everything)))
    return scene.part("verdict", "parts/verdict.html", state=counts.state, headline=headline, facts=facts)


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
        path=alert_path(alert),
        lab=alert.label("lab") == "true",
        peak=alert_peak(alert, t),
        started=t.moment(alert.starts_at, now=scene.now),
        started_iso=t.iso(alert.starts_at),
        lasted=t.duration(ended - alert.starts_at) if ended is not None else "",
        ended=t.moment(ended, now=scene.now) if ended is not None else "",
        told=[told(delivery, t, now=scene.now) for delivery in alert.deliveries],
    )
