"""`hune alert list`, `show`, `history`: what fires, all about one alert, what was."""

from __future__ import annotations

import asyncio
import re
import time
import urllib.parse
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import typer

from hune.cli import show
from hune.cli.alert_call import ask, hub_of, pass_on
from hune.cli.options import DataDir, Json, number

_SHAPES = {"critical": "[magenta]■ critical[/]", "warning": "[yellow]▲ warning[/]", "info": "[cyan]● info[/]"}
_HISTORY_SHOWN = 500
_WORST_FIRST = ("critical", "warning", "info")
_When = Annotated[
    str | None, typer.Option(metavar="WHEN", help="2026-11-21, '2026-11-21 14:00', or 7d: that long ago.")
]


def listing(data_dir: DataDir = None, json_output: Json = False) -> None:
    """List the open alerts, the worst first: what fires, since when, and who looks after it."""
    answer = asyncio.run(ask(hub_of(data_dir), "GET", "/alerts?limit=5000"))
    rows = [row for row in answer["alerts"] if row["state"] != "resolved"]
    rows.sort(key=_urgency)
    if json_output:
        show.as_json({"now": answer["now"], "alerts": rows})
        return
    if not rows:
        show.line("nothing fires")
        return
    show.table(
        ("id", "severity", "state", "since", "looked after by", "held by", "what"),
        [
            (
                str(row["id"]),
                _severity(row),
                row["state"],
                show.age(row["starts_at"], now=answer["now"]),
                _care(row["care"]),
                _holds(row["holds"]),
                _what(row),
            )
            for row in rows
        ],
    )
    show.line("[dim]all about one: hune alert show ID; look after it: hune alert ack ID[/]")


def _urgency(row: Mapping[str, Any]) -> tuple[bool, bool, int, float]:
    """Return what orders alerts as on the page: what calls for somebody, the worst, what lasts longest first."""
    severity = row["severity"]
    rank = _WORST_FIRST.index(severity) if severity in _WORST_FIRST else len(_WORST_FIRST)
    return bool(row["holds"]), row["care"] is not None, rank, row["starts_at"]


def one(
    identity: Annotated[
        int, typer.Argument(metavar="ID", parser=number, help="A number, as hune alert list shows it.")
    ],
    data_dir: DataDir = None,
    json_output: Json = False,
) -> None:
    """Show all about one alert: who was told, who looks after it, who is called next, and its history."""
    row = asyncio.run(ask(hub_of(data_dir), "GET", f"/alerts/{identity}"))
    if json_output:
        show.as_json(row)
        return
    show.line(f"{_severity(row)} {row['state']}  {_what(row)}")
    show.line(f"  since {show.moment(row['starts_at'])}" + _until(row))
    show.line(f"  looked after by {_care(row['care'])}; held by {_holds(row['holds'])}")
    show.table(
        ("receiver", "state", "told", "tried", "detail"),
        [
            (
                show.escape(each["receiver"]),
                each["state"],
                each["told"] or "–",
                show.moment(each["at"]) if each["at"] else "–",
                show.escape(each["detail"]),
            )
            for each in row["deliveries"]
        ],
    )
    if row["escalation"]:
        show.table(
            ("step", "receivers", "due", "done"),
            [
                (
                    str(step["step"]),
                    show.escape(", ".join(step["receivers"]) or "–"),
                    show.moment(step["due_at"]) if step["due_at"] else "–",
                    show.moment(step["done_at"]) if step["done_at"] else "–",
                )
                for step in row["escalation"]
            ],
        )
    show.table(
        ("at", "what", "receiver", "by", "detail"),
        [
            (
                _second(event["at"]),
                event["kind"],
                show.escape(event["receiver"] or "–"),
                show.escape(event["by"] or "–"),
                show.escape(" ".join(f"{name}={text}" for name, text in event["detail"].items())),
            )
            for event in row["events"]
        ],
    )


def history(
    since: _When = None,
    until: _When = None,
    rule: Annotated[str | None, typer.Option(metavar="NAME", help="Only alerts of this rule.")] = None,
    node: Annotated[str | None, typer.Option(metavar="NAME", help="Only alerts of this node.")] = None,
    data_dir: DataDir = None,
    json_output: Annotated[bool, typer.Option("--json", help="Export as JSON, one alert a line.")] = False,
    csv_output: Annotated[bool, typer.Option("--csv", help="Export as CSV, one event a line.")] = False,
) -> None:
    """Show alerts of the past, latest first; with --json or --csv all of them, with all that happened to each."""
    from hune.core.errors import InputError

    if json_output and csv_output:
        raise InputError("--json and --csv: one of them", remedy="leave one out")
    begin, end = _moment(since), _moment(until)
    if begin is not None and end is not None and begin >= end:
        raise InputError("--since is not before --until", remedy="swap them, or leave one out")
    wanted = {"since": begin, "until": end, "rule": rule, "node": node}
    query = {name: text for name, text in wanted.items() if text is not None}
    if json_output or csv_output:
        query["format"] = "json" if json_output else "csv"
        pass_on(hub_of(data_dir), f"/history?{urllib.parse.urlencode(query)}")
        return
    answer = asyncio.run(
        ask(hub_of(data_dir), "GET", f"/history?{urllib.parse.urlencode({**query, 'limit': _HISTORY_SHOWN})}")
    )
    if not answer["alerts"]:
        show.line("nothing happened")
        return
    show.table(
        ("id", "severity", "began", "lasted", "looked after by", "what"),
        [
            (
                str(row["id"]),
                _severity(row),
                show.moment(row["starts_at"]),
                show.age(row["starts_at"], now=row["resolved_at"] or answer["now"])
                + ("" if row["resolved_at"] else " so far"),
                _care(row["care"]),
                _what(row),
            )
            for row in answer["alerts"]
        ],
    )
    if len(answer["alerts"]) >= _HISTORY_SHOWN:
        show.line(f"[dim]the latest {_HISTORY_SHOWN}; all of them: --csv or --json, fewer: --since, --rule, --node[/]")


def _moment(text: str | None) -> float | None:
    """Return seconds since the epoch of a moment by this machine's clock. Raises InputError for what is none."""
    from hune.core.errors import InputError
    from hune.site.values import DURATION_PATTERN, seconds_of

    if text is None:
        return None
    if re.fullmatch(DURATION_PATTERN, text):
        return time.time() - seconds_of(text)
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        raise InputError(f"{text!r}: not a moment", remedy="write 2026-11-21, '2026-11-21 14:00', or 7d") from None


def _second(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))


def _severity(row: Mapping[str, Any]) -> str:
    return _SHAPES.get(row["severity"], show.escape(row["severity"] or "–"))


def _what(row: Mapping[str, Any]) -> str:
    lab = "[dim]LAB[/] " if row["labels"].get("lab") == "true" else ""
    summary = row["annotations"].get("summary") or row["labels"].get("node", "")
    return f"{lab}{show.escape(row['alertname'])}: {show.escape(summary)}"


def _care(care: Mapping[str, Any] | None) -> str:
    if care is None:
        return "–"
    until = "" if care["until"] is None else f" (snoozed until {show.moment(care['until'])})"
    return f"{show.escape(care['by'])}{until}"


def _holds(holds: list[Mapping[str, Any]]) -> str:
    return show.escape(", ".join(sorted({str(hold["kind"]) for hold in holds}))) or "–"


def _until(row: Mapping[str, Any]) -> str:
    if row["resolved_at"] is None:
        return ""
    return f" until {show.moment(row['resolved_at'])} ({row['ending']})"
