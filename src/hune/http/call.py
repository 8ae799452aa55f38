"""Calling: one pooled client a process, with bounded time and no surprises from the environment."""

from __future__ import annotations

import aiohttp


def open_session(
    *, total_seconds: float = 10.0, connect_seconds: float = 3.0, unix_socket: str | None = None, limit: int = 32
) -> aiohttp.ClientSession:
    """Return a client session; the caller closes it. Must be called inside a running loop.

    Proxies from the environment are ignored and redirects are the caller's decision.
    `unix_socket` sends every request to that socket, whatever host the URL names.
    """
    connector: aiohttp.BaseConnector
    if unix_socket is None:
        connector = aiohttp.TCPConnector(limit=limit, ttl_dns_cache=60)
    else:
        connector = aiohttp.UnixConnector(unix_socket, limit=limit)
    return aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=total_seconds, connect=connect_seconds),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        headers={"User-Agent": "Hune"},
    )
