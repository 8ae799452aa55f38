"""Who may change something at the hub: the bearer of a key, or whoever asks from this machine and is no page.

Nester asks from this machine on behalf of anybody's browser. It says so (`X-Hune-Page`), holds no key of its own, and
passes on the one the browser brought.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from hune.alerting.doors.keys import Keys
from hune.alerting.state.episode import Episode
from hune.core.clock import Clock
from hune.core.errors import HuneError, InputError, Unavailable
from hune.http.serve import problem

PAGE_HEADER = "x-hune-page"
_MAX_BODY_BYTES = 64 << 10


class Barred(HuneError):
    """No, and `status` says why: 401 (bring a key), 403 (not with this one), 404, 409 (not as things stand)."""

    def __init__(self, status: int, message: str, *, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.status = status


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts."""

    episode: int | None = None
    """The only alert that this one may do something about; None: may do everything."""
    receiver: str = ""
    """Whose message brought the key, if one did."""
    since: float = 0.0
    """When the key was made: it opens nothing that is younger."""
    expires: float | None = None

    @property
    def may_do_everything(self) -> bool:
        return self.episode is None

    def check(self, episode: Episode) -> None:
        """Raise Barred unless this one may look after an alert.

        A hub that lost its book counts from one again: a key is for the alert that its number meant then.
        """
        if self.may_do_everything or (self.episode == episode.id and episode.received_at <= self.since):
            return
        raise Barred(403, "this key is for another alert", remedy="open the link of this alert's own message")

    def check_everything(self) -> None:
        """Raise Barred unless this one may do everything."""
        if not self.may_do_everything:
            raise Barred(403, "this key is for one alert", remedy="sign in with the operator's: hune alert link")


def may(request: Request, keys: Keys, *, now: float) -> Actor:
    """Return who asks. Raises Barred if that one may change nothing."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme:
        grant = keys.grant(key.strip(), now=now) if scheme.lower() == "bearer" else None
        if grant is None:
            raise Barred(401, "this key is not valid, or not any more", remedy="open a newer link, or: hune alert link")
        return Actor(grant.episode, grant.receiver, grant.made_at, grant.expires)
    if PAGE_HEADER in request.headers:
        raise Barred(401, "nobody is signed in", remedy="open the link of a message, or: hune alert link")
    if not is_from_here(request):
        raise Barred(403, "only with a key, or from this machine", remedy="hune alert, there")
    return Actor()


def is_from_here(request: Request) -> bool:
    """Whether who asks is on this machine: from its loopback, or from the very address that was called."""
    client, server = request.client, request.scope.get("server")
    if client is None:
        return False
    return ipaddress.ip_address(client.host).is_loopback or (server is not None and client.host == server[0])


def guarded(
    handler: Callable[[Request, Actor], Awaitable[Response]], keys: Keys, clock: Clock
) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint of a request that changes something: `handler` is called only for who may."""

    async def handle(request: Request) -> Response:
        return await handler(request, may(request, keys, now=clock.now()))

    return answered(handle)


def local(handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint of a request that is granted on this machine alone, whatever key there is."""

    async def handle(request: Request) -> Response:
        if not is_from_here(request) or PAGE_HEADER in request.headers:
            raise Barred(403, "only from this machine: hune alert")
        return await handler(request)

    return answered(handle)


def answered(handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """Return an endpoint that takes JSON alone and answers errors as problems."""

    async def handle(request: Request) -> Response:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        try:
            # A browser sends JSON, or DELETE, to another site only if we allow it: nobody's page does this by the way.
            if request.method == "POST" and kind != "application/json":
                raise Barred(415, "send JSON, with Content-Type: application/json")
            return await handler(request)
        except Barred as error:
            return problem(error.status, str(error))
        except InputError as error:
            return problem(400, str(error))
        except Unavailable as error:
            return problem(503, str(error))

    return handle


async def read_document(request: Request) -> Mapping[str, Any]:
    """Return the object that a request brings. Raises InputError if it brings none."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _MAX_BODY_BYTES:
            raise InputError("body: too large", remedy="send less")
    try:
        document = json.loads(bytes(body))
    except (ValueError, RecursionError):
        raise InputError("body: not JSON", remedy="send an object") from None
    if not isinstance(document, dict):
        raise InputError("body: not an object", remedy="send one")
    return document
