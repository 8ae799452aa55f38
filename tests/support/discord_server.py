"""A stand-in for Discord's webhooks that holds messages to the documented limits, and fails as it is told to.

Run alone, `python -m support.discord_server --port N --record FILE` prints `{"listening": URL}`, then one JSON line for
each accepted request: `{"at": epoch seconds, "method": "POST" or "PATCH", "id": "1", "payload": {…}}`. Faults are
ordered by `POST /control` with the fields of `Fault` as JSON, `{"kind": "none"}` ends them; `GET /accepted` lists what
was accepted.

Limits: https://discord.com/developers/docs/resources/message#embed-object-embed-limits
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from aiohttp import web

TOKEN = "secret-token-that-must-not-leak"
PATH = f"/api/webhooks/1000/{TOKEN}"


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
    `silent` (takes nothing and never answers), `hang_up`, `garbage` (takes the message, answers no JSON), `deleted`
    (404, unknown webhook), `lose` (404 to edits: the message was deleted), `redirect`, `none`.
    """

    kind: str = "none"
    status: int = 500
    retry_after: float | None = None
    times: int | None = None


class DiscordServer:
    """The server; `url` is the webhook to give to Hune."""

    def __init__(self, *, host: str = "127.0.0.1", port: int, on_accepted: Callable[[Accepted], None] | None = None):
        self.host, self.port = host, port
        self.accepted: list[Accepted] = []
        self.refused: list[str] = []
        self.requests = 0
        self.request_times: list[float] = []
        self.rate_limit: tuple[int, float] | None = None
        """So many requests per window of seconds, told in X-RateLimit-*; more are answered with 429."""
        self.over_limit = 0
        self._window: list[float] = []
        self._fault = Fault()
        self._news = asyncio.Condition()
        self._on_accepted = on_accepted
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}{PATH}"

    async def start(self) -> None:
        """Listen."""
        app = web.Application(client_max_size=32 << 20)
        app.router.add_post(PATH, self._post)
        app.router.add_patch(PATH + "/messages/{id}", self._patch)
        app.router.add_post("/control", self._control)
        app.router.add_get("/accepted", self._list)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, self.host, self.port, reuse_address=True).start()

    async def stop(self) -> None:
        """Stop listening: from now on connections are refused."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def fail(self, fault: Fault | None) -> None:
        """Fail like this from now on; None ends it."""
        self._fault = fault or Fault()

    @property
    def posts(self) -> list[Accepted]:
        return [accepted for accepted in self.accepted if accepted.method == "POST"]

    @property
    def patches(self) -> list[Accepted]:
        return [accepted for accepted in self.accepted if accepted.method == "PATCH"]

    async def wait(self, holds: Callable[[DiscordServer], bool], *, timeout_seconds: float = 15.0) -> None:
        """Wait until something holds; it is looked at after each request."""
        async with asyncio.timeout(timeout_seconds), self._news:
            await self._news.wait_for(lambda: holds(self))

    async def _post(self, request: web.Request) -> web.StreamResponse:
        return await self._take(request, "POST", str(len(self.accepted) + 1))

    async def _patch(self, request: web.Request) -> web.StreamResponse:
        return await self._take(request, "PATCH", request.match_info["id"])

    async def _take(self, request: web.Request, method: str, identity: str) -> web.StreamResponse:
        self.requests += 1
        self.request_times.append(time.time())
        fault = self._next_fault()
        try:
            payload = json.loads(await request.read())
            problems = check(payload) if isinstance(payload, dict) else ["not an object"]
        except ValueError:
            payload, problems = {}, ["not JSON"]
        headers = self._rate_headers()
        if headers is None:
            self.over_limit += 1
            await self._tell()
            return self._limited(1.0)
        if fault.kind in ("status", "silent", "hang_up", "deleted", "redirect"):
            await self._tell()
            return await self._fail(request, fault)
        if method == "PATCH" and (fault.kind == "lose" or not any(one.id == identity for one in self.posts)):
            await self._tell()
            return web.json_response({"message": "Unknown Message", "code": 10008}, status=404)
        if problems:
            self.refused += problems
            await self._tell()
            return web.json_response({"message": "Invalid Form Body", "code": 50035, "errors": problems}, status=400)
        accepted = Accepted(time.time(), method, identity, payload)
        self.accepted.append(accepted)
        if self._on_accepted:
            self._on_accepted(accepted)
        await self._tell()
        if fault.kind == "withhold":
            await asyncio.sleep(3600)
        if fault.kind == "garbage":
            return web.Response(text="<html>not what you expect</html>", content_type="text/html")
        if request.query.get("wait") != "true" and method == "POST":
            return web.Response(status=204, headers=headers)
        return web.json_response({"id": identity, "channel_id": "7"}, headers=headers)

    def _next_fault(self) -> Fault:
        fault = self._fault
        if fault.times is not None:
            fault.times -= 1
            if fault.times <= 0:
                self._fault = Fault()
        return fault

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
            "X-RateLimit-Reset-After": f"{self._window[0] + seconds - now:.3f}",
        }

    @staticmethod
    def _limited(retry_after: float) -> web.Response:
        return web.json_response(
            {"message": "You are being rate limited.", "retry_after": retry_after, "global": False},
            status=429,
            headers={"Retry-After": str(retry_after)},
        )

    async def _fail(self, request: web.Request, fault: Fault) -> web.StreamResponse:
        if fault.kind == "silent":
            await asyncio.sleep(3600)
        if fault.kind == "hang_up":
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        if fault.kind == "deleted":
            return web.json_response({"message": "Unknown Webhook", "code": 10015}, status=404)
        if fault.kind == "redirect":
            return web.Response(status=302, headers={"Location": f"http://{self.host}:{self.port}/elsewhere"})
        if fault.status == 429:
            return self._limited(fault.retry_after if fault.retry_after is not None else 1.0)
        headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
        return web.Response(status=fault.status, headers=headers, text="no")

    async def _control(self, request: web.Request) -> web.Response:
        self.fail(Fault(**await request.json()))
        return web.json_response({})

    async def _list(self, _request: web.Request) -> web.Response:
        return web.json_response([json.loads(accepted.to_json()) for accepted in self.accepted])

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()


@contextlib.asynccontextmanager
async def discord_server(port: int) -> AsyncIterator[DiscordServer]:
    """Run a server for as long as the block lasts."""
    server = DiscordServer(port=port)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@dataclass
class _Count:
    total: int = 0
    problems: list[str] = field(default_factory=list)

    def text(self, where: str, value: Any, limit: int, *, counted: bool = True, empty: bool = False) -> None:
        if not isinstance(value, str):
            self.problems.append(f"{where}: not text")
            return
        if not empty and not value.strip():
            self.problems.append(f"{where}: empty")
        if _units(value) > limit:
            self.problems.append(f"{where}: {_units(value)} characters, {limit} at most")
        self.total += _units(value) if counted else 0


def check(payload: Mapping[str, Any]) -> list[str]:
    """Return in what a message breaks Discord's rules; lengths in UTF-16 units, the strictest reading."""
    count = _Count()
    embeds = payload.get("embeds", [])
    count.text("content", payload.get("content", ""), 2000, counted=False, empty=bool(embeds))
    if payload.get("allowed_mentions") != {"parse": []}:
        count.problems.append("allowed_mentions: would ping people")
    if unknown := set(payload) - {"content", "embeds", "allowed_mentions", "username", "avatar_url", "flags"}:
        count.problems.append(f"unknown keys {sorted(unknown)}")
    if not isinstance(embeds, list) or len(embeds) > 10:
        return [*count.problems, "embeds: more than 10, or no list"]
    for index, embed in enumerate(embeds):
        _check_embed(f"embeds[{index}]", embed, count)
    if count.total > 6000:
        count.problems.append(f"embeds: {count.total} characters in all, 6000 at most")
    return count.problems


def _check_embed(where: str, embed: Mapping[str, Any], count: _Count) -> None:
    for key, limit in (("title", 256), ("description", 4096)):
        if key in embed:
            count.text(f"{where}.{key}", embed[key], limit)
    if "footer" in embed:
        count.text(f"{where}.footer.text", embed["footer"]["text"], 2048)
    fields = embed.get("fields", [])
    if len(fields) > 25:
        count.problems.append(f"{where}.fields: {len(fields)}, 25 at most")
    for number, entry in enumerate(fields):
        count.text(f"{where}.fields[{number}].name", entry["name"], 256)
        count.text(f"{where}.fields[{number}].value", entry["value"], 1024)
    if "url" in embed and not str(embed["url"]).startswith(("http://", "https://")):
        count.problems.append(f"{where}.url: not a URL")
    colour = embed.get("color", 0)
    if not isinstance(colour, int) or not 0 <= colour <= 0xFFFFFF:
        count.problems.append(f"{where}.color: no colour")


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for entry in value.values() for text in _strings(entry)]
    if isinstance(value, list):
        return [text for entry in value for text in _strings(entry)]
    return []


def _main() -> None:
    parser = argparse.ArgumentParser(description="a stand-in for Discord's webhooks")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--record", help="also write the accepted requests to this file")
    given = parser.parse_args()
    with contextlib.ExitStack() as stack:
        streams: list[TextIO] = [sys.stdout]
        if given.record:
            streams.append(stack.enter_context(Path(given.record).open("a")))

        def note(line: str) -> None:
            for stream in streams:
                stream.write(line + "\n")
                stream.flush()

        asyncio.run(_serve(given.host, given.port, note))


async def _serve(host: str, port: int, note: Callable[[str], None]) -> None:
    server = DiscordServer(host=host, port=port, on_accepted=lambda accepted: note(accepted.to_json()))
    await server.start()
    note(json.dumps({"listening": server.url}))
    try:
        await asyncio.Event().wait()
    finally:
        await server.stop()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        _main()
