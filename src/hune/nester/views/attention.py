"""Who looks after an alert, and what holds it: icon, word and the rest of the sentence."""

from __future__ import annotations

from dataclasses import dataclass

from hune.nester.language import Language
from hune.nester.snapshot import Alert, Care, Hold


@dataclass(frozen=True, slots=True)
class Attention:
    """One line about why an alert calls for nobody; `icon` is the name of a shape."""

    icon: str
    word: str
    detail: str
    note: str
    title: str


def attentions(alert: Alert, t: Language, *, now: float) -> tuple[Attention, ...]:
    """Return what holds an alert, then who looks after it: the first is what its state is called."""
    care = (_of_care(alert.care, t, now),) if alert.care else ()
    return (*(_of_hold(hold, t, now) for hold in alert.holds), *care)


def _of_care(care: Care, t: Language, now: float) -> Attention:
    since = t("care.since", at=t.moment(care.at, now=now))
    if care.until is None:
        return Attention("acknowledged", t("care.acknowledged"), t("care.by", by=care.by), care.note, since)
    detail = t("care.until_by", at=_brief(care.until, t, now), by=care.by)
    return Attention("acknowledged", t("care.snoozed"), detail, care.note, since)


def _of_hold(hold: Hold, t: Language, now: float) -> Attention:
    word = t("care.silenced" if hold.kind == "silence" else "care.maintenance")
    until = t("care.until", at=_brief(hold.until, t, now)) if hold.until is not None else ""
    by = t("care.by", by=hold.by) if hold.by else ""
    return Attention("held", word, ", ".join(filter(None, [until, by])), hold.reason, "")


def _brief(at: float, t: Language, now: float) -> str:
    """Return a moment to come without its seconds."""
    text = t.moment(at, now=now)
    return text[:5] if text.count(":") == 2 else text
