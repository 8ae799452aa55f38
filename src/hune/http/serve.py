"""Serving: an application with `/health` and `/metrics`, a Host check and problem+json errors, run as a `Service`."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.convertors import IntegerConvertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from hune.core.errors import HuneError, Refused, Unavailable
from hune.http import IDLE_SECONDS
from hune.http.bounded import CUT, BoundedProtocol

log = logging.getLogger(__name__)

ANY_HOST = "*"
"""Among the names of a host check: whatever name a request calls us by is ours."""

Parts = AsyncGenerator[str | bytes, None]
HealthCheck = Callable[[], Awaitable[Mapping[str, Any]]]


def problem(status: int, detail: str, *, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return an RFC 9457 problem document."""
    return JSONResponse(
        {"status": status, "detail": detail},
        status_code=status,
        media_type="application/problem+json",
        headers=dict(headers or {}),
    )


async def read_away(parts: AsyncIterator[bytes], *, most_bytes: int) -> None:
    """Read what is left of a body that is refused, so much of it at most, and keep nothing.

    A connection that ends with bytes unread takes along an answer which the other side hasn't read yet.
    """
    with contextlib.suppress(ClientDisconnect):
        async for part in parts:
            most_bytes -= len(part)
            if most_bytes < 0:
                return


class _Number(IntegerConvertor):
    """`{id:number}` in a route: a number as databases know them; a longer one is none."""

    regex = "[0-9]{1,18}"


register_url_convertor("number", _Number())


async def streamed(parts: Parts, *, media_type: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer of any length, sent as it is made; raises what keeps the first part from being made.

    Where a HuneError ends it later the connection is cut, so that nobody takes it for whole, and the log has a line.
    """
    return _Streamed(await anext(parts, ""), parts, media_type=media_type, headers=headers)


class _Streamed(StreamingResponse):
    def __init__(self, first: str | bytes, parts: Parts, **given: Any) -> None:
        super().__init__(self._all(first), **given)
        self._parts = parts

    async def _all(self, first: str | bytes) -> Parts:
        yield first
        async for part in self._parts:
            yield part

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except HuneError as error:
            log.warning("%s: cut short, and whoever asked can tell: %s", scope["path"], error)
            scope["extensions"][CUT]["hang_up"]()
            while (await receive())["type"] != "http.disconnect":
                pass
        finally:
            await self._parts.aclose()


def _host_of(header: str) -> str:
    host = header.rsplit(":", 1)[0] if not header.endswith("]") and header.count(":") != 0 else header
    return host.strip("[]").rstrip(".").lower()


class HostCheck:
    """Refuses requests whose Host is neither an IP address, `localhost`, nor one of `names` (DNS rebinding)."""

    def __init__(self, app: ASGIApp, names: Sequence[str] = ()) -> None:
        self._app = app
        self._names = frozenset(name.lower() for name in names) | {"localhost"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            header = next((value for key, value in scope["headers"] if key == b"host"), b"").decode("latin-1")
            if not self._is_known(_host_of(header)):
                if scope["type"] == "websocket":
                    await send({"type": "websocket.close", "code": 1008})
                    return
                response = problem(421, "unknown Host; add it as public_url in the site file")
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _is_known(self, host: str) -> bool:
        if host in self._names or ANY_HOST in self._names:
            return True
        try:
            # An address can't be rebound: the browser asked for this very one.
            ipaddress.ip_address(host)
        except ValueError:
            return False
        return True


async def _on_http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return problem(error.status_code, str(error.detail), headers=error.headers)


async def _on_disconnect(_request: Request, _error: Exception) -> Response:
    # Nobody reads it.
    return problem(400, "the request ended before its body")


async def _on_hune_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HuneError)
    status = 503 if isinstance(error, Unavailable) else 502 if isinstance(error, Refused) else 400
    return problem(status, str(error))


def create_app(
    *,
    routes: Sequence[BaseRoute],
    registry: CollectorRegistry,
    health: HealthCheck,
    host_names: Sequence[str] = (),
    middleware: Sequence[Middleware] = (),
    exception_handlers: Mapping[Any, Any] | None = None,
) -> Starlette:
    """Return an application that serves `routes`, `/health` and `/metrics`.

    `health` returns a JSON object whose `healthy` is a boolean; unhealthy is served as 503.
    """

    async def serve_health(_request: Request) -> Response:
        report = await health()
        return JSONResponse(dict(report), status_code=200 if report["healthy"] else 503)

    async def serve_metrics(_request: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return Starlette(
        routes=[*routes, Route("/health", serve_health), Route("/metrics", serve_metrics)],
        middleware=[Middleware(HostCheck, names=host_names), *middleware],
        exception_handlers={
            HTTPException: _on_http_error,
            ClientDisconnect: _on_disconnect,
            HuneError: _on_hune_error,
            **(exception_handlers or {}),
        },
    )


@dataclass(frozen=True)
class Tls:
    """PEM files of a certificate and its key."""

    certificate: str
    key: str


class _Server(uvicorn.Server):
    """uvicorn that leaves signals alone and says when it serves."""

    def __init__(self, config: uvicorn.Config, ready: asyncio.Event) -> None:
        super().__init__(config)
        self._ready = ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._ready.set()


class HttpService:
    """An ASGI application on one address, as a `Service`."""

    def __init__(
        self, name: str, app: ASGIApp, *, host: str, port: int, grace_seconds: float = 2.0, tls: Tls | None = None
    ) -> None:
        self.name = name
        self._app = app
        self._host = host
        self._port = port
        self._grace_seconds = grace_seconds
        self._tls = tls

    async def run(self, ready: asyncio.Event) -> None:
        """Serve until cancelled.

        Raises Unavailable if the address is taken.
        """
        config = uvicorn.Config(
            self._app,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=True,
            proxy_headers=False,
            timeout_keep_alive=round(IDLE_SECONDS),
            timeout_graceful_shutdown=max(1, round(self._grace_seconds)),
            http=BoundedProtocol,
            ws="none",
            ssl_certfile=self._tls.certificate if self._tls else None,
            ssl_keyfile=self._tls.key if self._tls else None,
        )
        with _bind(self._host, self._port) as listener:
            server = _Server(config, ready)
            serving = asyncio.create_task(server.serve(sockets=[listener]), name=f"{self.name}: http")
            try:
                await asyncio.shield(serving)
            except asyncio.CancelledError:
                server.should_exit = True
                await serving
                raise


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(256)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise Unavailable(
            f"{host}:{port}: {error.strerror}", remedy="stop what holds the port, or choose another with --port"
        ) from error
    return listener
