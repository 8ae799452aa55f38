"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hune.core.layout import Layout, data_root

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Where Hune keeps everything; else HUNE_DATA_DIR, else ~/.local/share/hune."),
]
SiteFile = Annotated[
    Path | None, typer.Option("--site", help="The site file; else HUNE_SITE, else ./site.yaml, else this machine.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def layout_of(data_dir: Path | None) -> Layout:
    """Return the layout of the data directory that was meant."""
    return Layout(data_root(data_dir))
