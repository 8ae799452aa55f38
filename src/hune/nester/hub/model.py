"""What the hub tells beside its alerts: their history, who is told when, and what is held.

Times are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hune.nester.snapshot import Alert, is_plausible


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to an alert; `kind` is a word of the hub's history, `detail` what it adds."""

    at: float
    kind: str
    receiver: str = ""
    by: str = ""
    detail: tuple[tuple[str, Any], ...] = ()

    def said(self, name: str) -> str:
        """Return a detail as a text, empty if there is none."""
        value = dict(self.detail).get(name)
        return value if isinstance(value, str) else ""

    def number(self, name: str) -> float | None:
        """Return a detail as a number, None if there is none that can have been measured."""
        value = dict(self.detail).get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return float(value) if is_plausible(value) else None


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an escalation: who is told, when it is due, and when it was done."""

    number: int
    receivers: tuple[str, ...]
    due_at: float | None
    done_at: float | None


@dataclass(frozen=True, slots=True)
class Dossier:
    """Everything that the hub knows about one alert."""

    alert: Alert
    events: tuple[Event, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Matcher:
    """A label and what it must be, or must not."""

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True

    @property
    def text(self) -> str:
        """`node=pve-01`, as people write it."""
        sign = {(True, False): "=", (False, False): "!=", (True, True): "=~", (False, True): "!~"}
        return f"{self.name}{sign[self.is_equal, self.is_regex]}{self.value}"


@dataclass(frozen=True, slots=True)
class Silence:
    """A silence of Alertmanager."""

    id: str
    matchers: tuple[Matcher, ...]
    begins: float
    ends: float
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Window:
    """A maintenance: of the site file, where it comes back `every` so often, or declared by somebody."""

    id: str
    scope: Mapping[str, tuple[str, ...]]
    begins: float
    ends: float
    by: str = ""
    reason: str = ""
    every: str = ""
    in_site_file: bool = False


@dataclass(frozen=True, slots=True)
class Mandate:
    """What the bearer of a key may do: everything, or look after one alert."""

    episode: str = ""
    expires: float | None = None

    def covers(self, alert_id: str) -> bool:
        """Whether it permits to look after an alert."""
        return self.episode in ("", alert_id)

    @property
    def is_whole(self) -> bool:
        """Whether it permits everything."""
        return not self.episode
