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
    every: str = ""


def window_row(window: Window, t: Language, *, now: float) -> UpkeepRow:
    """Return a maintenance as a row."""
    about = tuple(_scope(kind, ", ".join(names), t) for kind, names in window.scope.items())
    running = window.begins <= now < window.ends
    return UpkeepRow(
        id="" if window.in_site_file else window.id,
        about=about or (t("upkeep.whole"),),
        now=running,
        word=t("upkeep.now" if running else "upkeep.later"),
        when=_when(window.begins, window.ends, t, now, running=running),
        when_iso=_iso(window.begins, window.ends, t),
        by=t("upkeep.site_file") if window.in_site_file else window.by,
        reason=window.reason,
        every=window.every,
    )


def _scope(kind: str, names: str, t: Language) -> str:
    key = f"upkeep.of_{kind}"
    return t(key, names=names) if t.has(key) else f"{kind} {names}"


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


def _when(begins: float, ends: float, t: Language, now: float, *, running: bool) -> str:
    """Return from when to when; of what holds now only its end, and how long that is."""
    if running:
        return t("upkeep.until", at=t.moment(ends, now=now), duration=t.duration(ends - now))
    return t("upkeep.from_to", begin=t.moment(begins, now=now), end=t.moment(ends, now=now))


def _iso(begins: float, ends: float, t: Language) -> str:
    return f"{t.iso(begins)} – {t.iso(ends)}"
