"""Headers that tell the browser what these pages may do: nothing but what they need; and no form but from our pages."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hune.http.serve import problem

POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "worker-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)

_HEADERS = {
    b"content-security-policy": POLICY.encode(),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


_FOREIGN = "only a form of these pages can do this; behind a proxy, give their address as public_url in the site file"
_HARMLESS = ("GET", "HEAD", "OPTIONS")
# Where programs report, each with a key of its own that no browser adds by itself.
_OF_PROGRAMS = "/heartbeats/"


class Guard:
    """Puts the headers on every answer; what sets no cache policy of its own is not kept.

    What may change something is taken from our own pages alone. `public_url` is what people's browsers know us by
    where somebody in between calls us by another name.
    """

    def __init__(self, app: ASGIApp, *, public_url: str = "") -> None:
        self._app = app
        self._public = urlsplit(public_url).netloc.lower()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message["headers"]}
                added = [(name, value) for name, value in _HEADERS.items() if name not in given]
                if b"cache-control" not in given:
                    added.append((b"cache-control", b"no-store"))
                message = {**message, "headers": [*message["headers"], *added]}
            await send(message)

        is_harmless = scope.get("method", "GET") in _HARMLESS or scope["path"].startswith(_OF_PROGRAMS)
        if not is_harmless and not self._is_ours(Headers(scope=scope)):
            await problem(403, _FOREIGN)(scope, receive, guarded)
            return
        await self._app(scope, receive, guarded)

    def _is_ours(self, headers: Headers) -> bool:
        """Whether a request was sent by a page of ours, by what the browser says of it.

        Browsers tell `Sec-Fetch-Site` only over TLS and to loopback, `Origin` always; what tells neither isn't one.
        """
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        if site is not None and site != "same-origin":
            return False
        if origin is not None:
            return _host_of(origin) in {headers.get("host", "").lower(), self._public} - {""}
        return site is not None


def _host_of(origin: str) -> str:
    """Return host and port of an origin, empty for what is none."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
