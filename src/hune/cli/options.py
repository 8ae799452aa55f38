"""Options that several commands share."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from hune.core.layout import Layout, data_root

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Where Hune keeps everything; else HUNE_DATA_DIR, else ~/.local/share/hune."),
]
SiteFile = Annotated[
    Path | None, typer.Option("--site", help="The site file; else HUNE_SITE, else ./site.yaml, else this machine.")
]
RunningSite = Annotated[
    Path | None,
    typer.Option("--site", help="The site file; else the one that Hune runs with, else HUNE_SITE, else ./site.yaml."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def site_file_of(given: Path | None, running: Mapping[str, Any] | None) -> Path | None:
    """Return the site file that is meant: `--site`, else the running stack's own; None means this machine.

    A stack that was started without one takes up the one that was written since.
    """
    from hune.site.load import find

    if given is None and (reads := (running or {}).get("request", {}).get("site_file")):
        return Path(reads)
    found = find(given, os.environ, Path.cwd())
    return found.absolute() if found else None


def lasting_seconds(duration: str, *, most_days: int) -> float:
    """Return the seconds of a duration as people write it. Raises InputError for what is none, or too long."""
    from hune.core.errors import InputError
    from hune.site.values import DURATION_PATTERN, seconds_of

    if not re.fullmatch(DURATION_PATTERN, duration):
        raise InputError(f"{duration!r}: not a duration", remedy="write a number and s, m, h, d or w: 2h")
    seconds = float(seconds_of(duration))
    if not 1 <= seconds <= most_days * 86400:
        raise InputError(f"{duration}: too {'long' if seconds else 'short'}", remedy=f"give 1s to {most_days}d")
    return seconds


def layout_of(data_dir: Path | None) -> Layout:
    """Return the layout of the data directory that was meant."""
    return Layout(data_root(data_dir))


def number(text: str) -> int:
    """Return the number of an alert or of a letter; as a parser of an argument."""
    if not re.fullmatch(r"[1-9][0-9]{0,15}", text):
        raise typer.BadParameter(f"{text!r} is not a number as the lists show them: 17")
    return int(text)
