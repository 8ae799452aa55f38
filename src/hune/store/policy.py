"""How long, and how finely, metrics are kept: plain data that travels as JSON."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Policy:
    """What is done to metrics whose whole name matches: they are dropped after days, thinned after days."""

    match: str
    retention_days: int | None = None
    thin_after_days: int | None = None
    thin_every_seconds: int = 0

    @classmethod
    def from_raw(cls, raw: Mapping[str, Any]) -> Policy:
        return cls(**raw)


def divide(metrics: Iterable[str], policies: Sequence[Policy]) -> list[tuple[Policy, list[str]]]:
    """Return each policy with its metrics: those that match it and none before."""
    patterns = [re.compile(policy.match) for policy in policies]
    found: list[tuple[Policy, list[str]]] = [(policy, []) for policy in policies]
    for metric in metrics:
        place = next((place for place, pattern in enumerate(patterns) if pattern.fullmatch(metric)), None)
        if place is not None:
            found[place][1].append(metric)
    return found
