"""Makes what the hub answers into what the pages show.

Every function raises KeyError, TypeError, ValueError or AttributeError for what is not the answer of a hub.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, cast

from hune.nester.hub.model import Dossier, Event, Mandate, Matcher, Silence, Step, Window
from hune.nester.snapshot import SEVERITIES, Alert, AlertState, Care, Delivery, Hold, Severity, is_plausible

# Fires always, so that its silence is noticed: nothing to show.
WATCHDOG = "Watchdog"


def alerts(answer: Mapping[str, Any]) -> tuple[Alert, ...]:
    """Return the alerts of a list."""
    return tuple(alert(row) for row in answer["alerts"] if row["alertname"] != WATCHDOG)


def alert(row: Mapping[str, Any]) -> Alert:
    """Return an alert as the hub writes it."""
    severity = cast("Severity", row["severity"]) if row["severity"] in SEVERITIES else "info"
    state: AlertState = row["state"] if row["state"] in ("firing", "resolved") else "unknown"
    return Alert(
        id=str(row["id"]),
        name=str(row["alertname"]),
        severity=severity,
        state=state,
        labels=_pairs(row.get("labels")),
        annotations=_pairs(row.get("annotations")),
        starts_at=float(row["starts_at"]),
        resolved_at=_number(row.get("resolved_at")),
        value=_number(row.get("value")),
        peak=_number(row.get("peak")),
        deliveries=tuple(_delivery(each) for each in row.get("deliveries") or ()),
        care=_care(row.get("care")),
        holds=tuple(_hold(each) for each in row.get("holds") or ()),
    )


def dossier(answer: Mapping[str, Any]) -> Dossier:
    """Return everything about one alert."""
    return Dossier(
        alert=alert(answer),
        events=tuple(_event(row) for row in answer.get("events") or ()),
        steps=tuple(_steps(answer.get("escalation") or ())),
    )


def silences(answer: Mapping[str, Any]) -> tuple[Silence, ...]:
    """Return the silences. Raises ValueError while Alertmanager can't be asked for them."""
    if answer.get("problem"):
        raise ValueError("Alertmanager does not answer")
    return tuple(
        Silence(
            id=str(row["id"]),
            matchers=tuple(_matcher(each) for each in row["matchers"]),
            begins=float(row["begins"]),
            ends=float(row["ends"]),
            by=str(row.get("by") or ""),
            reason=str(row.get("reason") or ""),
        )
        for row in answer["silences"]
    )


def windows(answer: Mapping[str, Any]) -> tuple[Window, ...]:
    """Return the maintenance, of the site file and declared."""
    return tuple(
        Window(
            id=str(row["id"]),
            scope={str(kind): tuple(map(str, names)) for kind, names in row["scope"].items() if names},
            begins=float(row["begins"]),
            ends=float(row["ends"]),
            by=str(row.get("by") or ""),
            reason=str(row.get("reason") or ""),
            every=str(row.get("every") or ""),
            in_site_file=bool(row.get("in_site_file")),
        )
        for row in answer["maintenance"]
    )


def mandate(answer: Mapping[str, Any]) -> Mandate:
    """Return what a key permits."""
    number = answer["alert"]
    return Mandate("" if number is None else str(int(number)), _number(answer.get("expires")))


def _delivery(row: Mapping[str, Any]) -> Delivery:
    return Delivery(
        receiver=str(row["receiver"]),
        state=str(row["state"]),
        at=_number(row.get("at")),
        detail=str(row.get("detail") or ""),
        due_at=_number(row.get("due_at")) or None,
        step=int(row.get("step") or 0),
    )


def _care(row: Mapping[str, Any] | None) -> Care | None:
    if not row:
        return None
    return Care(str(row["by"]), float(row["at"]), _number(row.get("until")), str(row.get("note") or ""))


def _hold(row: Mapping[str, Any]) -> Hold:
    return Hold(
        kind=str(row["kind"]),
        id=str(row.get("id") or ""),
        until=_number(row.get("until")),
        by=str(row.get("by") or ""),
        reason=str(row.get("reason") or ""),
    )


def _event(row: Mapping[str, Any]) -> Event:
    detail = row.get("detail") or {}
    return Event(
        at=float(row["at"]),
        kind=str(row["kind"]),
        receiver=str(row.get("receiver") or ""),
        by=str(row.get("by") or ""),
        detail=tuple((str(key), value) for key, value in dict(detail).items()),
    )


def _steps(rows: Iterable[Mapping[str, Any]]) -> Iterable[Step]:
    for row in rows:
        yield Step(
            number=int(row["step"]),
            receivers=tuple(map(str, row.get("receivers") or ())),
            due_at=_number(row.get("due_at")),
            done_at=_number(row.get("done_at")),
        )


def _matcher(row: Mapping[str, Any]) -> Matcher:
    return Matcher(
        str(row["name"]), str(row["value"]), bool(row.get("is_regex", False)), bool(row.get("is_equal", True))
    )


def _pairs(mapping: Any) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((str(key), str(value)) for key, value in (mapping or {}).items()))


def _number(value: Any) -> float | None:
    number = None if value is None or value == "" else float(value)
    return number if number is not None and math.isfinite(number) and is_plausible(number) else None
