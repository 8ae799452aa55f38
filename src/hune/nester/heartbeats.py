"""Heartbeats of others, passed on to the hub: who may reach the pages need not reach the hub as well.

Nester knows no key: it passes on what was brought, for names that the site file expects, and the hub judges.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

import aiohttp
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from yarl import URL

from hune.core.errors import why
from hune.http.serve import problem

_MAX_BODY_BYTES = 4096
_PATIENCE_SECONDS = 5.0
_PASSED_BACK = ("content-type", "retry-after")


def routes(session: aiohttp.ClientSession, hub: str, names: Sequence[str]) -> list[BaseRoute]:
    """Return the doors; none where the site file expects nobody."""

    async def pass_on(request: Request) -> Response:
        parts = list(request.path_params.values())
        if parts[0] not in names or any(part in (".", "..") for part in parts):
            return problem(404, "no such heartbeat, or not its key")
        url = URL(f"{hub}/heartbeats/{'/'.join(quote(part, safe='') for part in parts)}", encoded=True)
        given = {name: text for name in ("authorization",) if (text := request.headers.get(name))}
        try:
            async with session.request(
                request.method,
                url,
                data=await _body(request) or None,
                headers={**given, "Content-Type": "text/plain; charset=utf-8"},
                timeout=aiohttp.ClientTimeout(total=_PATIENCE_SECONDS),
                allow_redirects=False,
            ) as answer:
                headers = {name: answer.headers[name] for name in _PASSED_BACK if name in answer.headers}
                return Response(await answer.read(), answer.status, headers)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            # Of others the words would name the URL, and the key in it.
            return problem(503, f"the hub does not answer: {why(error) if isinstance(error, OSError) else 'try again'}")

    if not names:
        return []
    paths = ("/heartbeats/{name}", "/heartbeats/{name}/{first}", "/heartbeats/{name}/{first}/{signal}")
    return [Route(path, pass_on, methods=["GET", "POST", "HEAD"]) for path in paths]


async def _body(request: Request) -> bytes:
    """Return the beginning of a body: more than a reason is not wanted."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) >= _MAX_BODY_BYTES:
            break
    return bytes(body[:_MAX_BODY_BYTES])
