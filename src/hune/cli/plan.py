"""`hune plan`: what `hune up` or `hune reload` would change."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from hune.cli import show
from hune.cli.options import DataDir, Json, RunningSite, layout_of, site_file_of


def command(
    site: RunningSite = None,
    data_dir: DataDir = None,
    port: Annotated[list[str], typer.Option("--port", metavar="NAME=N", help="Another port: prometheus=19090.")] = [],  # noqa: B006
    auto_ports: Annotated[bool, typer.Option("--auto-ports", help="Choose free ports.")] = False,
    json_output: Json = False,
) -> None:
    """Show, as a diff, what would change; nothing is changed, but engines that are missing are fetched."""
    import json

    from hune.core.errors import Unavailable
    from hune.http.control import call
    from hune.stack.apply import check_files, differences
    from hune.stack.model import Plan
    from hune.stack.ports import parse_overrides
    from hune.stack.prepare import Request, prepare

    layout = layout_of(data_dir)
    try:
        _, running = call(layout.socket, "GET", "/status")
    except Unavailable:
        running = None
    # What runs was asked for with its own ports; a reload keeps them.
    asked = (running or {}).get("request", {})
    request = Request(
        data_dir=str(layout.root),
        site_file=str(site_file_of(site, running) or ""),
        ports={**asked.get("ports", {}), **parse_overrides(port)},
        auto_ports=auto_ports or asked.get("auto_ports", False),
        running=bool(running),
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
        chosen = f" --site {show.escape(str(site))}" if site else ""
        show.line(f"[dim]{'apply it with: hune reload' if running else 'start it with: hune up'}{chosen}[/]")
