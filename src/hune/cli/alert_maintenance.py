"""`hune alert maintenance`: somebody works on something, and nobody is told of it meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from hune.cli import alert_call, show
from hune.cli.alert_call import ask, hub_of
from hune.cli.alert_silence import MOST_DAYS, By, Lasting, Reason, user
from hune.cli.options import DataDir, Json, lasting_seconds

app = typer.Typer(help="Say that somebody works on something: nobody is told of it meanwhile.", no_args_is_help=True)

_Names = list[str] | None


@app.command()
def add(
    lasting: Lasting,
    reason: Reason,
    node: Annotated[_Names, typer.Option("--node", metavar="NAME", help="A node; may be repeated.")] = None,
    group: Annotated[_Names, typer.Option("--group", metavar="NAME", help="A group of nodes.")] = None,
    cluster: Annotated[
        _Names, typer.Option("--cluster", metavar="NAME", help="A cluster, its nodes and guests.")
    ] = None,
    probe: Annotated[_Names, typer.Option("--probe", metavar="NAME", help="A probe.")] = None,
    whole_site: Annotated[bool, typer.Option("--whole-site", help="Everything.")] = False,
    begins: Annotated[
        str | None, typer.Option("--from", metavar="WHEN", help="When it begins: 2026-12-01T22:00; else now.")
    ] = None,
    by: By = None,
    data_dir: DataDir = None,
    json_output: Json = False,
) -> None:
    """Declare a window, from now on or from another moment. What still fires at its end is told."""
    from hune.core.errors import InputError

    scope = {"nodes": node, "groups": group, "clusters": cluster, "probes": probe}
    named = {key: names for key, names in scope.items() if names}
    if bool(named) is whole_site:
        raise InputError("say what somebody works on", remedy="--node, --group, --cluster, --probe, or --whole-site")
    moment = _moment(begins) if begins else time.time()
    document = {
        "scope": named,
        "begins": moment if begins else None,
        "ends": moment + lasting_seconds(lasting, most_days=MOST_DAYS),
        "by": by or user(),
        "reason": reason,
    }
    answer = asyncio.run(ask(hub_of(data_dir), "POST", "/maintenance", document))
    if json_output:
        show.as_json(answer)
        return
    show.line(f"maintenance {answer['id']}: {show.moment(answer['begins'])} to {show.moment(answer['ends'])}")
    show.line(f"[dim]end it: hune alert maintenance end {answer['id']}[/]")


@app.command("list")
def list_windows(data_dir: DataDir = None, json_output: Json = False) -> None:
    """List the windows of the site file, and those declared, that are or will be."""
    answer = asyncio.run(ask(hub_of(data_dir), "GET", "/maintenance"))
    if json_output:
        show.as_json(answer)
        return
    if not answer["maintenance"]:
        show.line("no maintenance, now or later")
        return
    show.table(
        ("id", "state", "from", "until", "what", "by", "reason"),
        [
            (
                show.escape(row["id"]),
                "[yellow]▲ now[/]" if row["active"] else "later",
                show.moment(row["begins"]),
                show.moment(row["ends"]),
                show.escape(_what(row["scope"])),
                show.escape(row["by"] or ("site file" if row["in_site_file"] else "–")),
                show.escape(row["reason"]),
            )
            for row in answer["maintenance"]
        ],
    )


@app.command()
def end(
    identity: Annotated[str, typer.Argument(metavar="ID", help="As hune alert maintenance list shows it.")],
    data_dir: DataDir = None,
    json_output: Json = False,
) -> None:
    """End a declared window now: what still fires is told."""
    alert_call.end(data_dir, "maintenance", identity, json_output=json_output)


def _what(scope: Mapping[str, Any]) -> str:
    return "; ".join(f"{key} {', '.join(names)}" for key, names in scope.items() if names) or "the whole site"


def _moment(text: str) -> float:
    from hune.core.errors import InputError
    from hune.site.calendar import parse_moment

    try:
        return parse_moment(text).timestamp()
    except ValueError as error:
        what, _, remedy = str(error).partition("; ")
        raise InputError(f"--from: {what}", remedy=remedy) from None
