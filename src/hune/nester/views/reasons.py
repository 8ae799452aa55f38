"""Why an alert is told, or isn't: question by question, as the hub answers it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hune.nester.judge import State

_STATES: Mapping[str, State] = {
    "fine": "up",
    "attention": "warning",
    "wrong": "critical",
    "unknown": "unknown",
    "neutral": "up",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """One question, its answer, and what there is to add."""

    question: str
    answer: str
    detail: str
    state: State


def reasons(answer: Mapping[str, Any]) -> list[Reason]:
    """Return the findings of the hub; what isn't one is left out."""
    rows = answer.get("findings")
    return [
        Reason(
            question=str(row.get("question") or row.get("topic") or ""),
            answer=str(row.get("answer") or ""),
            detail=str(row.get("detail") or ""),
            state=_STATES.get(str(row.get("state")), "up"),
        )
        for row in (rows if isinstance(rows, list) else ())
        if isinstance(row, dict)
    ]
