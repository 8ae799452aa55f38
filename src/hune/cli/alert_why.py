"""`hune alert why`: why an alert fires, or doesn't."""

from __future__ import annotations

import asyncio
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from hune.cli import show
from hune.cli.alert_call import ask, hub_of
from hune.cli.options import DataDir, Json

_SHAPES = {
    "fine": "[green]●[/]",
    "attention": "[yellow]▲[/]",
    "wrong": "[magenta]■[/]",
    "unknown": "[cyan]?[/]",
    "neutral": "○",
}
_About = Annotated[
    list[str],
    typer.Argument(
        metavar="RULE [RESOURCE] [LABEL=VALUE …] | ID",
        help="CpuHot pve-01; LinkDown pve-01 device=enp1s0f0; or the number of an alert.",
    ),
]


def command(about: _About, data_dir: DataDir = None, json_output: Json = False) -> None:
    """Say why an alert fires, or why it doesn't: what is measured, the limit, the rule, who was told and who wasn't."""
    query = urllib.parse.urlencode(_query(about))
    answer = asyncio.run(ask(hub_of(data_dir), "GET", f"/why?{query}"))
    if json_output:
        show.as_json(answer)
        return
    _tell(answer)


def _query(about: Sequence[str]) -> Mapping[str, str]:
    """Return the question as the hub takes it. Raises InputError if there is no sense in it."""
    from hune.core.errors import InputError

    first, *others = about
    if first.isascii() and first.isdigit():
        if others:
            raise InputError(f"{others[0]}: a number says which alert is meant", remedy="leave the others out")
        return {"id": first}
    query = {"rule": first}
    for number, word in enumerate(others):
        label, equals, text = word.partition("=")
        if not equals and number == 0:
            query["node"] = word
        elif not equals or not label or label in query:
            raise InputError(f"{word}: neither a resource nor a label", remedy="write LABEL=VALUE, each once")
        else:
            query[label] = text
    return query


def _tell(answer: Mapping[str, Any]) -> None:
    hidden = ("alertname", "site")
    labels = " ".join(f"{label}={text}" for label, text in answer["labels"].items() if label not in hidden)
    number = "" if answer["alert"] is None else f"  [dim]{answer['alert']}[/]"
    show.line(f"[bold]{show.escape(answer['rule'])}[/] {show.escape(labels)}{number}")
    show.pairs(
        (
            f"{_SHAPES.get(finding['state'], '○')} {show.escape(finding['question'])}",
            show.escape(finding["answer"]),
            show.escape(finding["detail"]),
        )
        for finding in answer["findings"]
    )
