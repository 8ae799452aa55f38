"""Calling: one pooled client a process, with bounded time and no surprises from the environment."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from pathlib import Path

import aiohttp
from aiohttp.client_middlewares import ClientHandlerType
from yarl import URL

from hune.core import keys
from hune.http import IDLE_SECONDS


class Keyring:
    """Opens the doors that Hune itself has locked: to each origin its key, to every other none."""

    def __init__(self, doors: Iterable[tuple[str, Path]] = ()) -> None:
        self.hold(doors)

    def hold(self, doors: Iterable[tuple[str, Path]]) -> None:
        """Hold the keys of these doors, `(URL, file of the key)`, instead of those before; without a file no key."""
        self._doors = {
            URL(url).origin(): f"Basic {b64encode(f'{keys.USER}:{word}'.encode()).decode()}"
            for url, key in doors
            if (word := keys.read(key))
        }

    async def __call__(self, request: aiohttp.ClientRequest, handler: ClientHandlerType) -> aiohttp.ClientResponse:
        if answer := self._doors.get(request.url.origin()):
            request.headers["Authorization"] = answer
        return await handler(request)


def open_session(
    *,
    total_seconds: float = 10.0,
    connect_seconds: float = 3.0,
    unix_socket: str | None = None,
    limit: int = 32,
    keyring: Keyring | None = None,
) -> aiohttp.ClientSession:
    """Return a client session; the caller closes it. Must be called inside a running loop.

    Proxies from the environment are ignored and redirects are the caller's decision.
    `unix_socket` sends every request to that socket, whatever host the URL names.
    """
    connector: aiohttp.BaseConnector
    # Given up well before the service ends it: of what goes out at that very moment nobody knows whether it arrived.
    kept_seconds = IDLE_SECONDS / 2
    if unix_socket is None:
        connector = aiohttp.TCPConnector(limit=limit, ttl_dns_cache=60, keepalive_timeout=kept_seconds)
    else:
        connector = aiohttp.UnixConnector(unix_socket, limit=limit, keepalive_timeout=kept_seconds)
    return aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=total_seconds, connect=connect_seconds),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        headers={"User-Agent": "Hune"},
        middlewares=(keyring,) if keyring else (),
    )
