"""What happened to an alert, as a list to be read from top to bottom."""

from __future__ import annotations

from dataclasses import dataclass

from hune.nester.hub.model import Dossier, Event
from hune.nester.language import Language
from hune.nester.views.words import measured

SHOWN = 200

# The drawing beside each: a state's shape, or an icon.
_SHAPES = {
    "firing": "warning",
    "unknown": "unknown",
    "resolved": "up",
    "acknowledged": "acknowledged",
    "snoozed": "acknowledged",
    "care_ended": "notice",
    "held": "held",
    "withheld": "held",
    "released": "notice",
}
_ICONS = {
    "told": "sent",
    "reminded": "sent",
    "resent": "sent",
    "escalated": "arrow",
    "refused": "failed",
    "discarded": "failed",
}


@dataclass(frozen=True, slots=True)
class EventLook:
    """One event in words; either a shape or an icon stands before it."""

    shape: str
    icon: str
    at: str
    at_iso: str
    text: str
    note: str
    bad: bool


def event_looks(dossier: Dossier, t: Language, *, now: float) -> list[EventLook]:
    """Return the events of an alert, oldest first; of very many the first and the latest, and how many are between."""
    first, rest = dossier.events[:1], dossier.events[1:]
    left_out = len(rest) - (SHOWN - 1)
    looks = [_look(event, dossier, t, now) for event in (*first, *(rest[left_out:] if left_out > 0 else rest))]
    if left_out > 0:
        gap = EventLook("notice", "", "…", "", t("event.between", count=left_out), "", bad=False)
        looks.insert(1, gap)
    return looks


def _look(event: Event, dossier: Dossier, t: Language, now: float) -> EventLook:
    icon = _ICONS.get(event.kind, "")
    shape = dossier.alert.severity if event.kind == "opened" else _SHAPES.get(event.kind, "notice")
    return EventLook(
        shape="" if icon else "notice" if shape == "info" else shape,
        icon=icon,
        at=t.moment(event.at, now=now),
        at_iso=t.iso(event.at),
        text=_text(event, dossier, t, now),
        note=event.said("note") or event.said("problem") or _reasons(event),
        bad=event.kind == "refused",
    )


def _text(event: Event, dossier: Dossier, t: Language, now: float) -> str:
    until = event.number("until")
    fields = {
        "receiver": event.receiver or "?",
        "by": event.by or event.receiver or "?",
        "at": t.moment(until, now=now) if until is not None else "",
        "step": t.number(event.number("step") or 0),
        "value": measured(dossier.alert, event.number("value"), t),
        "peak": measured(dossier.alert, event.number("peak"), t) if dossier.alert.annotation("unit") else "",
    }
    for key in _keys(event):
        if t.has(key) and all(fields[name] for name in _needed(t.texts[key])):
            return t(key, **fields)
    # A hub that is newer than these pages may know of other things.
    return " ".join(filter(None, [event.kind.replace("_", " "), event.receiver, event.by]))


def _keys(event: Event) -> list[str]:
    """Return the sentences that may fit, the one that says most first."""
    told, ending, reason = event.said("told"), event.said("ending"), event.said("reason")
    more = {
        "told": "over" if told == "resolved" else "",
        "resolved": ending if ending != "measured" else "peak",
        "care_ended": reason,
        "opened": "value",
    }.get(event.kind, "")
    return [f"event.{event.kind}.{more}", f"event.{event.kind}.plain"] if more else [f"event.{event.kind}.plain"]


def _needed(text: str) -> set[str]:
    return {part.partition("}")[0] for part in text.split("{")[1:]}


def _reasons(event: Event) -> str:
    """Return why an alert is held, as those said who hold it."""
    holds = dict(event.detail).get("holds")
    if not isinstance(holds, list):
        return ""
    said = [str(hold.get("reason") or "") for hold in holds if isinstance(hold, dict)]
    return ", ".join(dict.fromkeys(filter(None, said)))
