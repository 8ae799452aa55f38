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
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TextIO

from aiohttp import web

from support.stand_in import TOKEN, Accepted, Fault, HttpStandIn

__all__ = ["TOKEN", "Accepted", "DiscordServer", "Fault", "check", "discord_server"]

PATH = f"/api/webhooks/1000/{TOKEN}"


class DiscordServer(HttpStandIn):
    """The server; `url` is the webhook to give to Hune."""

    settings: ClassVar[Mapping[str, Any]] = {"discord": {"webhook": "env:DISCORD_URL"}}

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}{PATH}"

    @property
    def environ(self) -> Mapping[str, str]:
        return {"DISCORD_URL": self.url}

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post(PATH, self._post)
        app.router.add_patch(PATH + "/messages/{id}", self._patch)

    def problems(self, payload: Mapping[str, Any]) -> list[str]:
        return check(payload)

    async def _post(self, request: web.Request) -> web.StreamResponse:
        response = await self.take(request, "POST")
        if request.query.get("wait") != "true" and response.status == 200:
            return web.Response(status=204)
        return response

    async def _patch(self, request: web.Request) -> web.StreamResponse:
        return await self.take(request, "PATCH", request.match_info["id"])


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
