"""Whoever listens to a heartbeat, as Healthchecks does."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from aiohttp import web


class HeartbeatServer:
    """Writes down every call; `status` is what it answers."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/Secret-Token"
        self.status = 200
        self.calls: list[str] = []

    async def take(self, request: web.Request) -> web.Response:
        body = (await request.text()).strip()
        self.calls.append(f"{request.method} {request.path_qs} {body}".strip())
        return web.Response(status=self.status, text="OK", headers={"Location": "/elsewhere"})


@contextlib.asynccontextmanager
async def heartbeat_server(port: int) -> AsyncIterator[HeartbeatServer]:
    """Listen for as long as the block lasts."""
    server = HeartbeatServer(port)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield server
    finally:
        await runner.cleanup()
