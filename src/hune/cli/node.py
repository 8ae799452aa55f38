"""`hune node`: look at a machine that is watched."""

from __future__ import annotations

import typer

app = typer.Typer(help="Look at the machines that are watched.", no_args_is_help=True)


@app.callback()
def root() -> None:
    """Look at the machines that are watched."""
