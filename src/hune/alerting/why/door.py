"""`GET /why`: why an alert fires, or doesn't."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from hune.alerting.doors.access import answered
from hune.alerting.why.asking import Asker
from hune.alerting.why.explaining import explain
from hune.alerting.why.subjects import Question
from hune.alerting.why.words import WORDS
from hune.core.errors import InputError

_AT_ONCE = 2
"""Each answer costs Prometheus a dozen questions."""
_LONGEST = 500
_MOST_LABELS = 10
_LAST_NUMBER = 2**63 - 1


def routes(asker: Asker, language: str) -> list[BaseRoute]:
    """Return the route."""
    turn = asyncio.Semaphore(_AT_ONCE)

    async def why(request: Request) -> Response:
        asked = dict(request.query_params)
        wanted = asked.pop("lang", language)
        question = _question(asked)
        async with turn:
            facts = await asker.ask(question)
        return JSONResponse(
            {
                "now": facts.now,
                "rule": facts.name,
                "title": facts.title,
                "labels": dict(facts.labels),
                "alert": facts.episode.id if facts.episode else None,
                "others": list(facts.others),
                "findings": [finding.to_dict() for finding in explain(facts, wanted if wanted in WORDS else language)],
            }
        )

    return [Route("/why", answered(why))]


def _question(given: dict[str, str]) -> Question:
    if len(given) > _MOST_LABELS or any(len(text) > _LONGEST for text in given.values()):
        raise InputError("too much is asked", remedy="name a rule, a resource, and labels of the alert")
    number = given.pop("id", None)
    if number is not None:
        if not (number.isascii() and number.isdigit()):
            raise InputError("id: not a number", remedy="give that of an alert")
        return Question(number=min(int(number), _LAST_NUMBER))
    rule, resource = given.pop("rule", ""), given.pop("node", "")
    return Question(rule, resource, {label: text for label, text in given.items() if text})
