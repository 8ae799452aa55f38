"""What people see and do of one alert: `/alerts/{id}`, and acknowledge, snooze, release."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from hune.alerting.doors.access import Actor, Barred, guarded, read_document
from hune.alerting.doors.documents import alert_document, care_document, event_document
from hune.alerting.doors.keys import Keys
from hune.alerting.hub import escalation
from hune.alerting.notifiers.phrasing import clean, cut
from hune.alerting.state import book, care, history
from hune.alerting.state.database import Database
from hune.alerting.state.episode import Care, Episode
from hune.core.clock import Clock
from hune.core.errors import InputError
from hune.http.serve import problem
from hune.site.models import Site

MAX_BY = 80
MAX_NOTE = 500
MAX_SNOOZE_SECONDS = 30 * 86400.0
LAST_NUMBER = 2**63 - 1


def routes(database: Database, clock: Clock, keys: Keys, site: Site, on_change: Callable[[], None]) -> list[BaseRoute]:
    """Return the routes; `on_change` hears that messages may have to show something else."""

    async def alert(request: Request) -> Response:
        number = number_of(request)

        def read(connection: sqlite3.Connection) -> dict[str, Any] | None:
            found = book.get(connection, number)
            if found is None:
                return None
            episode, told = found
            events = history.of_episodes(connection, [number]).get(number, [])
            looked_after = care.of(connection, [number]).get(number)
            is_running = episode.is_open and not looked_after and not episode.holds and episode.expires_at is None
            return {
                **alert_document(episode, told, looked_after, now=clock.now()),
                "events": [event_document(event) for event in events],
                "escalation": escalation.document(
                    escalation.steps(site, episode.labels),
                    escalation.past(episode.received_at, events),
                    is_running=is_running,
                ),
            }

        found = await database.read(read)
        if found is None:
            return problem(404, f"alert {number}: unknown, or too long ago")
        return JSONResponse({"now": clock.now(), **found})

    async def take(request: Request, actor: Actor, *, is_snooze: bool) -> Response:
        number, document, now = number_of(request), await read_document(request), clock.now()
        until = now + _seconds(document) if is_snooze else None
        taken = Care(now, who(document, actor), until, text_of(document, "note", MAX_NOTE))

        def store(connection: sqlite3.Connection) -> None:
            open_alert(connection, number, actor)
            care.take(connection, number, taken, receiver=actor.receiver)

        await database.write(store)
        on_change()
        return JSONResponse({"id": number, "care": care_document(taken)})

    async def acknowledge(request: Request, actor: Actor) -> Response:
        return await take(request, actor, is_snooze=False)

    async def snooze(request: Request, actor: Actor) -> Response:
        return await take(request, actor, is_snooze=True)

    async def release(request: Request, actor: Actor) -> Response:
        number, document, now = number_of(request), await read_document(request), clock.now()
        by = who(document, actor)

        def store(connection: sqlite3.Connection) -> bool:
            open_alert(connection, number, actor)
            return care.end(connection, number, by=by, now=now)

        released = await database.write(store)
        on_change()
        return JSONResponse({"id": number, "care": None, "released": released})

    async def key(_request: Request, actor: Actor) -> Response:
        return JSONResponse({"alert": actor.episode, "receiver": actor.receiver, "expires": actor.expires})

    def post(action: str, handler: Callable[[Request, Actor], Any]) -> Route:
        return Route(f"/alerts/{{number:number}}/{action}", guarded(handler, keys, clock), methods=["POST"])

    return [
        Route("/key", guarded(key, keys, clock)),
        Route("/alerts/{number:number}", alert),
        post("acknowledge", acknowledge),
        post("snooze", snooze),
        post("release", release),
    ]


def number_of(request: Request) -> int:
    """Return the number of the alert that a request is about."""
    return int(request.path_params["number"])


def open_alert(connection: sqlite3.Connection, number: int, actor: Actor) -> Episode:
    """Return an alert that can be looked after. Raises Barred if it can't be, or not by this one."""
    found = book.get(connection, number)
    if found is None:
        raise Barred(404, f"alert {number}: unknown, or too long ago")
    episode, _ = found
    actor.check(episode)
    if not episode.is_open:
        raise Barred(409, f"alert {number}: is over")
    return episode


def who(document: Mapping[str, Any], actor: Actor) -> str:
    """Return the name of the person who acts; whose message brought the key if none is given."""
    name = text_of(document, "by", MAX_BY) or actor.receiver
    if not name:
        raise InputError("by: missing", remedy="say who acts")
    return name


def text_of(document: Mapping[str, Any], key: str, limit: int) -> str:
    """Return a text of a document, on one line, empty if it isn't given. Raises InputError for what is none."""
    text = document.get(key)
    if text is None:
        return ""
    if not isinstance(text, str):
        raise InputError(f"{key}: not a text", remedy="give one, or leave it out")
    return cut(clean(text), limit)


def _seconds(document: Mapping[str, Any]) -> float:
    seconds = document.get("seconds")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 1 <= seconds <= MAX_SNOOZE_SECONDS:
        raise InputError("seconds: not a duration", remedy=f"give 1 to {MAX_SNOOZE_SECONDS:.0f}")
    return float(seconds)
