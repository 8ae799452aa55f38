"""Answers over a real socket: whole, or seen to be cut short; and requests that make no sense leave no traceback."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from hune.cli.alert_call import pass_on
from hune.core.errors import Unavailable
from hune.core.service import start
from hune.http.serve import HttpService, Parts, create_app, streamed
from support.ports import free_port


class Source:
    """Something that is told part by part; it may fail, and knows when nobody wants more."""

    def __init__(self) -> None:
        self.fails_after = 99
        self.ended = asyncio.Event()
        self.bodies: list[bytes] = []

    async def parts(self) -> Parts:
        try:
            for number in range(self.fails_after):
                yield f"part {number}\n" * 5000
                await asyncio.sleep(0)
                if number == 4 and self.fails_after == 99:
                    return
            raise Unavailable("the book can't be read")
        finally:
            self.ended.set()

    async def answer(self, _request: Request) -> Response:
        return await streamed(self.parts(), media_type="text/plain")

    async def take(self, request: Request) -> Response:
        self.bodies.append(await request.body())
        return PlainTextResponse("OK")

    async def number(self, request: Request) -> Response:
        return PlainTextResponse(str(request.path_params["number"]))


@pytest.fixture
def source() -> Source:
    return Source()


@asynccontextmanager
async def serving(source: Source) -> AsyncIterator[str]:
    async def health() -> dict[str, bool]:
        return {"healthy": True}

    port = free_port()
    routes = [
        Route("/parts", source.answer),
        Route("/take", source.take, methods=["POST"]),
        Route("/{number:number}", source.number),
    ]
    app = create_app(routes=routes, registry=CollectorRegistry(), health=health)
    async with asyncio.TaskGroup() as group:
        task = await start(group, HttpService("test", app, host="127.0.0.1", port=port))
        yield f"http://127.0.0.1:{port}"
        task.cancel()


@pytest.fixture
async def url(source: Source, caplog: pytest.LogCaptureFixture) -> AsyncIterator[str]:
    caplog.set_level(logging.WARNING)
    async with serving(source) as url:
        yield url


async def test_answer_of_many_parts_comes_whole(url: str, source: Source, caplog: pytest.LogCaptureFixture) -> None:
    async with aiohttp.request("GET", f"{url}/parts") as answer:
        assert len((await answer.text()).splitlines()) == 25_000
    assert source.ended.is_set()
    assert caplog.records == []


async def test_what_fails_before_it_begins_is_a_failure(url: str, source: Source) -> None:
    source.fails_after = 0
    async with aiohttp.request("GET", f"{url}/parts") as answer:
        assert answer.status == 503
        assert (await answer.json())["detail"] == "the book can't be read"


async def test_what_breaks_off_is_seen_to_be_incomplete_and_is_one_line_in_the_log(
    url: str, source: Source, caplog: pytest.LogCaptureFixture, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    source.fails_after = 3
    async with aiohttp.request("GET", f"{url}/parts") as answer:
        assert answer.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()
    with pytest.raises(Unavailable, match="broke off: this is not all"):
        await asyncio.to_thread(pass_on, url, "/parts")
    # As much is printed as had come when it broke off.
    assert b"".join(b"part %d\n" % number * 5000 for number in range(3)).startswith(capsysbinary.readouterr().out)
    lines = [record.getMessage() for record in caplog.records]
    assert lines == ["/parts: cut short, and whoever asked can tell: the book can't be read"] * 2


async def test_source_ends_when_nobody_reads_on(url: str, source: Source, caplog: pytest.LogCaptureFixture) -> None:
    source.fails_after = 10**9
    async with aiohttp.ClientSession() as session:
        answer = await session.get(f"{url}/parts")
        await answer.content.readany()
        answer.close()
        async with asyncio.timeout(90.0):
            await source.ended.wait()
    assert caplog.records == []


async def test_request_that_ends_before_its_body_leaves_no_traceback(
    url: str, source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    host, port = url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /take HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf")
    await writer.drain()
    writer.close()
    async with aiohttp.request("POST", f"{url}/take", data=b"whole") as answer:
        assert answer.status == 200
    assert source.bodies == [b"whole"]
    assert caplog.records == []


@pytest.mark.parametrize(("number", "status"), [("17", 200), ("9" * 18, 200), ("9" * 19, 404), ("9" * 5000, 404)])
async def test_number_that_no_database_knows_is_none(
    url: str, number: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with aiohttp.request("GET", f"{url}/{number}") as answer:
        assert answer.status == status
    assert caplog.records == []
