"""`hune clean`: remove what Hune keeps."""

from __future__ import annotations

import shutil
from typing import Annotated

import typer

from hune.cli import show
from hune.cli.options import DataDir, Json, layout_of
from hune.core.errors import InputError, Unavailable

PARTS = ("config", "config.next", "data", "engines", "keys", "lab", "logs", "overlays", "run")


def command(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    keep_engines: Annotated[bool, typer.Option("--keep-engines", help="Keep the fetched engines.")] = False,
    data_dir: DataDir = None,
    json_output: Json = False,
) -> None:
    """Remove the data directory: history, alerts, logs, engines. Asks first; nothing else is touched."""
    from hune.http.control import call

    layout = layout_of(data_dir)
    try:
        call(layout.socket, "GET", "/status")
    except Unavailable:
        pass
    else:
        raise InputError("Hune is running there", remedy="stop it first: hune down")
    parts = [layout.root / part for part in PARTS if not (keep_engines and part == "engines")]
    found = [part for part in parts if part.exists()]
    if not found:
        removed: list[str] = []
    else:
        if not yes:
            if json_output:
                raise InputError("clean asks before it removes anything", remedy="with --json say --yes")
            typer.confirm(f"Remove {', '.join(part.name for part in found)} in {layout.root} for good?", abort=True)
        for part in found:
            shutil.rmtree(part)
        removed = [part.name for part in found]
        if layout.root.exists() and not any(layout.root.iterdir()):
            layout.root.rmdir()
    if json_output:
        show.as_json({"removed": removed})
    else:
        show.line(f"removed {', '.join(removed)}" if removed else "there was nothing to remove")
