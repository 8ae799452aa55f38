"""The hub's doors: `POST /webhook` takes notifications, `GET /alerts` and `GET /digests/{id}` show the book."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from hune.alerting.catalogue import ALERTS
from hune.alerting.doors.documents import alert_document, episode_document, number_asked
from hune.alerting.doors.payload import Notification, read_notification
from hune.alerting.state import book, care
from hune.alerting.state.database import Database
from hune.alerting.state.episode import Episode
from hune.core.clock import Clock
from hune.core.errors import InputError, Unavailable
from hune.http.serve import problem, read_away

MAX_BODY_BYTES = 16 << 20
_READ_AWAY_BYTES = 4 * MAX_BODY_BYTES
_SMALL_BYTES = 64 << 10
"""More is read and decoded one at a time: decoded, it takes some thirty times the memory."""
_DAY = 86400.0
_DEFAULT_LIMIT = 500
_MAX_LIMIT = 5000

Accept = Callable[[Notification], Awaitable[book.Taken]]


def routes(accept: Accept, database: Database, clock: Clock, count: Callable[[int], None]) -> list[BaseRoute]:
    """Return the routes; `accept` stores a notification durably, `count` hears the status of each answer to one."""
    turn = asyncio.Semaphore(1)

    async def webhook(request: Request) -> Response:
        try:
            response = await _take(request, accept, turn)
        except ClientDisconnect:
            response = problem(400, "the request ended before its body")
        count(response.status_code)
        return response

    async def alerts(request: Request) -> Response:
        now = clock.now()
        since = number_asked(request, "since", now - _DAY)
        limit = int(min(max(number_asked(request, "limit", _DEFAULT_LIMIT), 1), _MAX_LIMIT))

        def listed(connection: sqlite3.Connection) -> list[dict[str, Any]]:
            found = book.list_episodes(connection, since=since, limit=limit, first=ALERTS)
            looked_after = care.of(connection, [episode.id for episode, _ in found])
            return [alert_document(episode, told, looked_after.get(episode.id), now=now) for episode, told in found]

        return JSONResponse({"now": now, "alerts": await database.read(listed)})

    async def digest(request: Request) -> Response:
        number = request.path_params["number"]
        found = await database.read(lambda connection: book.list_digest(connection, number))
        if found is None:
            return problem(404, f"digest {number}: unknown, or too old")
        head, items = found
        return JSONResponse({"now": clock.now(), **_digest(head, items)})

    return [
        Route("/webhook", webhook, methods=["POST"]),
        Route("/alerts", alerts),
        Route("/digests/{number:number}", digest),
    ]


async def _take(request: Request, accept: Accept, turn: asyncio.Semaphore) -> Response:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        return problem(415, "send JSON, with Content-Type: application/json")
    try:
        notification = await _read(request, turn)
        if notification is None:
            return problem(413, f"more than {MAX_BODY_BYTES >> 20} MB; send fewer alerts at once (max_alerts)")
        taken = await accept(notification)
    except InputError as error:
        return problem(400, str(error))
    except Unavailable as error:
        # Alertmanager tries again after 5xx, never after 4xx.
        return problem(503, str(error))
    return JSONResponse(
        {
            "status": 200,
            "received": len(notification.alerts),
            "opened": len(taken.opened),
            "known": taken.resent,
            "resolved": len(taken.resolved),
            "checking": len(taken.claimed),
        }
    )


async def _read(request: Request, turn: asyncio.Semaphore) -> Notification | None:
    """Return the notification, None if it is too large; large ones wait for their `turn` while most of it is away."""
    declared = request.headers.get("content-length", "")
    body = bytearray()
    stream = request.stream()
    if declared.isdigit() and int(declared) > MAX_BODY_BYTES:
        # Who asks before sending learns it without sending.
        if "expect" not in request.headers:
            await read_away(stream, most_bytes=_READ_AWAY_BYTES)
        return None
    async for part in stream:
        body += part
        if len(body) > _SMALL_BYTES:
            break
    else:
        return read_notification(bytes(body))
    async with turn:
        async for part in stream:
            body += part
            if len(body) > MAX_BODY_BYTES:
                del body
                await read_away(stream, most_bytes=_READ_AWAY_BYTES)
                return None
        return await asyncio.to_thread(read_notification, bytes(body))


def _digest(head: sqlite3.Row, items: list[tuple[Episode, sqlite3.Row]]) -> dict[str, Any]:
    return {
        "id": head["id"],
        "receiver": head["receiver"],
        "created_at": head["created_at"],
        "sent_at": head["sent_at"],
        "alerts": [
            {
                **episode_document(episode),
                "told": "came and went" if row["known"] is None and row["told"] == "resolved" else row["told"],
            }
            for episode, row in items
        ],
    }
