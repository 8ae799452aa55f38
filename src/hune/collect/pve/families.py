"""Metric families, and what a collection yields of them; written in Prometheus' text format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal


@dataclass(frozen=True, eq=False)
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

    @cached_property
    def header(self) -> str:
        """The lines before the samples; those of a counter carry its full name in the text format."""
        text = self.help.replace("\\", "\\\\").replace("\n", "\\n")
        return f"# HELP {self.name} {text}\n# TYPE {self.name} {self.kind}\n"

    @cached_property
    def line(self) -> str:
        """A sample's line with a `%s` for the value of each label and one for its own."""
        pairs = ",".join(f'{name}="%s"' for name in self.labels)
        return f"{self.name}{{{pairs}}} %s\n" if pairs else f"{self.name} %s\n"


class Exposition:
    """Samples by family, in the order in which families first appear."""

    def __init__(self) -> None:
        self._texts: dict[Family, list[str]] = {}

    def add(self, family: Family, value: float, *labels: object) -> None:
        """Add a sample; `labels` are the values of the family's labels, in order."""
        assert len(labels) == len(family.labels), family
        texts = self._texts.get(family)
        if texts is None:
            texts = self._texts[family] = []
        texts.append(family.line % (*[escape(str(label)) for label in labels], number(value)))

    def write(self, family: Family, text: str) -> None:
        """Add samples that are text already, each line with its end; without any the family is still declared."""
        texts = self._texts.setdefault(family, [])
        if text:
            texts.append(text)

    def extend(self, other: Exposition) -> None:
        """Take over all samples of another one."""
        for family, texts in other._texts.items():
            self._texts.setdefault(family, []).extend(texts)

    @property
    def has_samples(self) -> bool:
        return any(self._texts.values())

    def chunks(self) -> Iterator[bytes]:
        """Return the text, family by family. What can't be written as UTF-8 doesn't spoil the rest."""
        for family, texts in self._texts.items():
            yield (family.header + "".join(texts)).encode("utf-8", "replace")


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
