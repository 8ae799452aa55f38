"""Alerts of the past as rows."""

from __future__ import annotations

from dataclasses import dataclass

from hune.nester.language import Language
from hune.nester.snapshot import Alert
from hune.nester.views.alert_row import alert_path
from hune.nester.views.words import Told, alert_peak, alert_state_word, alert_title, told


@dataclass(frozen=True, slots=True)
class ArchiveRow:
    """One alert of the past, or one that is still open."""

    path: str
    title: str
    lab: bool
    severity: str
    state: str
    word: str
    started: str
    started_iso: str
    lasted: str
    peak: str
    by: str
    told: tuple[Told, ...]


def archive_row(alert: Alert, t: Language, *, now: float) -> ArchiveRow:
    """Return an alert as a row."""
    ended = alert.resolved_at
    state, word = alert_state_word(alert, t)
    return ArchiveRow(
        path=alert_path(alert),
        title=alert_title(alert, t),
        lab=alert.label("lab") == "true",
        severity=t(f"severity.{alert.severity}"),
        state=state,
        word="" if ended is not None else word,
        started=t.moment(alert.starts_at, now=now),
        started_iso=t.iso(alert.starts_at),
        lasted=t.duration((now if ended is None else ended) - alert.starts_at),
        peak=alert_peak(alert, t),
        by=alert.care.by if alert.care else "",
        told=tuple(told(delivery, t, now=now) for delivery in alert.deliveries),
    )
