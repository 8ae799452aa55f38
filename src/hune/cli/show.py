"""How the command line looks: the shapes and words of the pages, aligned, coloured where the terminal can."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

from hune.core.logs import visible

SHAPES = {
    "healthy": ("●", "green"),
    "up": ("●", "green"),
    "ready": ("●", "green"),
    "warning": ("▲", "yellow"),
    "starting": ("▲", "yellow"),
    "waiting": ("▲", "yellow"),
    "restarting": ("▲", "yellow"),
    "unhealthy": ("■", "magenta"),
    "down": ("■", "magenta"),
    "given up": ("■", "magenta"),
    "unknown": ("?", "cyan"),
}


_READABLE_COLUMNS = 40
"""A last column of prose narrower than this is a tower of words."""


def state(word: str) -> str:
    """Return a state as shape and word, in Rich's markup."""
    shape, colour = SHAPES.get(word, ("○", "default"))
    return f"[{colour}]{shape} {word}[/]"


def age(since: float, *, now: float | None = None) -> str:
    """Return how long ago a moment was, in its two largest units: `2 min 5 s`, `3 d 4 h`."""
    seconds = max(0, round((time.time() if now is None else now) - since))
    for size, unit, smaller, small_unit in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= size:
            rest = seconds % size // smaller
            return f"{seconds // size} {unit}" + (f" {rest} {small_unit}" if rest else "")
    return f"{seconds} s"


def moment(seconds: float) -> str:
    """Return a moment by this machine's clock: `2026-12-01 22:00`."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows under columns; in a narrow terminal the last column goes below its row, and nothing is cut apart.

    What isn't a terminal gets a line a row, for `grep` and its like.
    """
    from rich.padding import Padding
    from rich.table import Table

    console, rows = _console(), list(rows)
    widths = [max(map(_width, cells)) for cells in zip(columns, *rows, strict=True)]
    if not console.is_terminal and "COLUMNS" not in os.environ:
        line(f"[dim]{_joined(columns, widths)}[/]")
        for row in rows:
            line(_joined(row, widths))
        return
    before = sum(widths[:-1]) + 2 * (len(widths) - 1)
    if before + min(widths[-1], _READABLE_COLUMNS) > console.width:
        # Where even the other columns are too wide, aligning them would only break them at another place.
        padded = widths[:-1] if before <= console.width else [0] * (len(widths) - 1)
        line(f"[dim]{_joined(columns[:-1], padded)}[/]")
        for row in rows:
            line(_joined(row[:-1], padded))
            if " " in row[-1]:
                console.print(Padding(row[-1], (0, 0, 0, 4)))
            elif row[-1]:
                line(f"    {row[-1]}")
        return
    grid = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns:
        grid.add_column(column, overflow="fold")
    for row in rows:
        grid.add_row(*row)
    console.print(grid)


def pairs(rows: Iterable[tuple[str, str, str]]) -> None:
    """Print questions and answers side by side, what is said further below each answer."""
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for question, answer, further in rows:
        grid.add_row(question, f"{answer}\n[dim]{further}[/]" if further else answer)
    _console().print(grid)


def _console(*, soft_wrap: bool = False) -> Console:
    from rich.console import Console

    # No emoji: in a certificate's fingerprint `:CD:` is not a disc.
    return Console(highlight=False, emoji=False, soft_wrap=soft_wrap)


def _width(cell: str) -> int:
    from rich.text import Text

    return Text.from_markup(cell, emoji=False).cell_len


def _joined(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell + " " * (width - _width(cell)) for cell, width in zip(cells, widths, strict=True) if cell or width)
    return "  ".join(padded).rstrip()


def line(text: str) -> None:
    """Print one line of Rich's markup."""
    _console(soft_wrap=True).print(text)


def as_json(document: Mapping[str, Any] | Sequence[Any]) -> None:
    """Print a document as JSON."""
    print(json.dumps(document, indent=2))


def escape(text: str) -> str:
    """Return text so that Rich shows it as it is, and the terminal does nothing else."""
    from rich.markup import escape as rich_escape

    return rich_escape(visible(text))
