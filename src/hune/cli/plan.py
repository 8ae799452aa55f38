"""`hune plan`: what `hune up` or `hune reload` would change."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from hune.cli import show
from hune.cli.options import DataDir, Json, SiteFile, layout_of


def command(
    site: SiteFile = None,
    data_dir: DataDir = None,
    port: Annotated[list[str], typer.Option("--port", metavar="NAME=N", help="Another port: prometheus=19090.")] = [],  # noqa: B006
    auto_ports: Annotated[bool, typer.Option("--auto-ports", help="Choose free ports.")] = False,
    json_output: Json = False,
) -> None:
    """Show, as a diff, what would change; nothing is changed, but engines that are missing are fetched."""
    import json

    from hune.core.errors import Unavailable
    from hune.http.control import call
    from hune.site.load import find
    from hune.stack.apply import check_files, differences
    from hune.stack.model import Plan
    from hune.stack.ports import parse_overrides
    from hune.stack.prepare import Request, prepare

    layout = layout_of(data_dir)
    found = find(site, os.environ, Path.cwd())
    try:
        call(layout.socket, "GET", "/status")
        running = True
    except Unavailable:
        running = False
    request = Request(
        data_dir=str(layout.root),
        site_file=str(found.absolute()) if found else "",
        ports=parse_overrides(port),
        auto_ports=auto_ports,
        running=running,
    )
    wanted = prepare(request, os.environ, lambda text: typer.echo(text, err=True))
    check_files(wanted, layout)
    record = layout.run / "plan.json"
    before = Plan.from_json(record.read_text()) if record.exists() else None
    lines = list(differences(before, wanted))
    if json_output:
        show.as_json({"changes": lines, "plan": json.loads(wanted.to_json())})
        return
    for line in lines:
        colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "default")
        show.line(f"[{colour}]{show.escape(line)}[/]")
    for note in wanted.notes:
        show.line(f"[dim]{show.escape(note)}[/]")
    if not lines:
        show.line("nothing would change")
    else:
        show.line("[dim]apply it with: hune reload[/]" if running else "[dim]start it with: hune up[/]")
