"""`hune status`: what runs, and whether it works."""

from __future__ import annotations

from hune.cli import show
from hune.cli.options import DataDir, Json, layout_of


def command(data_dir: DataDir = None, json_output: Json = False) -> None:
    """Show every service, whether it works, where it listens and since when."""
    from hune.http.control import call

    _, status = call(layout_of(data_dir).socket, "GET", "/status")
    if json_output:
        show.as_json(status)
        return
    states = {row["name"]: row for row in status["processes"]}
    show.line(
        f"[bold]{show.escape(status['site'])}[/]  {show.state('healthy' if status['healthy'] else status['phase'])}"
        f"  [dim]conductor pid {status['pid']}, up {show.age(status['since'])}[/]"
    )
    show.table(
        ("service", "state", "address", "pid", "since", "detail"),
        [
            (
                row["name"],
                show.state("healthy" if row["healthy"] else "unhealthy"),
                row["address"],
                str(row["pid"] or "–"),
                show.age(row["since"]),
                f"[dim]{show.escape(row['detail'])}[/]",
            )
            for row in status["services"]
        ],
    )
    for row in states.values():
        if times := row["restarts"]:
            show.line(f"{row['name']}: started again {'once' if times == 1 else f'{times} times'}")
    for text in (*status["notes"], *status["errors"]):
        show.line(f"[dim]{show.escape(text)}[/]")
    nester = next((row["address"] for row in status["services"] if row["name"] == "nester"), "")
    if nester:
        show.line(f"open [bold]http://{nester}/[/]")
