"""What is known of one rule and one thing at a moment: gathered in `asking`, put into words in `explaining`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from hune.alerting.holds import Hold, Labels
from hune.alerting.state.episode import Care, Delivery, Episode
from hune.site.origin import Level


@dataclass(frozen=True, slots=True)
class Limit:
    """What a value is compared with, in the alert's unit; `origin` says who set it."""

    value: float
    sign: Literal[">", ">=", "<"]
    unit: str
    origin: Level | Literal["chip", "link", "thing", "fixed"]
    place: str = ""
    """The name of the group, cluster, node or chip that set it."""
    clear: float | None = None
    """The value past which it is over, where that is another one."""

    def is_crossed(self, value: float) -> bool:
        """Whether a value is beyond it."""
        return {">": value > self.value, ">=": value >= self.value, "<": value < self.value}[self.sign]


@dataclass(frozen=True, slots=True)
class Measured:
    """What is measured of the thing now; ages in seconds, None where nothing was ever measured."""

    value: float | None = None
    age: float | None = None
    remembered: float | None = None
    """The last value that was measured, while there is none now."""
    is_wrong: bool | None = None
    """Whether it is among what is wrong now; None if the rule knows no such thing, or nothing was read."""
    unread: tuple[str, ...] = ()
    """Collectors that would have to read it, and didn't."""
    is_absent: bool = False
    """Whether everything of its kind was read, and it wasn't there."""
    reasons: tuple[str, ...] = ()
    """Keys of words: why the rule leaves it out."""
    problem: str = ""
    """Why Prometheus can't be asked."""


@dataclass(frozen=True, slots=True)
class RuleState:
    """What Prometheus makes of the rule; `absent`: it has no such rule; `own`: it needs none, the hub itself tells."""

    state: Literal["inactive", "pending", "firing", "absent", "own"]
    active_at: float | None = None
    hold_seconds: float = 0.0
    evaluated_at: float | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """A receiver that hears of the alert, by the route (`severity=critical`) that says so; empty: of everything."""

    receiver: str
    route: str
    due_at: float = 0.0
    """Not before this moment: until then it is outside the receiver's hours."""


@dataclass(frozen=True)
class Facts:
    """All of it."""

    now: float
    name: str
    title: str
    what: str
    """What the alert says about itself, if that can be said before it fires."""
    labels: Labels
    is_watched: bool
    is_found: bool = True
    """Whether there is such a thing: on the machine that is named the rule finds none that it could judge."""
    others: tuple[str, ...] = ()
    """Other things that the question may have meant."""
    there: tuple[str, ...] = ()
    """Of a thing that isn't watched: those that are."""
    limit: Limit | None = None
    measured: Measured = field(default_factory=Measured)
    rule: RuleState | None = None
    explained_by: tuple[Labels, ...] = ()
    """Alerts that inhibit it."""
    holds: tuple[Hold, ...] = ()
    """Silences and maintenance that hold it now, or would."""
    alertmanager_problem: str = ""
    receivers: tuple[Told, ...] = ()
    episode: Episode | None = None
    deliveries: tuple[Delivery, ...] = ()
    care: Care | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One answer; `state` is one of `fine`, `attention`, `wrong`, `unknown`, `neutral`."""

    topic: str
    question: str
    answer: str
    state: str
    detail: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "topic": self.topic,
            "question": self.question,
            "answer": self.answer,
            "state": self.state,
            "detail": self.detail,
        }
