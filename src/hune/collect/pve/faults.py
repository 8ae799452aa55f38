"""What kept collectors from reading everything, in few words: whether to grant, to wait or to look follows from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from hune.pve.errors import BadAnswer, Forbidden, LoginRefused, NotThere, OverBudget, PveError, TimedOut, Unreachable

_KINDS: tuple[tuple[type[PveError], str], ...] = (
    (Forbidden, "forbidden"),
    (LoginRefused, "login-refused"),
    (NotThere, "not-there"),
    (OverBudget, "over-budget"),
    (TimedOut, "timed-out"),
    (Unreachable, "unreachable"),
    (BadAnswer, "bad-answer"),
)
KINDS = (*(name for _, name in _KINDS), "failed")

Fault = tuple[str, str, str]
"""Kind, privilege (several are alternatives, joined by `|`), the first step of its ACL path."""


def summarise(problems: Iterable[PveError]) -> Counter[Fault]:
    """Count problems by kind and by what is missing; a thousand guests that may not be seen are one row."""
    return Counter(_fault(problem) for problem in problems)


def _fault(problem: PveError) -> Fault:
    kind = next((name for cause, name in _KINDS if isinstance(problem, cause)), "failed")
    if not isinstance(problem, Forbidden):
        return kind, "", ""
    steps = [step for step in problem.acl_path.split("/") if step]
    path = "/" + "".join(steps[:1]) if problem.acl_path else ""
    return kind, "|".join(problem.privileges), path
