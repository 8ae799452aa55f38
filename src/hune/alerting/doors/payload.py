"""Reading a notification: Alertmanager's webhook format, version 4, or only its alerts.

Source: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hune.alerting.state.episode import Incoming
from hune.core.errors import InputError

MAX_ALERTS = 20_000
# What one alert may say: all that are listed are read and shown together, again and again.
LONGEST_TEXT = 4096
MAX_CHARACTERS = 16_384
_MOST_TRUNCATED = 2**31
_REMEDY = "send Alertmanager's webhook format"
# Alertmanager writes Go's zero time for "not yet".
_EARLIEST = datetime(1971, 1, 1, tzinfo=UTC).timestamp()
_LATEST = datetime(9000, 1, 1, tzinfo=UTC).timestamp()


@dataclass(frozen=True, slots=True)
class Notification:
    """What one request says; `receiver` is empty if it names none."""

    receiver: str
    alerts: tuple[Incoming, ...]
    truncated: int = 0
    """Alerts that the sender left out."""


def read_notification(body: bytes) -> Notification:
    """Return the notification in a request's body.

    Raises InputError that names the place of what is wrong: `alerts[3].labels.node: not text`.
    """
    try:
        content = json.loads(body)
    except RecursionError as error:
        raise InputError("body: nested too deeply", remedy=_REMEDY) from error
    except ValueError as error:
        raise InputError(f"body: not JSON ({_short(str(error))})", remedy=_REMEDY) from error
    document = _object(content, "body")
    alerts = document.get("alerts")
    if not isinstance(alerts, list):
        raise InputError("alerts: missing or not a list", remedy=_REMEDY)
    if len(alerts) > MAX_ALERTS:
        raise InputError(f"alerts: {len(alerts)} in one request, {MAX_ALERTS} at most", remedy="split it")
    truncated = document.get("truncatedAlerts", 0)
    return Notification(
        receiver=_text(document.get("receiver") or "", "receiver"),
        alerts=tuple(_alert(row, f"alerts[{index}]") for index, row in enumerate(alerts)),
        truncated=truncated if type(truncated) is int and 0 < truncated < _MOST_TRUNCATED else 0,
    )


def _alert(row: Any, where: str) -> Incoming:
    alert = _object(row, where)
    status = alert.get("status", "firing")
    if status not in ("firing", "resolved"):
        raise InputError(f"{where}.status: neither firing nor resolved", remedy="write one of them")
    labels = _labels(alert.get("labels"), f"{where}.labels")
    if not labels.get("alertname"):
        raise InputError(f"{where}.labels.alertname: missing", remedy="give the alert its name")
    return Incoming(
        firing=status == "firing",
        labels=labels,
        annotations=_annotations(alert.get("annotations") or {}, f"{where}.annotations"),
        starts_at=_moment(alert.get("startsAt"), f"{where}.startsAt"),
        ends_at=_moment(alert.get("endsAt"), f"{where}.endsAt"),
    )


def _object(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{where}: not an object", remedy=_REMEDY)
    return value


def _texts(value: Any, where: str) -> dict[str, str]:
    # An empty label is the same as none, as in Prometheus.
    return {
        _text(key, where): text
        for key, entry in _object(value, where).items()
        if (text := _text(entry, f"{where}.{_short(key)}"))
    }


def _labels(value: Any, where: str) -> dict[str, str]:
    """Return labels, which tell alerts apart: a long one is shortened to a text of its own, none is left out."""
    labels = {name: shortened(text) for name, text in _texts(value, where).items()}
    if sum(len(name) + len(text) for name, text in labels.items()) > MAX_CHARACTERS:
        raise InputError(f"{where}: more than {MAX_CHARACTERS} characters", remedy="send fewer or shorter labels")
    return labels


def shortened(text: str) -> str:
    """Return a label's text as the book has it."""
    if len(text) <= LONGEST_TEXT:
        return text
    return f"{text[: LONGEST_TEXT - 17]}…{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _annotations(value: Any, where: str) -> dict[str, str]:
    """Return annotations as far as there is room for them; they are for people."""
    kept, room = {}, MAX_CHARACTERS
    for name, text in _texts(value, where).items():
        short = text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"
        room -= len(name) + len(short)
        if room < 0:
            break
        kept[name] = short
    return kept


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"{where}: not text", remedy="write it in quotes")
    # JSON can carry half a character, which is no text and which no database takes.
    return value.encode("utf-8", "replace").decode("utf-8")


def _moment(value: Any, where: str) -> float | None:
    if value is None or value == "":
        return None
    try:
        moment = datetime.fromisoformat(_text(value, where))
    except ValueError as error:
        raise InputError(f"{where}: not a time", remedy="write it like 2025-01-31T12:00:00Z") from error
    try:
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except OverflowError:
        return None
    return seconds if _EARLIEST < seconds < _LATEST else None


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:60] + "…")[1:-1]
