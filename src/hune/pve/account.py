"""Counts what is asked of a cluster, and the time it takes, by kind of question; plain numbers for who shows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from hune.pve.errors import (
    BadAnswer,
    Failed,
    Forbidden,
    LoginRefused,
    NotThere,
    OverBudget,
    PveError,
    TimedOut,
    Unreachable,
)

Outcome = Literal[
    "ok",
    "bad_answer",
    "cancelled",
    "failed",
    "forbidden",
    "login_refused",
    "not_there",
    "over_budget",
    "timed_out",
    "unreachable",
]

_NOT_MADE: Outcome = "over_budget"

_OUTCOMES: tuple[tuple[type[PveError], Outcome], ...] = (
    (Unreachable, "unreachable"),
    (TimedOut, "timed_out"),
    (Failed, "failed"),
    (BadAnswer, "bad_answer"),
    (OverBudget, _NOT_MADE),
    (LoginRefused, "login_refused"),
    (Forbidden, "forbidden"),
    (NotThere, "not_there"),
)

# A segment of a path → what the segment after it is the name of.
_NAMED_BY = {
    "backup": "{id}",
    "content": "{volume}",
    "groups": "{group}",
    "lxc": "{vmid}",
    "network": "{iface}",
    "nodes": "{node}",
    "osd": "{osdid}",
    "pool": "{name}",
    "pools": "{poolid}",
    "qemu": "{vmid}",
    "replication": "{id}",
    "services": "{service}",
    "snapshot": "{snapname}",
    "storage": "{storage}",
    "tasks": "{upid}",
    "token": "{tokenid}",
    "users": "{userid}",
    "zfs": "{name}",
}
_MOST_KINDS = 400


def template(path: str) -> str:
    """Return a path with names replaced by what they are the names of: `/nodes/{node}/qemu/{vmid}/config`."""
    segments = path.partition("?")[0].split("/")
    is_name = False
    for index in range(1, len(segments)):
        # A node may be called `storage`: what is a name says nothing of what comes after it.
        name = None if is_name else _NAMED_BY.get(segments[index - 1])
        is_name = name is not None and segments[index] != ""
        if name and is_name:
            segments[index] = name
    return "/".join(segments)


def outcome_of(error: BaseException | None) -> Outcome:
    """Return how a call ended; anything that is no PveError ended it from outside."""
    if error is None:
        return "ok"
    return next((name for kind, name in _OUTCOMES if isinstance(error, kind)), "cancelled")


@dataclass
class Tally:
    """Calls of one kind that ended in one way, the seconds Proxmox took for them, and the bytes that came."""

    method: str
    path: str
    outcome: Outcome
    calls: int = 0
    seconds: float = 0.0
    answer_bytes: int = 0


@dataclass
class Account:
    """All calls of one client since it was made: one tally by method, path template and outcome.

    `over_budget` rows are calls that were not made.
    """

    _tallies: dict[tuple[str, str, str], Tally] = field(default_factory=dict)
    retries: int = 0
    """Calls that were made again, elsewhere or with a new ticket; each is counted as a call too."""
    logins: int = 0
    """Tickets fetched."""

    def count(self, method: str, path: str, error: BaseException | None, seconds: float, answer_bytes: int = 0) -> None:
        """Count a call that ended."""
        outcome, kind = outcome_of(error), template(path)
        key = (method, kind, outcome)
        if key not in self._tallies and len(self._tallies) >= _MOST_KINDS:
            # Whatever is asked, the series made of this stay few.
            kind, key = "other", (method, "other", outcome)
        tally = self._tallies.setdefault(key, Tally(method, kind, outcome))
        tally.calls += 1
        tally.seconds += seconds
        tally.answer_bytes += answer_bytes

    @property
    def tallies(self) -> list[Tally]:
        """Every tally, in the order in which its kind of call was first made."""
        return list(self._tallies.values())

    @property
    def made(self) -> list[Tally]:
        """The tallies of calls that were made: not those for which the budget had no room."""
        return [tally for tally in self.tallies if tally.outcome != _NOT_MADE]

    @property
    def not_made(self) -> int:
        """Calls for which the budget had no room."""
        return sum(tally.calls for tally in self.tallies if tally.outcome == _NOT_MADE)

    @property
    def calls(self) -> int:
        """Calls that were made."""
        return sum(tally.calls for tally in self.made)
