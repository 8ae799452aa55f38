"""Alerts as the hub's answers show them: JSON documents, and what their questions ask."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request

from hune.alerting.state.episode import Care, Delivery, Episode
from hune.alerting.state.history import Event
from hune.core.errors import InputError


def alert_document(
    episode: Episode, deliveries: Sequence[Delivery], care: Care | None, *, now: float
) -> dict[str, Any]:
    """Return an alert as `GET /alerts` shows it."""
    return {
        **episode_document(episode),
        "deliveries": [_delivery(episode, delivery, now) for delivery in deliveries],
        "care": None if care is None else care_document(care),
        "holds": [hold.to_dict() for hold in episode.holds],
    }


def care_document(care: Care) -> dict[str, Any]:
    """Return who looks after an alert."""
    return {"state": care.state, "at": care.at, "by": care.by, "until": care.until, "note": care.note}


def event_document(event: Event) -> dict[str, Any]:
    """Return one edge of an alert's history."""
    return {
        "at": event.at,
        "kind": event.kind,
        "receiver": event.receiver,
        "by": event.by,
        "detail": event.detail,
    }


def episode_document(episode: Episode) -> dict[str, Any]:
    """Return an alert without what is done about it."""
    return {
        "id": episode.id,
        "alertname": episode.alertname,
        "severity": episode.severity,
        "state": episode.state,
        "labels": episode.labels,
        "annotations": episode.annotations,
        "starts_at": episode.starts_at,
        "received_at": episode.received_at,
        "doubted_at": episode.doubted_at,
        "expires_at": episode.expires_at,
        "resolved_at": episode.resolved_at,
        "ending": episode.ending,
        "value": episode.value,
        "peak": episode.peak,
    }


def _delivery(episode: Episode, delivery: Delivery, now: float) -> dict[str, Any]:
    detail = delivery.problem or (f"counted in digest {delivery.digest}" if delivery.digest else "")
    state = delivery.state
    if state in ("pending", "failed"):
        state = "held" if episode.holds else "waiting" if delivery.due_at > now else state
    return {
        "receiver": delivery.receiver,
        "state": state,
        "told": delivery.told,
        "at": delivery.at,
        "due_at": delivery.due_at or None,
        "digest": delivery.digest,
        "step": delivery.step,
        "detail": detail,
    }


def number_asked(request: Request, name: str, default: float) -> float:
    """Return a number of a request's query. Raises InputError if it is none."""
    given = request.query_params.get(name)
    if given is None:
        return default
    try:
        value = float(given)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{name}: not a number", remedy="leave it out, or write one")
    return value
