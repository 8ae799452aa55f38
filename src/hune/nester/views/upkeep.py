"""Maintenance and silences as rows."""

from __future__ import annotations

from dataclasses import dataclass

from hune.nester.hub.model import Silence, Window
from hune.nester.language import Language


@dataclass(frozen=True, slots=True)
class UpkeepRow:
    """What holds alerts; `id` is what it is ended by, empty where it can't be."""

    id: str
    about: tuple[str, ...]
    now: bool
    word: str
    when: str
    when_iso: str
    by: str
    reason: str


def window_row(window: Window, t: Language, *, now: float) -> UpkeepRow:
    """Return a maintenance as a row."""
    about = tuple(t(f"upkeep.of_{kind}", names=", ".join(names)) for kind, names in window.scope.items())
    running = window.begins is not None and window.begins <= now and (window.ends is None or now < window.ends)
    return UpkeepRow(
        id=window.id,
        about=about or (t("upkeep.whole"),),
        now=running,
        word=t("upkeep.now" if running else "upkeep.later"),
        when=" · ".join(filter(None, [window.schedule, _when(window.begins, window.ends, t, now, running=running)])),
        when_iso=_iso(window.begins, window.ends, t),
        by=window.by or ("" if window.id else t("upkeep.site_file")),
        reason=window.reason,
    )


def silence_row(silence: Silence, t: Language, *, now: float) -> UpkeepRow:
    """Return a silence as a row."""
    running = silence.begins <= now < silence.ends
    return UpkeepRow(
        id=silence.id,
        about=tuple(matcher.text for matcher in silence.matchers),
        now=running,
        word=t("upkeep.now" if running else "upkeep.later"),
        when=_when(silence.begins, silence.ends, t, now, running=running),
        when_iso=_iso(silence.begins, silence.ends, t),
        by=silence.by,
        reason=silence.reason,
    )


def _when(begins: float | None, ends: float | None, t: Language, now: float, *, running: bool) -> str:
    """Return from when to when; of what holds now only its end, and how long that is."""
    end = t.moment(ends, now=now) if ends is not None else ""
    if running and ends is not None:
        return t("upkeep.until", at=end, duration=t.duration(ends - now))
    begin = t.moment(begins, now=now) if begins is not None else ""
    return t("upkeep.from_to", begin=begin, end=end) if begin and end else begin or end


def _iso(begins: float | None, ends: float | None, t: Language) -> str:
    return " – ".join(t.iso(at) for at in (begins, ends) if at is not None)
