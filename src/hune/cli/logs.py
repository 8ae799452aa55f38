"""`hune logs`: what the processes say."""

from __future__ import annotations

from typing import Annotated

import typer

from hune.cli import show
from hune.cli.options import DataDir, Json, layout_of
from hune.core.errors import InputError
from hune.core.logs import visible


def command(
    names: Annotated[list[str] | None, typer.Argument(help="conductor, services, prometheus …; all by default")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep printing what comes.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, max=100_000, help="How many lines of each.")] = 20,
    data_dir: DataDir = None,
    json_output: Json = False,
) -> None:
    """Print the logs of the processes."""
    import json

    from hune.stack import logfiles

    layout = layout_of(data_dir)
    known = {path.stem: path for path in sorted(layout.logs.glob("*.log"))}
    wanted = names or list(known)
    for name in wanted:
        if name not in known:
            raise InputError(f"{name}: no such log", remedy=f"there are: {', '.join(known) or 'none yet; hune up'}")
    positions = {}
    width = max(map(len, wanted), default=0)

    def tell(name: str, line: str) -> None:
        if json_output:
            print(json.dumps({"name": name, "line": line}), flush=True)
        elif len(wanted) == 1:
            print(visible(line), flush=True)
        else:
            print(f"{name:<{width}} │ {visible(line)}", flush=True)

    for name in wanted:
        last, positions[name] = logfiles.tail(known[name], lines)
        for line in last:
            tell(name, line)
    if not known and not json_output:
        show.line("no logs yet: hune up")
    if follow:
        try:
            for name, line in logfiles.follow({name: known[name] for name in wanted}, positions=positions):
                tell(name, line)
        except KeyboardInterrupt:
            raise typer.Exit from None
