"""What a person does about delivery: dead letters are listed, sent again or discarded, and tests are sent.

`hune alert` is the hand that knocks at these doors.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from hune.alerting.doors.access import local, read_document
from hune.alerting.notifiers.phrasing import Wording
from hune.alerting.state import book, outbox
from hune.alerting.state.database import Database
from hune.alerting.state.episode import Dead, Incoming
from hune.alerting.state.outbox import Item, Which
from hune.core.clock import Clock
from hune.core.errors import InputError

log = logging.getLogger(__name__)

TEST_ALERT = "TestAlert"
_MAX_LISTED = 5000


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
        document = await read_document(request)
        action, which = _wanted(document, couriers)
        if action not in hands:
            raise InputError("action: unknown", remedy=f"write one of: {', '.join(hands)}")
        count = await database.write(lambda connection: hands[action](connection, which, now=clock.now()))
        log.info("%s: %d dead letters", action, count)
        if action == "resend":
            _hurry(couriers, which.receiver)
        return JSONResponse({"action": action, "count": count})

    async def test(request: Request) -> Response:
        document = await read_document(request)
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
        Route("/dead", local(turn), methods=["POST"]),
        Route("/test", local(test), methods=["POST"]),
    ]


def _wanted(document: Mapping[str, Any], couriers: Mapping[str, Any]) -> tuple[str, Which]:
    episodes, receiver = document.get("ids"), document.get("receiver")
    if episodes is not None and not (isinstance(episodes, list) and all(type(one) is int for one in episodes)):
        raise InputError("ids: not a list of numbers", remedy="give those of GET /dead, or leave it out for all")
    if receiver is not None and not (isinstance(receiver, str) and receiver in couriers):
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
