"""Which alerts Alertmanager's silences hold, judged as Alertmanager does.

A label that an alert doesn't have is empty; an expression of RE2 must match the whole value.
Source: https://prometheus.io/docs/alerting/latest/configuration/#matcher
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from hune.alerting.holds import Hold, HoldKind, Labels
from hune.promapi.alertmanager import Silence, SilenceMatcher

log = logging.getLogger(__name__)


def holds_of(silences: Iterable[Silence], labels: Labels) -> tuple[Hold, ...]:
    """Return which of the silences that are in force hold an alert."""
    return tuple(
        Hold(HoldKind.SILENCE, one.id, one.ends_at, one.by, one.reason)
        for one in silences
        if matches(one.matchers, labels)
    )


def matches(matchers: Iterable[SilenceMatcher], labels: Labels) -> bool:
    """Whether all matchers hold for these labels."""
    return all(_matches(one, labels) for one in matchers)


def next_change(silences: Iterable[Silence], *, now: float) -> float | None:
    """Return when the next silence begins or ends."""
    return min((moment for one in silences for moment in (one.starts_at, one.ends_at) if moment > now), default=None)


def exactly(labels: Labels) -> list[SilenceMatcher]:
    """Return matchers for one alert: each of its labels equals what it is."""
    return [SilenceMatcher(name, text) for name, text in sorted(labels.items()) if text]


def _matches(matcher: SilenceMatcher, labels: Mapping[str, str]) -> bool:
    text = labels.get(matcher.name, "")
    if not matcher.is_regex:
        return (text == matcher.value) is matcher.is_equal
    expression = _compiled(matcher.value)
    return expression is not None and (expression.fullmatch(text) is not None) is matcher.is_equal


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    # Only few silences have expressions: the library is loaded by the first.
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        log.warning("a silence's expression can't be read, so it holds nothing: %s", error)
        return None
