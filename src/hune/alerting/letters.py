"""What a person does about delivery: dead letters are listed, sent again or discarded, and tests are sent.

`hune alert` is the hand that knocks at these doors.
"""

from __future__ import annotations

import ipaddress
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from hune.alerting import book, outbox
from hune.alerting.database import Database
from hune.alerting.episode import Dead, Incoming
from hune.alerting.notifiers.phrasing import Wording
from hune.alerting.outbox import Item, Which
from hune.core.clock import Clock
from hune.core.errors import InputError, Unavailable
from hune.http.serve import problem

log = logging.getLogger(__name__)

TEST_ALERT = "TestAlert"
_MAX_LISTED = 5000
_MAX_BODY_BYTES = 64 << 10


def routes(
    database: Database,
    clock: Clock,
    couriers: Mapping[str, Callable[[], None]],
    language: str,
    test_seconds: float,
) -> list[BaseRoute]:
    """Return the routes; `couriers` are asked for a try at once, by the name of their receiver."""
    hands = {"resend": outbox.revive, "discard": outbox.discard}

    async def listing(_request: Request) -> Response:
        items = await database.read(lambda connection: outbox.dead(connection, limit=_MAX_LISTED))
        return JSONResponse({"now": clock.now(), "dead": [_letter(item) for item in items]})

    async def turn(request: Request) -> Response:
        document = await _read(request)
        action, which = _wanted(document, couriers)
        if action not in hands:
            raise InputError("action: unknown", remedy=f"write one of: {', '.join(hands)}")
        count = await database.write(lambda connection: hands[action](connection, which))
        log.info("%s: %d dead letters", action, count)
        if action == "resend":
            _hurry(couriers, which.receiver)
        return JSONResponse({"action": action, "count": count})

    async def test(request: Request) -> Response:
        document = await _read(request)
        _, which = _wanted(document, couriers)
        receivers = [which.receiver] if which.receiver else list(couriers)
        alert, now = _test_alert(Wording(language)), clock.now()

        def store(connection: Any) -> int:
            episode = book.open_episode(connection, alert, now=now, expires_at=now + test_seconds)
            book.address(connection, episode, receivers, now=now)
            return episode

        episode = await database.write(store)
        _hurry(couriers, which.receiver)
        return JSONResponse({"id": episode, "receivers": receivers})

    return [
        Route("/dead", listing),
        Route("/dead", _answered(turn), methods=["POST"]),
        Route("/test", _answered(test), methods=["POST"]),
    ]


def _answered(handler: Callable[[Request], Any]) -> Callable[[Request], Any]:
    async def handle(request: Request) -> Response:
        if not _is_from_here(request):
            return problem(403, "only from this machine: hune alert")
        # A browser sends JSON of another site's only if we allow it: nobody's page can do this by the way.
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return problem(415, "send JSON, with Content-Type: application/json")
        try:
            response: Response = await handler(request)
        except InputError as error:
            return problem(400, str(error))
        except Unavailable as error:
            return problem(503, str(error))
        return response

    return handle


def _is_from_here(request: Request) -> bool:
    """Whether who asks is on this machine: from its loopback, or from the very address that was called."""
    client, server = request.client, request.scope.get("server")
    if client is None:
        return False
    return ipaddress.ip_address(client.host).is_loopback or (server is not None and client.host == server[0])


async def _read(request: Request) -> Mapping[str, Any]:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _MAX_BODY_BYTES:
            raise InputError("body: too large", remedy="name fewer")
    try:
        document = json.loads(bytes(body))
    except (ValueError, RecursionError):
        raise InputError("body: not JSON", remedy="send an object") from None
    if not isinstance(document, dict):
        raise InputError("body: not an object", remedy="send one")
    return document


def _wanted(document: Mapping[str, Any], couriers: Mapping[str, Any]) -> tuple[str, Which]:
    episodes, receiver = document.get("ids"), document.get("receiver")
    if episodes is not None and not (isinstance(episodes, list) and all(type(one) is int for one in episodes)):
        raise InputError("ids: not a list of numbers", remedy="give those of GET /dead, or leave it out for all")
    if receiver is not None and receiver not in couriers:
        raise InputError("receiver: no such receiver", remedy=f"there are: {', '.join(couriers)}")
    return str(document.get("action", "")), Which(episodes, receiver)


def _hurry(couriers: Mapping[str, Callable[[], None]], receiver: str | None) -> None:
    for name, hurry in couriers.items():
        if receiver in (None, name):
            hurry()


def _test_alert(wording: Wording) -> Incoming:
    annotations = {"summary": wording.say("test_summary"), "description": wording.say("test_description")}
    return Incoming(
        firing=True,
        labels={"alertname": TEST_ALERT, "severity": "info"},
        annotations=annotations,
        starts_at=None,
    )


def _letter(item: Item) -> Mapping[str, Any]:
    episode, delivery = item.episode, item.delivery
    return {
        "id": episode.id,
        "receiver": delivery.receiver,
        **{name: episode.labels.get(name, "") for name in ("alertname", "severity", "node")},
        "summary": episode.annotations.get("summary", ""),
        "state": episode.state,
        "wanted": delivery.wanted,
        "told": delivery.told,
        "starts_at": episode.starts_at,
        "at": delivery.at,
        "problem": delivery.problem,
        "refuses": "everything" if delivery.dead is Dead.RECEIVER else "this message",
    }
