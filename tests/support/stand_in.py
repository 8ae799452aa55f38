"""What all stand-ins for channels have in common: what they accepted and refused, and how they fail when told to."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from aiohttp import web

TOKEN = "secret-token-that-must-not-leak"


@dataclass(frozen=True)
class Accepted:
    """One request that was accepted."""

    at: float
    method: str
    id: str
    payload: Mapping[str, Any]

    def to_json(self) -> str:
        return json.dumps({"at": self.at, "method": self.method, "id": self.id, "payload": self.payload})

    @property
    def text(self) -> str:
        """All words of the message."""
        return " ".join(_strings(self.payload))


@dataclass
class Fault:
    """How the server fails; `times` None: until told otherwise.

    `kind`: `status` (answers `status`, 429 with Retry-After), `withhold` (takes the message and never answers),
    `silent` (takes nothing and never answers), `hang_up`, `garbage` (takes the message, answers what nobody expects),
    `deleted` (as if the receiver was gone), `refuse` (as if the message was wrong), `lose` (edits: the message was
    deleted), `redirect`, `none`.
    """

    kind: str = "none"
    status: int = 500
    retry_after: float | None = None
    times: int | None = None


class StandIn:
    """A channel's server as tests see it."""

    settings: ClassVar[Mapping[str, Any]]
    """The channel's part of a receiver of the site."""

    def __init__(self, *, host: str = "127.0.0.1", port: int, on_accepted: Callable[[Accepted], None] | None = None):
        self.host, self.port = host, port
        self.accepted: list[Accepted] = []
        self.refused: list[str] = []
        self.requests = 0
        self.request_times: list[float] = []
        self._fault = Fault()
        self._news = asyncio.Condition()
        self._on_accepted = on_accepted

    @property
    def environ(self) -> Mapping[str, str]:
        """What has to stand in the hub's environment."""
        raise NotImplementedError

    async def start(self) -> None:
        """Listen."""
        raise NotImplementedError

    async def stop(self) -> None:
        """Stop listening: from now on connections are refused."""
        raise NotImplementedError

    def fail(self, fault: Fault | None) -> None:
        """Fail like this from now on; None ends it."""
        self._fault = fault or Fault()

    @property
    def posts(self) -> list[Accepted]:
        return [accepted for accepted in self.accepted if accepted.method == "POST"]

    @property
    def patches(self) -> list[Accepted]:
        return [accepted for accepted in self.accepted if accepted.method == "PATCH"]

    async def wait(self, holds: Callable[[Any], bool], *, timeout_seconds: float = 90.0) -> None:
        """Wait until something holds; it is looked at after each request."""
        try:
            async with asyncio.timeout(timeout_seconds), self._news:
                await self._news.wait_for(lambda: holds(self))
        except TimeoutError:
            told = [accepted.text[:200] for accepted in self.accepted]
            raise AssertionError(f"{type(self).__name__}: {self.requests} requests, {self.refused}, {told}") from None

    def count_request(self) -> Fault:
        """Note a request and return how it shall fail."""
        self.requests += 1
        self.request_times.append(time.time())
        fault = self._fault
        if fault.times is not None:
            fault.times -= 1
            if fault.times <= 0:
                self._fault = Fault()
        return fault

    def accept(self, method: str, identity: str, payload: Mapping[str, Any]) -> None:
        accepted = Accepted(time.time(), method, identity, payload)
        self.accepted.append(accepted)
        if self._on_accepted:
            self._on_accepted(accepted)

    async def tell(self) -> None:
        """Have everybody who waits look again."""
        async with self._news:
            self._news.notify_all()


class HttpStandIn(StandIn):
    """A service that takes messages as JSON."""

    def __init__(self, *, host: str = "127.0.0.1", port: int, on_accepted: Callable[[Accepted], None] | None = None):
        super().__init__(host=host, port=port, on_accepted=on_accepted)
        self.rate_limit: tuple[int, float] | None = None
        """So many requests per window of seconds, told in X-RateLimit-*; more are answered with 429."""
        self.over_limit = 0
        self._window: list[float] = []
        self._is_open = asyncio.Event()
        self._is_open.set()
        self._runner: web.AppRunner | None = None

    def add_routes(self, app: web.Application) -> None:
        raise NotImplementedError

    def problems(self, payload: Mapping[str, Any]) -> list[str]:
        """Return in what a message breaks the service's rules."""
        raise NotImplementedError

    def thanks(self, identity: str, headers: Mapping[str, str]) -> web.Response:
        """Answer that a message was accepted."""
        return web.json_response({"id": identity, "channel_id": "7"}, headers=headers)

    def no_message(self) -> web.Response:
        """Answer that the message to edit isn't there."""
        return web.json_response({"message": "Unknown Message", "code": 10008}, status=404)

    def wrong(self, problems: list[str]) -> web.Response:
        """Answer that a message breaks the rules."""
        return web.json_response({"message": "Invalid Form Body", "code": 50035, "errors": problems}, status=400)

    def gone(self) -> web.Response:
        """Answer that nothing is taken here any more."""
        return web.json_response({"message": "Unknown Webhook", "code": 10015}, status=404)

    def limited(self, retry_after: float) -> web.Response:
        """Answer that it was too much."""
        return web.json_response(
            {"message": "You are being rate limited.", "retry_after": retry_after, "global": False},
            status=429,
            headers={"Retry-After": str(retry_after)},
        )

    async def start(self) -> None:
        app = web.Application(client_max_size=32 << 20)
        self.add_routes(app)
        app.router.add_post("/control", self._control)
        app.router.add_get("/accepted", self._list)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, self.host, self.port, reuse_address=True).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def hold(self) -> None:
        """Let requests wait until `release`."""
        self._is_open.clear()

    def release(self) -> None:
        self._is_open.set()

    async def take(self, request: web.Request, method: str, identity: str | None = None) -> web.StreamResponse:
        """Take a message, or fail as told; an edit's `identity` may stand in the message itself (`ts`)."""
        await self._is_open.wait()
        fault = self.count_request()
        try:
            payload = json.loads(await request.read())
            problems = self.problems(payload) if isinstance(payload, dict) else ["not an object"]
        except ValueError:
            payload, problems = {}, ["not JSON"]
        if identity is None:
            identity = str(payload.get("ts")) if method == "PATCH" else str(len(self.accepted) + 1)
        headers = self._rate_headers()
        if headers is None:
            self.over_limit += 1
            await self.tell()
            return self.limited(1.0)
        if fault.kind in ("status", "silent", "hang_up", "deleted", "redirect", "refuse"):
            await self.tell()
            return await self._fail(request, fault)
        if method == "PATCH" and (fault.kind == "lose" or not any(one.id == identity for one in self.posts)):
            await self.tell()
            return self.no_message()
        if problems:
            self.refused += problems
            await self.tell()
            return self.wrong(problems)
        self.accept(method, identity, payload)
        await self.tell()
        if fault.kind == "withhold":
            await asyncio.sleep(3600)
        if fault.kind == "garbage":
            return web.Response(text="<html>not what you expect</html>", content_type="text/html")
        return self.thanks(identity, headers)

    def _rate_headers(self) -> dict[str, str] | None:
        """Return the headers of the limit, or None if it is exceeded."""
        if self.rate_limit is None:
            return {}
        count, seconds = self.rate_limit
        now = time.monotonic()
        self._window = [moment for moment in self._window if moment > now - seconds]
        if len(self._window) >= count:
            return None
        self._window.append(now)
        return {
            "X-RateLimit-Limit": str(count),
            "X-RateLimit-Remaining": str(count - len(self._window)),
            # Rounded up: whoever comes back then is not too early.
            "X-RateLimit-Reset-After": f"{math.ceil(1000 * (self._window[0] + seconds - now)) / 1000:.3f}",
        }

    async def _fail(self, request: web.Request, fault: Fault) -> web.StreamResponse:
        if fault.kind == "silent":
            await asyncio.sleep(3600)
        if fault.kind == "hang_up":
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        if fault.kind == "deleted":
            return self.gone()
        if fault.kind == "refuse":
            return self.wrong(["told to refuse"])
        if fault.kind == "redirect":
            return web.Response(status=302, headers={"Location": f"http://{self.host}:{self.port}/elsewhere"})
        if fault.status == 429:
            return self.limited(fault.retry_after if fault.retry_after is not None else 1.0)
        headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
        return web.Response(status=fault.status, headers=headers, text="no")

    async def _control(self, request: web.Request) -> web.Response:
        self.fail(Fault(**await request.json()))
        return web.json_response({})

    async def _list(self, _request: web.Request) -> web.Response:
        return web.json_response([json.loads(accepted.to_json()) for accepted in self.accepted])


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for entry in value.values() for text in _strings(entry)]
    if isinstance(value, list):
        return [text for entry in value for text in _strings(entry)]
    return []
