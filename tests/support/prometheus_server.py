"""A stand-in for what the hub asks of Prometheus and of Alertmanager: what fires, what is measured as clear."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from itertools import count

from aiohttp import web

from hune.alerting.holds import silences
from hune.alerting.state.episode import Incoming
from hune.promapi.alertmanager import Silence, SilenceMatcher


class PrometheusServer:
    """`firing` and `active` are what it says fires and is told; `clear` are the nodes measured as clear.

    It keeps silences as Alertmanager does, and judges by them what is silenced.
    """

    def __init__(self, *, host: str = "127.0.0.1", port: int) -> None:
        self.host, self.port = host, port
        self.firing: list[Incoming] = []
        self.active: list[Incoming] = []
        self.clear: set[str] = set()
        self.queries: list[str] = []
        self.receivers = ["discord"]
        """Whom Alertmanager means to tell."""
        self.silences: list[Silence] = []
        self.asked_what_is_told = 0
        self.asked_for_silences = 0
        self._ids = count(1)
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/api/v1/alerts", self._alerts)
        app.router.add_post("/api/v1/query", self._query)
        app.router.add_get("/api/v2/alerts", self._active)
        app.router.add_get("/api/v2/silences", self._silences)
        app.router.add_post("/api/v2/silences", self._silence)
        app.router.add_delete("/api/v2/silence/{id}", self._expire)
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
                "startsAt": _written(alert.starts_at or 0.0),
                "receivers": [{"name": name} for name in (*self.receivers, "_nobody")],
                "status": {"state": "active", "silencedBy": self._silencing(alert)},
            }
            for alert in self.active
        ]
        return web.json_response(rows)

    # -- silences ------------------------------------------------------------------------------------------------

    def silence(self, seconds: float, *matchers: SilenceMatcher, begins: float | None = None) -> str:
        """Begin a silence, as somebody does with amtool; return its id."""
        begins = datetime.now(UTC).timestamp() if begins is None else begins
        return self._keep(matchers, begins, begins + seconds, "amtool", "tests")

    def expire(self, identity: str) -> None:
        """End a silence now."""
        now = datetime.now(UTC).timestamp()
        self.silences = [
            dataclasses.replace(one, ends_at=min(one.ends_at, now)) if one.id == identity else one
            for one in self.silences
        ]

    def _keep(self, matchers: Sequence[SilenceMatcher], begins: float, ends: float, by: str, reason: str) -> str:
        identity = f"silence-{next(self._ids)}"
        self.silences.append(Silence(identity, tuple(matchers), begins, ends, by, reason))
        return identity

    def _silencing(self, alert: Incoming) -> list[str]:
        now = datetime.now(UTC).timestamp()
        return [
            one.id
            for one in self.silences
            if one.starts_at <= now < one.ends_at and silences.matches(one.matchers, alert.labels)
        ]

    async def _silences(self, _request: web.Request) -> web.Response:
        self.asked_for_silences += 1
        now = datetime.now(UTC).timestamp()
        rows = [
            {
                "id": one.id,
                "status": {"state": "pending" if now < one.starts_at else "active" if now < one.ends_at else "expired"},
                "matchers": [
                    {"name": each.name, "value": each.value, "isRegex": each.is_regex, "isEqual": each.is_equal}
                    for each in one.matchers
                ],
                "startsAt": _written(one.starts_at),
                "endsAt": _written(one.ends_at),
                "createdBy": one.by,
                "comment": one.reason,
            }
            for one in self.silences
        ]
        return web.json_response(rows)

    async def _silence(self, request: web.Request) -> web.Response:
        given = json.loads(await request.read())
        matchers = [
            SilenceMatcher(one["name"], one["value"], one["isRegex"], one["isEqual"]) for one in given["matchers"]
        ]
        begins, ends = (datetime.fromisoformat(given[name]).timestamp() for name in ("startsAt", "endsAt"))
        return web.json_response(
            {"silenceID": self._keep(matchers, begins, ends, given["createdBy"], given["comment"])}
        )

    async def _expire(self, request: web.Request) -> web.Response:
        identity = request.match_info["id"]
        if all(one.id != identity for one in self.silences):
            return web.json_response("silence not found", status=404)
        self.expire(identity)
        return web.Response()


def _written(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat()


@contextlib.asynccontextmanager
async def prometheus_server(port: int) -> AsyncIterator[PrometheusServer]:
    """Run a server for as long as the block lasts."""
    server = PrometheusServer(port=port)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
