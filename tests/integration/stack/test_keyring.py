"""Each door gets its own key, and nobody else any."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from hune.core import keys
from hune.http.call import Keyring, open_session


@pytest.fixture
async def server() -> AsyncIterator[TestServer]:
    async def answer(request: web.Request) -> web.Response:
        if request.path == "/away":
            raise web.HTTPFound(request.query["to"])
        return web.Response(text=request.headers.get("Authorization", "none"))

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    started = TestServer(app)
    async with started:
        yield started


@pytest.fixture
def key(tmp_path: Path) -> Path:
    keys.make(tmp_path / "engine")
    return tmp_path / "engine"


async def told(server: TestServer, path: str, *doors: tuple[str, Path]) -> str:
    keyring = await asyncio.to_thread(Keyring, doors)
    async with open_session(keyring=keyring) as session, session.get(server.make_url(path)) as response:
        return await response.text()


async def test_key_goes_to_its_own_door_alone(server: TestServer, key: Path) -> None:
    own = str(server.make_url("/any/path"))
    assert (await told(server, "/-/ready", (own, key))).startswith("Basic ")
    assert await told(server, "/-/ready", ("http://127.0.0.1:1/", key)) == "none"
    assert await told(server, "/-/ready", (own, key.with_name("absent"))) == "none"


async def test_key_does_not_follow_to_another_door(server: TestServer, key: Path) -> None:
    other = server.make_url("/-/ready").with_host("localhost")
    assert await told(server, f"/away?to={other}", (str(server.make_url("/")), key)) == "none"


async def test_keys_of_a_plan_replace_those_before(server: TestServer, key: Path) -> None:
    keyring = await asyncio.to_thread(Keyring, [(str(server.make_url("/")), key)])
    keyring.hold([])
    async with open_session(keyring=keyring) as session, session.get(server.make_url("/")) as response:
        assert await response.text() == "none"
