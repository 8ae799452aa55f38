"""`GET /history`: alerts of the past as one document, or exported line by line, as many as there are.

However many, no more than some of them are in memory.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
import sqlite3
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from hune.alerting.doors.documents import alert_document, event_document, number_asked
from hune.alerting.state import care, history, past
from hune.alerting.state.database import Database
from hune.alerting.state.past import Search
from hune.core.clock import Clock
from hune.core.errors import InputError
from hune.http.serve import Parts, streamed

_PAGE = 200
_DEFAULT_LIMIT = 500
_MAX_LIMIT = 5000
_EVERYTHING = 2**63 - 1
COLUMNS = (
    *("alert", "alertname", "severity", "node", "state", "starts_at", "resolved_at", "ending", "value", "peak"),
    *("at", "event", "receiver", "by", "detail", "labels", "summary"),
)


def routes(database: Database, clock: Clock) -> list[BaseRoute]:
    """Return the route."""

    async def found(wanted: Search, limit: int, before: int = _EVERYTHING) -> AsyncIterator[list[dict[str, Any]]]:
        """Yield alerts with their events, some at a time: others read the file between."""
        left = limit
        while before and left > 0:
            rows, before = await database.read(_page_reader(wanted, before, min(_PAGE, left), clock.now()))
            left -= len(rows)
            if rows:
                yield rows

    async def answer(request: Request) -> Response:
        wanted, form = _search(request), request.query_params.get("format")
        if form is None:
            limit = int(min(max(number_asked(request, "limit", _DEFAULT_LIMIT), 1), _MAX_LIMIT))
            before = int(min(max(number_asked(request, "before", _EVERYTHING), 0), _EVERYTHING))
            return await streamed(_document(found(wanted, limit, before), clock.now()), media_type="application/json")
        if form not in _FORMS:
            raise InputError("format: unknown", remedy=f"write {' or '.join(_FORMS)}, or leave it out for a document")
        kind, write = _FORMS[form]
        limit = int(min(max(number_asked(request, "limit", _EVERYTHING), 1), _EVERYTHING))

        async def lines() -> Parts:
            head = write(())
            async for rows in found(wanted, limit):
                yield head + write(rows)
                head = ""
            yield head

        stamp = datetime.fromtimestamp(clock.now(), UTC).strftime("%Y-%m-%d")
        attached = {"Content-Disposition": f'attachment; filename="hune-alerts-{stamp}.{form}"'}
        return await streamed(lines(), media_type=kind, headers=attached)

    return [Route("/history", answer)]


def _search(request: Request) -> Search:
    return Search(
        since=number_asked(request, "since", 0.0),
        until=number_asked(request, "until", 1e18),
        rule=request.query_params.get("rule") or None,
        node=request.query_params.get("node") or None,
    )


def _page_reader(wanted: Search, before: int, limit: int, now: float) -> Any:
    def read(connection: sqlite3.Connection) -> tuple[list[dict[str, Any]], int]:
        rows, going_on = past.search(connection, wanted, before=before, limit=limit)
        numbers = [episode.id for episode, _ in rows]
        looked_after, events = care.of(connection, numbers), history.of_episodes(connection, numbers)
        documents = [
            {
                **alert_document(episode, told, looked_after.get(episode.id), now=now),
                "events": [event_document(event) for event in events.get(episode.id, ())],
            }
            for episode, told in rows
        ]
        return documents, going_on

    return read


async def _document(found: AsyncIterator[list[dict[str, Any]]], now: float) -> Parts:
    before = f'{{"now":{now},"alerts":['
    async for rows in found:
        yield before + ",".join(json.dumps(row) for row in rows)
        before = ","
    yield f"{before if before != ',' else ''}]}}"


def as_lines(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return alerts as JSON, one a line, which steers no terminal."""
    return "".join(json.dumps(row, ensure_ascii=False).translate(_ESCAPED) + "\n" for row in rows)


def as_csv(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return alerts as CSV, one event a line; of no alerts the line of names."""
    text = io.StringIO()
    writer = csv.writer(text)
    rows = list(rows)
    if not rows:
        writer.writerow(COLUMNS)
    for row in rows:
        writer.writerows([_cell(one) for one in line] for line in _csv_rows(row))
    return text.getvalue()


def _csv_rows(row: Mapping[str, Any]) -> Iterator[list[Any]]:
    labels, annotations = row["labels"], row["annotations"]
    about = [row["id"], row["alertname"], row["severity"], labels.get("node", ""), str(row["state"])]
    about += [_moment(row["starts_at"]), _moment(row["resolved_at"]), row["ending"], row["value"], row["peak"]]
    named = " ".join(f"{name}={text}" for name, text in labels.items() if name not in ("alertname", "severity", "node"))
    for event in row["events"]:
        detail = " ".join(f"{name}={one}" for name, one in event["detail"].items())
        happened = [_moment(event["at"]), event["kind"], event["receiver"], event["by"], detail]
        yield [*about, *happened, named, annotations.get("summary", "")]


def _cell(value: Any) -> Any:
    """Return what a spreadsheet shows as it is: on one line, and what begins like a formula is calculated by none.

    One that expects semicolons, as French ones do, begins a cell after each.
    """
    if isinstance(value, str):
        return _FORMULA.sub(r"\1'\2", _STEERING.sub(" ", value))
    return "" if value is None else value


def _moment(moment: float | None) -> str:
    if moment is None or not math.isfinite(moment):
        return ""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")


_STEERING = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_FORMULA = re.compile(r"(^|;)([\s\"']*[=+\-@＝＋－＠])")
_ESCAPED = {code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}
_FORMS = {"json": ("application/x-ndjson", as_lines), "csv": ("text/csv; charset=utf-8", as_csv)}
