"""Nester in the loop of a test, and somebody who asks it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import aiohttp

from hune.core.layout import Layout
from hune.core.service import start
from hune.nester.app import Nester
from support.fake_engines import FakeEngines
from support.fake_hub import OPERATOR
from support.homelab import homelab
from support.ports import free_port

PUBLIC = "https://watch.example.org"
AS_OPERATOR = {"Cookie": f"hune-operator={OPERATOR}"}
ACKNOWLEDGE = {"do": "acknowledge", "by": "Ana", "note": "on my way"}


class Place:
    """Where Nester answers; `engines` may be changed while it does."""

    def __init__(self, engines: FakeEngines, session: aiohttp.ClientSession, url: str) -> None:
        self.engines = engines
        self.session = session
        self.url = url

    async def get(self, path: str, **headers: str) -> tuple[aiohttp.ClientResponse, str]:
        async with self.session.get(self.url + path, headers=headers, allow_redirects=False) as response:
            return response, await response.text()

    async def json(self, path: str) -> Any:
        response, text = await self.get(path)
        assert response.status == 200, text
        return json.loads(text)

    async def send(
        self, path: str, fields: Mapping[str, str] | Sequence[tuple[str, str]], **headers: str
    ) -> tuple[aiohttp.ClientResponse, str]:
        """Send a form as a page of Nester's own does, unless `headers` say otherwise."""
        given = headers or {"Origin": self.url}
        async with self.session.post(self.url + path, data=fields, headers=given, allow_redirects=False) as response:
            return response, await response.text()


def open_session() -> aiohttp.ClientSession:
    """Return a session that keeps no cookies: tests say which they bring."""
    return aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())


@contextlib.asynccontextmanager
async def nester_place(folder: Path) -> AsyncIterator[Place]:
    """Run Nester over fake engines."""
    engines_port, hub_port, port = free_port(), free_port(), free_port()
    site = homelab(engines_port=engines_port, hub_port=hub_port, nester_port=port, public_url=f"{PUBLIC}/")
    engines, layout = FakeEngines(site), Layout(folder)
    async with (
        engines.serving(engines_port=engines_port, hub_port=hub_port, socket=layout.socket),
        asyncio.TaskGroup() as group,
        open_session() as session,
    ):
        task = await start(group, Nester(site, layout))
        yield Place(engines, session, f"http://127.0.0.1:{port}")
        task.cancel()


def cookies(response: aiohttp.ClientResponse) -> SimpleCookie:
    return SimpleCookie("\r\n".join(response.headers.getall("Set-Cookie", [])))


def problem(text: str) -> str:
    """Return the one line that says what went wrong."""
    found = re.findall(r'role="alert">.*?<span>(.*?)</span></p>', text, flags=re.DOTALL)
    assert len(found) == 1, text
    return str(found[0])
