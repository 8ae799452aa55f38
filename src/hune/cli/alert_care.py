"""`hune alert ack`, `snooze`, `release`, `link`: say who looks after an alert."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import typer

from hune.cli import show
from hune.cli.alert_call import ask, hub_of, site_of
from hune.cli.alert_silence import By, user
from hune.cli.options import DataDir, Json, lasting_seconds, layout_of, number

_Ids = Annotated[
    list[int], typer.Argument(metavar="ID…", parser=number, help="Numbers, as hune alert list shows them.")
]
_Id = Annotated[int, typer.Argument(metavar="ID", parser=number, help="A number, as hune alert list shows it.")]
_Note = Annotated[str, typer.Option("--note", metavar="TEXT", help="What others should know.")]


def acknowledge(
    ids: _Ids, by: By = None, note: _Note = "", data_dir: DataDir = None, json_output: Json = False
) -> None:
    """Look after alerts: no reminders and no escalation until they are over, or released."""
    _do(ids, "acknowledge", {"by": by or user(), "note": note}, data_dir, json_output, _acknowledged)


def snooze(
    identity: _Id,
    duration: Annotated[str, typer.Argument(metavar="DURATION", help="How long: 30m, 2h, 3d.")],
    by: By = None,
    note: _Note = "",
    data_dir: DataDir = None,
    json_output: Json = False,
) -> None:
    """Hear of an alert later: it is told once more then if it still fires."""
    document = {"by": by or user(), "note": note, "seconds": lasting_seconds(duration, most_days=30)}
    _do([identity], "snooze", document, data_dir, json_output, _snoozed)


def release(ids: _Ids, by: By = None, data_dir: DataDir = None, json_output: Json = False) -> None:
    """Look after alerts no more: reminders and escalation begin anew."""
    _do(ids, "release", {"by": by or user()}, data_dir, json_output, _released)


def link(data_dir: DataDir = None, json_output: Json = False) -> None:
    """Print the link that signs a browser in for 30 days: whoever has it may look after every alert."""
    from hune.alerting.doors import keys
    from hune.alerting.hub import inviting

    site, now = site_of(data_dir), time.time()
    key = keys.read(keys.path(layout_of(data_dir))).for_operator(now=now)
    url = inviting.sign_in((site.public_url or site.url("nester")).rstrip("/"), key)
    if json_output:
        show.as_json({"url": url, "expires": now + keys.LIFE_SECONDS})
    else:
        print(url)


def _do(
    ids: Sequence[int],
    action: str,
    document: Mapping[str, Any],
    data_dir: Any,
    json_output: bool,
    tell: Callable[[Mapping[str, Any]], str],
) -> None:
    """Do it to each alert in turn, and tell what was done and what wasn't: one that is over holds up no other.

    Raises InputError if any was refused.
    """
    from hune.core.errors import InputError

    hub, done, refused = hub_of(data_dir), [], []
    try:
        for identity in dict.fromkeys(ids):
            try:
                done.append(asyncio.run(ask(hub, "POST", f"/alerts/{identity}/{action}", document)))
            except InputError as error:
                refused.append(str(error))
    finally:
        if json_output:
            show.as_json(done)
        else:
            for row in done:
                show.line(tell(row))
    if refused:
        raise InputError("\n".join(refused))


def _acknowledged(row: Mapping[str, Any]) -> str:
    return f"{row['id']}: {show.escape(row['care']['by'])} looks after it"


def _snoozed(row: Mapping[str, Any]) -> str:
    return f"{row['id']}: told again {show.moment(row['care']['until'])}"


def _released(row: Mapping[str, Any]) -> str:
    return f"{row['id']}: " + ("nobody looks after it any more" if row["released"] else "nobody looked after it")
