"""Stand-ins for Slack, Teams and a program's webhook, which hold messages to what the services document."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, ClassVar

from aiohttp import web

from support.channel_limits import check_slack, check_teams
from support.stand_in import TOKEN, HttpStandIn


class SlackWebhookServer(HttpStandIn):
    """An incoming webhook: it answers `ok`, and tells no id."""

    settings: ClassVar[Mapping[str, Any]] = {"slack": {"webhook": "env:SLACK_WEBHOOK"}}
    path = f"/services/T000/B000/{TOKEN}"

    @property
    def environ(self) -> Mapping[str, str]:
        return {"SLACK_WEBHOOK": f"http://{self.host}:{self.port}{self.path}"}

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post(self.path, self._post)

    async def _post(self, request: web.Request) -> web.StreamResponse:
        return await self.take(request, "POST")

    def problems(self, payload: Mapping[str, Any]) -> list[str]:
        return check_slack(payload)

    def thanks(self, identity: str, headers: Mapping[str, str]) -> web.Response:
        return web.Response(text="ok")

    def wrong(self, problems: list[str]) -> web.Response:
        return web.Response(status=400, text="invalid_blocks")

    def gone(self) -> web.Response:
        return web.Response(status=404, text="no_service")

    def limited(self, retry_after: float) -> web.Response:
        return web.Response(status=429, text="rate_limited", headers={"Retry-After": str(retry_after)})


class SlackBotServer(SlackWebhookServer):
    """Slack's API, as far as a bot in one channel needs it: everything is answered with 200, errors in the body."""

    settings: ClassVar[Mapping[str, Any]] = {"slack": {"token": "env:SLACK_TOKEN", "channel": "C0123"}}

    @property
    def environ(self) -> Mapping[str, str]:
        return {"SLACK_TOKEN": f"xoxb-{TOKEN}"}

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/api/{method}", self._call)

    def problems(self, payload: Mapping[str, Any]) -> list[str]:
        problems = check_slack(payload)
        if payload.get("channel") != "C0123":
            problems.append("another channel")
        if "thread_ts" in payload and not any(one.id == payload["thread_ts"] for one in self.posts):
            problems.append("a thread that isn't there")
        return problems

    def thanks(self, identity: str, headers: Mapping[str, str]) -> web.Response:
        return web.json_response({"ok": True, "channel": "C0123", "ts": identity})

    def wrong(self, problems: list[str]) -> web.Response:
        return web.json_response({"ok": False, "error": "invalid_blocks"})

    def gone(self) -> web.Response:
        return web.json_response({"ok": False, "error": "channel_not_found"})

    def no_message(self) -> web.Response:
        return web.json_response({"ok": False, "error": "message_not_found"})

    def limited(self, retry_after: float) -> web.Response:
        answer = {"ok": False, "error": "ratelimited"}
        return web.json_response(answer, status=429, headers={"Retry-After": str(retry_after)})

    async def _call(self, request: web.Request) -> web.StreamResponse:
        method = {"chat.postMessage": "POST", "chat.update": "PATCH"}[request.match_info["method"]]
        if request.headers.get("Authorization") != f"Bearer xoxb-{TOKEN}":
            return web.json_response({"ok": False, "error": "invalid_auth"})
        return await self.take(request, method)


class TeamsServer(HttpStandIn):
    """A workflow: its URL is signed, it answers 202, and tells no id."""

    settings: ClassVar[Mapping[str, Any]] = {"teams": {"workflow": "env:TEAMS_WORKFLOW"}}
    path = "/workflows/abc/triggers/manual/paths/invoke"
    query = f"api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig={TOKEN}%2B~a_b"

    @property
    def environ(self) -> Mapping[str, str]:
        return {"TEAMS_WORKFLOW": f"http://{self.host}:{self.port}{self.path}?{self.query}"}

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post(self.path, self._take)

    def problems(self, payload: Mapping[str, Any]) -> list[str]:
        return check_teams(payload)

    def thanks(self, identity: str, headers: Mapping[str, str]) -> web.Response:
        return web.Response(status=202)

    def wrong(self, problems: list[str]) -> web.Response:
        return web.json_response({"error": {"code": "InvalidRequestContent"}}, status=400)

    def gone(self) -> web.Response:
        return web.json_response({"error": {"code": "WorkflowNotFound"}}, status=404)

    async def _take(self, request: web.Request) -> web.StreamResponse:
        if request.raw_path != f"{self.path}?{self.query}":
            self.refused.append("the signature doesn't hold: another URL was called")
            return web.json_response({"error": {"code": "DirectApiAuthorizationRequired"}}, status=401)
        return await self.take(request, "POST")


class WebhookServer(HttpStandIn):
    """A program that checks who calls, as Standard Webhooks say."""

    settings: ClassVar[Mapping[str, Any]] = {"webhook": {"url": "env:HOOK_URL", "secret": "env:HOOK_SECRET"}}
    key = TOKEN.encode()

    def __init__(self, *, port: int) -> None:
        super().__init__(port=port)
        self.ids: list[str] = []

    @property
    def environ(self) -> Mapping[str, str]:
        secret = f"whsec_{base64.b64encode(self.key).decode()}"
        return {"HOOK_URL": f"http://{self.host}:{self.port}/hook?key={TOKEN}", "HOOK_SECRET": secret}

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/hook", self._take)

    def problems(self, payload: Mapping[str, Any]) -> list[str]:
        missing = {"type", "timestamp", "site", "receiver", "data"} - set(payload)
        return [f"{name} is missing" for name in missing]

    def thanks(self, identity: str, headers: Mapping[str, str]) -> web.Response:
        return web.Response(status=204)

    def gone(self) -> web.Response:
        return web.Response(status=410)

    async def _take(self, request: web.Request) -> web.StreamResponse:
        identity, moment = request.headers["webhook-id"], request.headers["webhook-timestamp"]
        signed = f"{identity}.{moment}.".encode() + await request.read()
        wanted = base64.b64encode(hmac.new(self.key, signed, hashlib.sha256).digest()).decode()
        if request.headers.get("webhook-signature") != f"v1,{wanted}":
            self.refused.append("the signature doesn't hold")
            return web.Response(status=401)
        self.ids.append(identity)
        return await self.take(request, "POST")
