"""Which alerts Alertmanager's silences hold, judged as Alertmanager does.

A label that an alert doesn't have is empty; an expression of RE2 must match the whole value.
Source: https://prometheus.io/docs/alerting/latest/configuration/#matcher
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from hune.alerting.holds import Hold, HoldKind, Labels
from hune.promapi.alertmanager import Silence, SilenceMatcher

log = logging.getLogger(__name__)


class Index:
    """Silences by a label that each demands: of thousands only those are judged that may hold an alert."""

    def __init__(self, silences: Iterable[Silence]) -> None:
        demands = [(one, [(m.name, m.value) for m in one.matchers if _is_demand(m)]) for one in silences]
        times = Counter(label for _, labels in demands for label in labels)
        self._by_label: dict[tuple[str, str], list[Silence]] = {}
        self._others: list[Silence] = []
        for one, labels in demands:
            rarest = min(labels, key=times.__getitem__, default=None)
            (self._others if rarest is None else self._by_label.setdefault(rarest, [])).append(one)

    def holds_of(self, labels: Labels) -> tuple[Hold, ...]:
        """Return which of the silences hold an alert, those that end first before others."""
        found = [one for label in labels.items() for one in self._by_label.get(label, ())] + self._others
        return tuple(
            Hold(HoldKind.SILENCE, one.id, one.ends_at, one.by, one.reason)
            for one in sorted(found, key=lambda one: (one.ends_at, one.id))
            if matches(one.matchers, labels)
        )


def _is_demand(matcher: SilenceMatcher) -> bool:
    return matcher.is_equal and not matcher.is_regex and matcher.value != ""


def matches(matchers: Sequence[SilenceMatcher], labels: Labels) -> bool:
    """Whether all matchers hold for these labels; none at all hold nothing."""
    return bool(matchers) and all(_matches(one, labels) for one in matchers)


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


@lru_cache(maxsize=1024)
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
