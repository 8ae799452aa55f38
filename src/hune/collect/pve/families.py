"""Metric families, and what a collection yields of them; written in Prometheus' text format."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Family:
    """A metric: its name, type, meaning and labels; where it comes from and which privilege that needs.

    `name` is the full name as it is scraped, with `_total` on counters and `_info` on facts. `source` is the API path
    (`/nodes/{node}/disks/list`), `privilege` what reading it takes (`Sys.Audit on /`).
    """

    name: str
    kind: Literal["gauge", "counter"]
    help: str
    labels: tuple[str, ...]
    source: str
    privilege: str = ""


class Exposition:
    """Samples by family, in the order in which families first appear."""

    def __init__(self) -> None:
        self._lines: dict[Family, list[str]] = {}

    def add(self, family: Family, value: float, *labels: object) -> None:
        """Add a sample; `labels` are the values of the family's labels, in order."""
        assert len(labels) == len(family.labels), family
        pairs = ",".join(f'{name}="{escape(str(text))}"' for name, text in zip(family.labels, labels, strict=True))
        self._lines.setdefault(family, []).append(f"{family.name}{{{pairs}}} {number(value)}")

    def extend(self, other: Exposition) -> None:
        """Take over all samples of another one."""
        for family, lines in other._lines.items():
            self._lines.setdefault(family, []).extend(lines)

    def chunks(self) -> Iterable[str]:
        """Return the text, family by family."""
        for family, lines in self._lines.items():
            # In the text format HELP and TYPE of a counter carry its full name.
            yield f"# HELP {family.name} {_escape_help(family.help)}\n# TYPE {family.name} {family.kind}\n"
            lines.append("")
            yield "\n".join(lines)
            lines.pop()


def number(value: float) -> str:
    """Return a number as Prometheus reads it, whole ones without a fraction."""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int):
        return str(value)
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def escape(text: str) -> str:
    """Return a label's value as the text format wants it."""
    if "\\" in text or '"' in text or "\n" in text:
        return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return text


def _escape_help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")
