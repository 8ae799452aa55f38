"""`hune engines`: which engines are used, and newer ones."""

from __future__ import annotations

from typing import Any

import typer

from hune.cli import show
from hune.cli.options import DataDir, Json, layout_of

app = typer.Typer(help="Which engines are used; fetch newer ones.", invoke_without_command=True)


@app.callback()
def listing(context: typer.Context, data_dir: DataDir = None, json_output: Json = False) -> None:
    """Show every engine: its program, its version, where it comes from."""
    if context.invoked_subcommand:
        return
    rows = _rows(layout_of(data_dir))
    if json_output:
        show.as_json(rows)
    else:
        show.table(
            ("engine", "version", "fetched versions", "program"),
            [(row["name"], row["version"], ", ".join(row["fetched"]) or "–", row["program"]) for row in rows],
        )


def _rows(layout: Any) -> list[dict[str, Any]]:
    from hune.site.models import Site
    from hune.stack.engines import ENGINES
    from hune.stack.fetch import fetched_versions, find_engine

    site = Site()
    if layout.site_json.exists():
        site = Site.model_validate_json(layout.site_json.read_text())
    rows = []
    for name in filter(site.wants, ENGINES):
        binary = find_engine(site, layout, name)
        rows.append(
            {
                "name": name,
                "version": binary.version_text if binary else "–",
                "program": str(binary.path) if binary else "not here yet; hune up fetches it",
                "fetched": fetched_versions(layout, name),
            }
        )
    return rows


@app.command()
def upgrade(data_dir: DataDir = None, json_output: Json = False) -> None:
    """Fetch the newest engines beside the present ones, check, switch; return to the present ones on failure."""
    from hune.stack.upgrade import upgrade as run_upgrade

    outcome = run_upgrade(layout_of(data_dir), lambda text: typer.echo(text, err=True))
    if json_output:
        show.as_json(outcome)
        return
    show.table(
        ("engine", "before", "now", "outcome"),
        [(row["name"], row["before"], row["now"], row["outcome"]) for row in outcome],
    )
