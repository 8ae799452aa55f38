"""`GET /history`: alerts of the past as one document, or exported line by line, as many as there are."""

from __future__ import annotations

import csv
import io
import json
import math
import sqlite3
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from hune.alerting.doors.documents import alert_document, event_document, number_asked
from hune.alerting.state import care, history, past
from hune.alerting.state.database import Database
from hune.alerting.state.past import Search
from hune.core.clock import Clock
from hune.core.errors import InputError

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
            alerts = [row async for rows in found(wanted, limit, before) for row in rows]
            return JSONResponse({"now": clock.now(), "alerts": alerts})
        if form not in _FORMS:
            raise InputError("format: unknown", remedy=f"write {' or '.join(_FORMS)}, or leave it out for a document")
        kind, write = _FORMS[form]
        limit = int(min(max(number_asked(request, "limit", _EVERYTHING), 1), _EVERYTHING))

        async def lines() -> AsyncIterator[str]:
            yield write(())
            async for rows in found(wanted, limit):
                yield write(rows)

        stamp = datetime.fromtimestamp(clock.now(), UTC).strftime("%Y-%m-%d")
        attached = {"Content-Disposition": f'attachment; filename="hune-alerts-{stamp}.{form}"'}
        return StreamingResponse(lines(), media_type=kind, headers=attached)

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


def as_lines(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return alerts as JSON, one a line."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


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
    """Return what a spreadsheet shows as it is: a text that begins like a formula is calculated by none."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return "" if value is None else value


def _moment(moment: float | None) -> str:
    if moment is None or not math.isfinite(moment):
        return ""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")


_FORMS = {"json": ("application/x-ndjson", as_lines), "csv": ("text/csv; charset=utf-8", as_csv)}
