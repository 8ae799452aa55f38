"""`hune alert silence`, `silences`, `unsilence`: nobody is told of something, for a while."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from hune.cli import alert_call, show
from hune.cli.alert_call import ask, hub_of, site_of
from hune.cli.options import DataDir, Json, lasting_seconds

Lasting = Annotated[str, typer.Option("--for", metavar="DURATION", help="How long: 30m, 2h, 3d.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why: others will want to know.")]
By = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who; else the user of this terminal.")]
_What = Annotated[
    list[str],
    typer.Argument(
        metavar="NODE|ID|MATCHER…", help="A node, an alert's number, or matchers: node=pve-01 severity!=info."
    ),
]
MOST_DAYS = 90
"""The hub holds alerts no longer, whether by a silence or by maintenance."""
_MATCHER = re.compile(r"\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*(.*)", re.DOTALL)


def silence(
    what: _What, lasting: Lasting, reason: Reason, by: By = None, data_dir: DataDir = None, json_output: Json = False
) -> None:
    """Tell nobody of a node, an alert, or whatever matches, for a while. What still fires at the end is told."""
    site = site_of(data_dir)
    meant = _meant(what, [node.name for node in site.nodes])
    document = {**meant, "seconds": lasting_seconds(lasting, most_days=MOST_DAYS), "reason": reason, "by": by or user()}
    answer = asyncio.run(ask(site.url("hub"), "POST", "/silences", document))
    if json_output:
        show.as_json(answer)
        return
    show.line(f"silenced until {show.moment(answer['ends_at'])}; alerts it holds now: {len(answer['alerts'])}")
    show.line(f"[dim]end it: hune alert unsilence {show.escape(answer['id'])}[/]")


def silences(data_dir: DataDir = None, json_output: Json = False) -> None:
    """List the silences that hold or will hold."""
    answer = asyncio.run(ask(hub_of(data_dir), "GET", "/silences"))
    if json_output:
        show.as_json(answer)
        return
    if answer["problem"]:
        show.line(f"[yellow]▲[/] Alertmanager can't be asked; what was known: {show.escape(answer['problem'])}")
    if not answer["silences"]:
        show.line("nothing is silenced")
        return
    show.table(
        ("id", "state", "until", "by", "alerts", "what", "reason"),
        [
            (
                show.escape(row["id"]),
                row["state"],
                show.moment(row["ends"]),
                show.escape(row["by"] or "–"),
                str(len(row["alerts"])),
                show.escape(row["text"]),
                show.escape(row["reason"]),
            )
            for row in answer["silences"]
        ],
    )


def unsilence(
    identity: Annotated[str, typer.Argument(metavar="ID", help="As hune alert silences shows it.")],
    data_dir: DataDir = None,
    json_output: Json = False,
) -> None:
    """End a silence now: what still fires is told."""
    alert_call.end(data_dir, "silences", identity, json_output=json_output)


def _meant(what: Sequence[str], nodes: Sequence[str]) -> dict[str, Any]:
    """Return the part of the request that says what is silenced; a bare word is one of the site's nodes."""
    from hune.core.errors import InputError

    if len(what) == 1 and re.fullmatch(r"[0-9]{1,18}", what[0]):
        return {"alert": int(what[0])}
    rows = []
    for word in what:
        match = _MATCHER.fullmatch(word)
        if match is None and re.search(r"[=~]", word):
            raise InputError(f"{word!r}: not a matcher", remedy="write label=value, !=, =~ or !~")
        if match is None and word not in nodes:
            raise InputError(f"{word!r}: no node of the site", remedy=f"write node={word} if it is one all the same")
        name, operator, value = match.groups() if match else ("node", "=", word)
        if len(value) > 1 and value[0] == value[-1] == '"':
            value = value[1:-1]
        row = {"name": name, "value": value, "is_regex": "~" in operator, "is_equal": operator[0] == "="}
        rows.append(row)
    return {"matchers": rows}


def user() -> str:
    """Return who uses this terminal."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "hune alert"
