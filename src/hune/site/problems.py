"""What is wrong with a site file, told all at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from hune.core.errors import InputError
from hune.core.logs import redact

Location = tuple[str | int, ...]
"""Keys and indexes from the top of a site to one of its values: ("nodes", 2, "address")."""


@dataclass(frozen=True, order=True)
class Position:
    """A place in a file; line and column count from 1, and 0 where there is no text (a site found without a file)."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where, what, and what to do."""

    where: Position
    location: Location
    what: str
    remedy: str

    @property
    def path(self) -> str:
        """The location as people write it: `nodes[2].address`."""
        return format_location(self.location)

    def as_dict(self) -> dict[str, str | int]:
        """Return the problem as a JSON object."""
        at = self.where
        where: dict[str, str | int] = {"file": at.file, "line": at.line, "column": at.column}
        return {**where, "path": self.path, "what": self.what, "remedy": self.remedy}

    def __str__(self) -> str:
        parts = [str(self.where), self.path, f"{self.what}; {self.remedy}" if self.remedy else self.what]
        return ": ".join(part for part in parts if part)


class SiteErrors(InputError):
    """Everything that is wrong with a site file and its overlays, in the order of the text; one line each."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(set(problems), key=lambda problem: (problem.where, problem.path, problem.what)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def format_location(location: Location) -> str:
    """Return `nodes[2].address` of ("nodes", 2, "address")."""
    text = ""
    for step in location:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{shown(step)}" if text else shown(step)
    return text


_PLAIN = re.compile(r"[\w.:/@!*+-]{1,24}")


def shown(text: str) -> str:
    """Return a key or value fit to be repeated in an error: short, printable, and never what could be a secret."""
    if _PLAIN.fullmatch(text):
        return redact(text)
    return "…"
