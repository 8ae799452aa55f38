"""A stand-in for what the hub asks of Prometheus and of Alertmanager: what fires, what is measured as clear."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from aiohttp import web

from hune.alerting.episode import Incoming


class PrometheusServer:
    """`firing` and `active` are what it says fires and is told; `clear` are the nodes measured as clear."""

    def __init__(self, *, host: str = "127.0.0.1", port: int) -> None:
        self.host, self.port = host, port
        self.firing: list[Incoming] = []
        self.active: list[Incoming] = []
        self.clear: set[str] = set()
        self.queries: list[str] = []
        self.asked_what_is_told = 0
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/api/v1/alerts", self._alerts)
        app.router.add_post("/api/v1/query", self._query)
        app.router.add_get("/api/v2/alerts", self._active)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, self.host, self.port, reuse_address=True).start()

    async def stop(self) -> None:
        """From now on connections are refused."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _alerts(self, _request: web.Request) -> web.Response:
        rows = [
            {
                "labels": {name: text for name, text in alert.labels.items() if name != "site"},
                "annotations": dict(alert.annotations),
                "state": "firing",
                "activeAt": datetime.fromtimestamp(alert.starts_at or 0.0, UTC).isoformat(),
                "value": "1e+00",
            }
            for alert in self.firing
        ]
        return web.json_response({"status": "success", "data": {"alerts": rows}})

    async def _query(self, request: web.Request) -> web.Response:
        query = str((await request.post())["query"])
        self.queries.append(query)
        clear = any(f'node="{node}"' in query for node in self.clear)
        result = [{"metric": {}, "value": [0, "1"]}] if clear else []
        return web.json_response({"status": "success", "data": {"resultType": "vector", "result": result}})

    async def _active(self, _request: web.Request) -> web.Response:
        self.asked_what_is_told += 1
        rows = [
            {
                "labels": dict(alert.labels),
                "annotations": dict(alert.annotations),
                "receivers": [{"name": "discord"}, {"name": "_nobody"}],
                "status": {"state": "active"},
            }
            for alert in self.active
        ]
        return web.json_response(rows)


@contextlib.asynccontextmanager
async def prometheus_server(port: int) -> AsyncIterator[PrometheusServer]:
    """Run a server for as long as the block lasts."""
    server = PrometheusServer(port=port)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
