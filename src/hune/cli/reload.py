"""`hune reload`: apply the site file as it is now."""

from __future__ import annotations

from hune.cli import show
from hune.cli.options import DataDir, Json, layout_of
from hune.core.errors import HuneError


def command(data_dir: DataDir = None, json_output: Json = False) -> None:
    """Apply the site file to the running stack; a change that is refused leaves everything as it was."""
    from hune.http.control import call

    status, answer = call(layout_of(data_dir).socket, "POST", "/reload", timeout_seconds=900.0)
    if status != 200:
        raise HuneError(answer["detail"])
    if json_output:
        show.as_json(answer)
        return
    changes = {what: names for what, names in answer.items() if what != "notes" and names}
    for what, names in changes.items():
        show.line(f"{what}: {', '.join(names)}")
    for note in answer["notes"]:
        show.line(f"[dim]{show.escape(note)}[/]")
    if not changes:
        show.line("nothing had to change")
