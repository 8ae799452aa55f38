"""Whom of a cluster of Alertmanagers the client asks, and what it makes of their answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from hune.core.errors import Refused, Unavailable
from hune.promapi.alertmanager import AlertmanagerClient, SilenceMatcher
from support.ports import free_port

NOT_FOUND = (500, b'"silence not found"')


class Place:
    """An Alertmanager that answers everything with one answer, or hangs up."""

    def __init__(self) -> None:
        self.answer: tuple[int, bytes] | None = (200, b"[]")
        self.asked = 0
        self.gate: asyncio.Barrier | None = None
        self.url = f"http://127.0.0.1:{free_port()}"

    async def handle(self, request: web.Request) -> web.Response:
        self.asked += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.answer is None:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        status, body = self.answer
        return web.Response(status=status, body=body, content_type="application/json")


@pytest_asyncio.fixture
async def places() -> AsyncIterator[list[Place]]:
    made, runners = [Place(), Place()], []
    for place in made:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", place.handle)
        runners.append(runner := web.AppRunner(app, shutdown_timeout=0.1))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", int(place.url.rpartition(":")[2]), reuse_address=True).start()
    yield made
    for runner in runners:
        await runner.cleanup()


@pytest_asyncio.fixture
async def client(places: list[Place]) -> AsyncIterator[AlertmanagerClient]:
    async with aiohttp.ClientSession() as session:
        yield AlertmanagerClient(session, *(place.url for place in places))


def silence(identity: str, *, ends: str = "2026-12-01T00:00:00.000Z", **given: Any) -> dict[str, Any]:
    matchers = [{"name": "node", "value": "pve-02", "isRegex": False}]
    moments = {"startsAt": "2026-11-01T00:00:00.000Z", "endsAt": ends}
    return {"id": identity, "status": {"state": "active"}, "matchers": matchers, **moments, **given}


async def test_all_who_ask_at_once_while_one_dies_are_answered_by_the_other(
    places: list[Place], client: AlertmanagerClient
) -> None:
    places[0].answer, places[0].gate = None, asyncio.Barrier(4)
    assert await asyncio.gather(*(client.silences() for _ in range(4))) == [[]] * 4
    # Who lives is asked first from now on.
    places[0].gate = None
    asked = places[0].asked
    assert await client.alerts() == []
    assert places[0].asked == asked


@pytest.mark.parametrize("answer", [None, (401, b""), (404, b""), (503, b"")])
async def test_an_answer_that_is_none_is_asked_of_the_other(
    places: list[Place], client: AlertmanagerClient, answer: tuple[int, bytes] | None
) -> None:
    places[0].answer = answer
    places[1].answer = (200, json.dumps([silence("s1")]).encode())
    assert [one.id for one in await client.silences()] == ["s1"]


async def test_what_one_refuses_is_not_tried_with_the_other(places: list[Place], client: AlertmanagerClient) -> None:
    places[0].answer = (400, b'"bad matcher"')
    with pytest.raises(Refused, match="bad matcher"):
        await client.create_silence([SilenceMatcher("a", "")], starts_at=0.0, ends_at=9.0, by="Ada", reason="tests")
    assert places[1].asked == 0


@pytest.mark.parametrize(("first", "second"), [(NOT_FOUND, None), (None, NOT_FOUND), (NOT_FOUND, NOT_FOUND)])
async def test_a_silence_that_is_over_is_refused_whoever_else_is_dead(
    places: list[Place], client: AlertmanagerClient, first: Any, second: Any
) -> None:
    places[0].answer, places[1].answer = first, second
    with pytest.raises(Refused, match="not found"):
        await client.expire_silence("no-such")


async def test_a_key_that_is_refused_is_no_fault_of_the_matchers(
    places: list[Place], client: AlertmanagerClient
) -> None:
    for place in places:
        place.answer = (401, b"Unauthorized")
    with pytest.raises(Unavailable, match="401"):
        await client.create_silence([SilenceMatcher("a", "b")], starts_at=0.0, ends_at=9.0, by="Ada", reason="tests")


_NONSENSE: list[Callable[[], bytes]] = [
    lambda: b"<html>",
    lambda: b"{}",
    lambda: b"[1]",
    lambda: b"[" * 100_000,
    lambda: b'[{"id": "x"}]',
    lambda: json.dumps([silence("s1", matchers=None)]).encode(),
    lambda: json.dumps([silence("s1", ends="soon")]).encode(),
    lambda: json.dumps([silence("s1", endsAt=7)]).encode(),
]


@pytest.mark.parametrize("body", _NONSENSE)
async def test_nonsense_is_no_answer(
    places: list[Place], client: AlertmanagerClient, body: Callable[[], bytes]
) -> None:
    places[0].answer = (200, body())
    with pytest.raises(Unavailable):
        await client.silences()


async def test_silences_come_in_the_same_order_however_alertmanager_puts_them(
    places: list[Place], client: AlertmanagerClient
) -> None:
    rows = [silence("b"), silence("a"), silence("c", ends="2026-11-30T00:00:00.123456789Z")]
    rows.append(silence("d", status={"state": "expired"}))
    places[0].answer = (200, json.dumps(rows).encode())
    assert [one.id for one in await client.silences()] == ["c", "a", "b"]
