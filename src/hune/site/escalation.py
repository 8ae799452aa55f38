"""Who is told beside the receivers of a route when nobody looks after an alert, and when."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, Field

from hune.site.base import Model
from hune.site.values import Duration, Name, seconds_of

_SHORTEST_REMINDER_SECONDS = 300
_LONGEST_SECONDS = 30 * 86400
_MOST_STEPS = 10


def _delay(value: str) -> str:
    if not 1 <= seconds_of(value) <= _LONGEST_SECONDS:
        raise ValueError("not between 1s and 30d; give a time after which somebody else is told: 10m")
    return value


def _interval(value: str) -> str:
    if not _SHORTEST_REMINDER_SECONDS <= seconds_of(value) <= _LONGEST_SECONDS:
        raise ValueError("not between 5m and 30d; give the time from one reminder to the next: 4h")
    return value


RemindInterval = Annotated[Duration, AfterValidator(_interval)]


class EscalationStep(Model):
    """Who is told when nobody has looked after an alert for so long."""

    after: Annotated[Duration, AfterValidator(_delay)] = Field(
        description="how long nobody has looked after it: 10m; each step later than the one before"
    )
    receivers: list[Name] = Field(min_length=1, description="names of receivers of this site")


def _ascending(steps: list[EscalationStep]) -> list[EscalationStep]:
    for earlier, later in pairwise(steps):
        if seconds_of(later.after) <= seconds_of(earlier.after):
            raise ValueError(
                f"{later.after} does not come after {earlier.after}; write the steps in order, each later than before"
            )
    return steps


Escalation = Annotated[list[EscalationStep], Field(max_length=_MOST_STEPS), AfterValidator(_ascending)]
