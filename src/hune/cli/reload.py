"""`hune reload`: apply the site file as it is now."""

from __future__ import annotations

from hune.cli import show
from hune.cli.options import DataDir, Json, RunningSite, layout_of, site_file_of
from hune.core.errors import HuneError


def command(site: RunningSite = None, data_dir: DataDir = None, json_output: Json = False) -> None:
    """Apply the site file to the running stack; a change that is refused leaves everything as it was."""
    from hune.http.control import call

    socket = layout_of(data_dir).socket
    _, running = call(socket, "GET", "/status")
    site_file = site_file_of(site, running)
    body = {"site_file": str(site_file or "")}
    status, answer = call(socket, "POST", "/reload", body, timeout_seconds=900.0)
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
        show.line(f"nothing had to change: {show.escape(str(site_file or 'this machine, without a site file'))}")
