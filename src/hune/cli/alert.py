"""`hune alert`: see alerts, look after them, and try the ways to people."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Any

import typer

from hune.cli import alert_care, alert_list, alert_maintenance, alert_silence, alert_why, show
from hune.cli.alert_call import ask, hub_of
from hune.cli.options import DataDir, Json, number

app = typer.Typer(
    help="See alerts, look after them, and try the ways to people.",
    epilog="What fires? hune alert list. Does it really reach me? hune alert test",
    no_args_is_help=True,
)

_PATIENCE_SECONDS = 30.0
_Receiver = Annotated[str | None, typer.Argument(metavar="RECEIVER", help="Name of a receiver; none means all.")]
_Only = Annotated[str | None, typer.Option("--receiver", metavar="NAME", help="Only of this receiver.")]
_Ids = Annotated[
    list[int] | None, typer.Argument(metavar="ID", parser=number, help="Numbers, as hune alert dead shows them.")
]


@app.callback()
def root() -> None:
    """See alerts, look after them, and try the ways to people."""


app.command("list")(alert_list.listing)
app.command("show")(alert_list.one)
app.command("history")(alert_list.history)
app.command("ack")(alert_care.acknowledge)
app.command("snooze")(alert_care.snooze)
app.command("release")(alert_care.release)
app.command("link")(alert_care.link)


app.command("silence")(alert_silence.silence)
app.command("silences")(alert_silence.silences)
app.command("unsilence")(alert_silence.unsilence)
app.add_typer(alert_maintenance.app, name="maintenance")
app.command("why")(alert_why.command)


@app.command("test")
def send_test(receiver: _Receiver = None, data_dir: DataDir = None, json_output: Json = False) -> None:
    """Send a real test message through the running hub; exit 1 if a receiver didn't take it."""
    rows = asyncio.run(_test(hub_of(data_dir), receiver))
    if json_output:
        show.as_json(rows)
    else:
        shapes = {"sent": "[green]● sent[/]", "failed": "[yellow]▲ not yet[/]", "pending": "[yellow]▲ not yet[/]"}
        show.table(
            ("receiver", "state", "detail"),
            [
                (
                    show.escape(row["receiver"]),
                    shapes.get(row["state"], "[magenta]■ refused[/]"),
                    show.escape(row["detail"]),
                )
                for row in rows
            ],
        )
    if any(row["state"] != "sent" for row in rows):
        raise typer.Exit(1)


@app.command()
def dead(data_dir: DataDir = None, json_output: Json = False) -> None:
    """List what receivers refused: it is kept until it is sent again or discarded."""
    answer = asyncio.run(ask(hub_of(data_dir), "GET", "/dead"))
    if json_output:
        show.as_json(answer)
        return
    if not answer["dead"]:
        show.line("nothing was refused")
        return
    show.table(
        ("id", "receiver", "alert", "node", "tried", "problem"),
        [
            (
                str(row["id"]),
                show.escape(row["receiver"]),
                show.escape(row["alertname"]),
                show.escape(row["node"] or "–"),
                f"{show.age(row['at'], now=answer['now'])} ago" if row["at"] else "–",
                show.escape(row["problem"]),
            )
            for row in answer["dead"]
        ],
    )
    show.line("[dim]send again: hune alert resend [ID …]; give up: hune alert discard ID …[/]")


@app.command()
def resend(ids: _Ids = None, receiver: _Only = None, data_dir: DataDir = None, json_output: Json = False) -> None:
    """Send what was refused again, all of it or what is named; at once, whatever failed before."""
    _turn("resend", ids or None, receiver, data_dir, json_output, "to be sent again")


@app.command()
def discard(
    ids: _Ids = None,
    receiver: _Only = None,
    everything: Annotated[bool, typer.Option("--all", help="All that was refused.")] = False,
    data_dir: DataDir = None,
    json_output: Json = False,
) -> None:
    """Give up what was refused: it is told to nobody any more."""
    from hune.core.errors import InputError

    if not ids and not everything and receiver is None:
        raise InputError("nothing named", remedy="give numbers, --receiver NAME, or --all")
    _turn("discard", ids or None, receiver, data_dir, json_output, "discarded")


def _turn(
    action: str, ids: list[int] | None, receiver: str | None, data_dir: Any, json_output: bool, done: str
) -> None:
    from hune.core.errors import InputError

    document = {"action": action, "ids": ids, "receiver": receiver}
    answer = asyncio.run(ask(hub_of(data_dir), "POST", "/dead", document))
    if json_output:
        show.as_json(answer)
    else:
        show.line(f"{done}: {answer['count']}")
    if ids and answer["count"] < len(set(ids)):
        unknown = len(set(ids)) - answer["count"]
        raise InputError(f"{unknown} of {len(set(ids))} are not among what was refused", remedy="see: hune alert dead")


async def _test(hub: str, receiver: str | None) -> list[dict[str, Any]]:
    """Have the hub send a test, and return what came of it, a row for each receiver."""
    sent = await ask(hub, "POST", "/test", {"receiver": receiver})
    end = time.monotonic() + _PATIENCE_SECONDS
    while True:
        alert = await ask(hub, "GET", f"/alerts/{sent['id']}")
        rows = [
            {"receiver": row["receiver"], "state": row["state"], "detail": row["detail"]} for row in alert["deliveries"]
        ]
        if all(row["state"] in ("sent", "dead") for row in rows) or time.monotonic() > end:
            return rows
        await asyncio.sleep(0.2)
