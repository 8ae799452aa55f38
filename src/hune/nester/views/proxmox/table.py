"""Tables of things: what stands in a cell, as one template prints them all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hune.nester.drawing import Scale
from hune.nester.judge import ORDER, State, worst

_RATIOS = Scale(0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a cell. A state beyond `up` gives it a shape and a colour, and `word` for those who listen."""

    text: str
    state: State = "up"
    word: str = ""
    title: str = ""
    number: bool = False
    fill: str = ""
    tick: str = ""
    href: str = ""
    dim: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One thing; the first cell is its name."""

    cells: tuple[Cell, ...]

    @property
    def state(self) -> State:
        return worst(cell.state for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Column:
    """The head of a column."""

    text: str
    number: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Things of one kind. `note` is said above: what could not be read; `none` where there is nothing."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    more: tuple[Row, ...]
    """Those that are behind a fold: nothing is wrong with them."""
    fold: str
    summary: str = ""
    note: str = ""
    none: str = ""


SHOWN_ROWS = 12


def folded(rows: Iterable[Row]) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """Return the rows to show, worst first, and those to fold away when they are many: none that is wrong."""
    ordered = sorted(rows, key=lambda row: ORDER.index(row.state))
    wrong = sum(1 for row in ordered if row.state != "up")
    shown = len(ordered) if len(ordered) <= SHOWN_ROWS else max(wrong, SHOWN_ROWS // 2)
    return tuple(ordered[:shown]), tuple(ordered[shown:])


def bar(text: str, ratio: float, limit: float | None = None, *, state: State = "up", word: str = "") -> Cell:
    """Return a share as a number with a bar."""
    tick = "" if limit is None else _RATIOS.percent(limit)
    return Cell(text, state, word, number=True, fill=_RATIOS.percent(ratio), tick=tick)


def columns(*heads: str, numbers: Sequence[int] = ()) -> tuple[Column, ...]:
    """Return the heads of columns; `numbers` are the places of those whose cells are numbers."""
    return tuple(Column(text, place in numbers) for place, text in enumerate(heads))
