"""`hune health`: does everything work?"""

from __future__ import annotations

import typer

from hune.cli import show
from hune.cli.options import DataDir, Json, layout_of
from hune.core.errors import Unavailable


def command(data_dir: DataDir = None, json_output: Json = False) -> None:
    """Check every service now; exit 0 if all work, 1 with the reason if one does not."""
    from hune.http.control import call

    try:
        _, report = call(layout_of(data_dir).socket, "GET", "/health", timeout_seconds=20.0)
    except Unavailable as error:
        if not json_output:
            raise
        report = {"healthy": False, "services": [], "detail": str(error)}
    if json_output:
        show.as_json(report)
    else:
        show.table(
            ("service", "state", "what was checked"),
            [
                (row["name"], show.state("healthy" if row["healthy"] else "unhealthy"), show.escape(row["detail"]))
                for row in report["services"]
            ],
        )
        for note in report["notes"]:
            show.line(f"[dim]{show.escape(note)}[/]")
    if not report["healthy"]:
        raise typer.Exit(1)
