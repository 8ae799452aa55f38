"""The hub as the pages know it: a book of alerts that can be looked after, held and searched, behind its keys.

That the real one answers in these shapes is tested in tests/integration/nester.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

OPERATOR = "key-of-the-operator"


def key_of(number: int) -> str:
    """Return the key that the link of an alert's message holds."""
    return f"key-of-{number}"


class FakeHub:
    """What the hub knows; every attribute may be changed while it serves."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Know nothing any more, as in the beginning."""
        self.alerts: list[dict[str, Any]] = []
        self.digests: dict[str, list[dict[str, Any]]] = {}
        self.silences: list[dict[str, Any]] = []
        self.windows: list[dict[str, Any]] = []
        self.why: dict[str, Any] | None = None
        self.hub_answers = True
        self.breaks_off: threading.Event | None = None
        """An export stops after its first part and, once this is set, breaks off."""
        self.done: list[tuple[str, str, dict[str, Any]]] = []
        """What was done: method, path, document."""

    # What can be done to it.

    def fire(
        self,
        alertname: str,
        node: str = "",
        *,
        severity: str = "critical",
        state: str = "firing",
        value: float | None = None,
        peak: float | None = None,
        threshold: float | None = None,
        unit: str = "",
        ago: float = 60.0,
        resolved_ago: float | None = None,
        summary: str = "",
        deliveries: list[dict[str, Any]] | None = None,
        **labels: str,
    ) -> dict[str, Any]:
        """Put an alert into the hub's book."""
        now = time.time()
        alert: dict[str, Any] = {
            "id": len(self.alerts) + 1,
            "alertname": alertname,
            "severity": severity,
            "state": state,
            "labels": {
                "alertname": alertname,
                "severity": severity,
                **({"node": node} if node else {}),
                **({"lab": "true"} if self.is_lab(node) else {}),
                **labels,
            },
            "annotations": {
                "summary": summary or f"{alertname} {node}".strip(),
                "description": "",
                "runbook_url": "",
                "value": "" if value is None else str(value),
                "unit": unit,
                "threshold": "" if threshold is None else str(threshold),
            },
            "starts_at": now - ago,
            "received_at": now - ago + 0.8,
            "resolved_at": None if resolved_ago is None else now - resolved_ago,
            "value": value,
            "peak": peak if peak is not None else value,
            "care": None,
            "holds": [],
            "events": [],
            "escalation": [],
            "deliveries": deliveries
            if deliveries is not None
            else [{"receiver": "Discord", "state": "sent", "at": now - ago + 1.2, "detail": ""}],
        }
        self.alerts.append(alert)
        self._note(alert, "opened", at=now - ago, value=value)
        for each in alert["deliveries"]:
            if each["state"] == "sent":
                self._note(alert, "told", at=each["at"], receiver=each["receiver"], told="firing")
        if alert["resolved_at"]:
            self._note(alert, "resolved", at=alert["resolved_at"], ending="measured", peak=alert["peak"])
        return alert

    def is_lab(self, _node: str) -> bool:
        """Whether a machine is one of the lab's."""
        return False

    def care(self, alert: dict[str, Any], by: str, *, seconds: float | None = None, note: str = "") -> None:
        """Have somebody look after an alert."""
        now = time.time()
        until = None if seconds is None else now + seconds
        state = "acknowledged" if until is None else "snoozed"
        alert["care"] = {"state": state, "at": now, "by": by, "until": until, "note": note}
        self._note(alert, state, by=by, until=until, note=note)

    def hold(
        self, alert: dict[str, Any], kind: str = "maintenance", *, seconds: float = 3600.0, reason: str = "new fans"
    ) -> None:
        """Have a silence or a maintenance hold an alert."""
        hold = {"kind": kind, "id": "7", "until": time.time() + seconds, "by": "Ana", "reason": reason}
        alert["holds"].append(hold)
        self._note(alert, "held", holds=[hold])

    def declare(
        self,
        scope: dict[str, list[str]],
        *,
        begins: float | None = None,
        ends: float | None = None,
        by: str = "",
        reason: str = "",
        every: str | None = None,
    ) -> None:
        """Have a maintenance hold what is in its scope; with `every` it is one of the site file."""
        now = time.time()
        number = len(self.windows) + 1
        self.windows.append(
            {
                "id": f"site-{number}" if every is not None else str(number),
                "in_site_file": every is not None,
                "every": every or None,
                "scope": scope,
                "active": (begins or now) <= now,
                "begins": begins or now,
                "ends": ends or now + 3600,
                "by": by,
                "reason": reason,
            }
        )

    def _note(self, alert: dict[str, Any], kind: str, *, at: float | None = None, **said: Any) -> None:
        receiver, by = said.pop("receiver", ""), said.pop("by", "")
        detail = {name: value for name, value in said.items() if value not in (None, "")}
        when = time.time() if at is None else at
        alert["events"].append({"at": when, "kind": kind, "receiver": receiver, "by": by, "detail": detail})

    # How it is served.

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get("/alerts", self._answering(self._on_alerts)),
            web.get("/alerts/{id:\\d+}", self._answering(self._on_alert)),
            web.post("/alerts/{id:\\d+}/{deed}", self._answering(self._on_deed)),
            web.get("/digests/{id}", self._answering(self._on_digest)),
            web.get("/history", self._answering(self._on_history)),
            web.get("/key", self._answering(self._on_key)),
            web.get("/why", self._answering(self._on_why)),
            web.get("/silences", self._answering(self._on_silences)),
            web.post("/silences", self._answering(self._on_silence)),
            web.delete("/silences/{id}", self._answering(self._on_expire)),
            web.get("/maintenance", self._answering(self._on_windows)),
            web.post("/maintenance", self._answering(self._on_declare)),
            web.delete("/maintenance/{id}", self._answering(self._on_end)),
        ]

    def _answering(
        self, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            if not self.hub_answers:
                return web.Response(status=503)
            return await handler(request)

        return handle

    async def _on_alerts(self, request: web.Request) -> web.Response:
        since = float(request.query["since"])
        shown = [_listed(alert) for alert in self.alerts if (alert["resolved_at"] or math.inf) >= since]
        return web.json_response({"now": time.time(), "alerts": shown})

    async def _on_alert(self, request: web.Request) -> web.Response:
        alert = self._find(request)
        if alert is None:
            return _problem(404, "unknown, or too long ago")
        return web.json_response({"now": time.time(), **alert})

    async def _on_digest(self, request: web.Request) -> web.Response:
        found = self.digests.get(request.match_info["id"])
        if found is None:
            return _problem(404, "no such digest")
        return web.json_response({"now": time.time(), "alerts": found})

    async def _on_history(self, request: web.Request) -> web.StreamResponse:
        asked = request.query
        found = [
            alert
            for alert in reversed(self.alerts)
            if asked.get("rule") in (None, alert["alertname"])
            and asked.get("node") in (None, alert["labels"].get("node", ""))
            and alert["id"] < int(asked.get("before", 2**63))
            and (alert["resolved_at"] or math.inf) >= float(asked.get("since", 0))
            and alert["starts_at"] < float(asked.get("until", math.inf))
        ]
        if asked.get("format") == "csv" and self.breaks_off is not None:
            answer = web.StreamResponse()
            await answer.prepare(request)
            await answer.write(b"alert,alertname\r\n" * 9000)
            await asyncio.to_thread(self.breaks_off.wait, 60.0)
            assert request.transport is not None
            request.transport.abort()
            return answer
        if asked.get("format") == "csv":
            lines = ["alert,alertname", *(f"{alert['id']},{alert['alertname']}" for alert in found)]
            return web.Response(text="\r\n".join(lines), content_type="text/csv")
        return web.json_response({"now": time.time(), "alerts": found[: int(asked.get("limit", 500))]})

    async def _on_key(self, request: web.Request) -> web.Response:
        number, refusal = self._bearer(request)
        if refusal:
            return refusal
        return web.json_response({"alert": number, "receiver": "", "expires": time.time() + 86_400})

    async def _on_why(self, _request: web.Request) -> web.Response:
        return _problem(404, "unknown") if self.why is None else web.json_response(self.why)

    async def _on_deed(self, request: web.Request) -> web.Response:
        alert, deed, document = self._find(request), request.match_info["deed"], await request.json()
        number, refusal = self._bearer(request)
        if refusal:
            return refusal
        if alert is None:
            return _problem(404, "unknown, or too long ago")
        if number not in (None, alert["id"]):
            return _problem(403, "this key is for another alert")
        if alert["state"] == "resolved":
            return _problem(409, "is over")
        self.done.append(("POST", request.path, document))
        if deed == "release":
            alert["care"] = None
            self._note(alert, "care_ended", by=document["by"], reason="released")
        else:
            self.care(alert, document["by"], seconds=document.get("seconds"), note=document.get("note", ""))
        return web.json_response({"id": alert["id"], "care": alert["care"]})

    async def _on_silences(self, _request: web.Request) -> web.Response:
        return web.json_response({"now": time.time(), "problem": "", "silences": self.silences})

    async def _on_silence(self, request: web.Request) -> web.Response:
        document = await request.json()
        number, refusal = self._bearer(request)
        if refusal:
            return refusal
        meant = document.get("alert", number)
        if number not in (None, meant) or (number is not None and "matchers" in document):
            return _problem(403, "this key is for another alert")
        exactly = [
            {"name": name, "value": value, "is_regex": False, "is_equal": True}
            for alert in self.alerts
            if alert["id"] == meant
            for name, value in alert["labels"].items()
        ]
        self.done.append(("POST", request.path, document))
        now = time.time()
        self.silences.append(
            {
                "id": f"5f0c-{len(self.silences) + 1}",
                "state": "active",
                "matchers": document.get("matchers", exactly),
                "text": "",
                "alerts": [],
                "begins": now,
                "ends": now + document["seconds"],
                "by": document["by"],
                "reason": document["reason"],
            }
        )
        return web.json_response({"id": self.silences[-1]["id"]})

    async def _on_expire(self, request: web.Request) -> web.Response:
        return await self._drop(request, self.silences)

    async def _on_windows(self, _request: web.Request) -> web.Response:
        return web.json_response({"now": time.time(), "maintenance": self.windows})

    async def _on_declare(self, request: web.Request) -> web.Response:
        document = await request.json()
        number, refusal = self._bearer(request)
        if refusal or number is not None:
            return refusal or _problem(403, "this key is for one alert")
        self.done.append(("POST", request.path, document))
        self.declare(document["scope"], begins=document["begins"], ends=document["ends"], by=document["by"],
                     reason=document["reason"])  # fmt: skip
        return web.json_response({"id": self.windows[-1]["id"]})

    async def _on_end(self, request: web.Request) -> web.Response:
        return await self._drop(request, self.windows)

    async def _drop(self, request: web.Request, rows: list[dict[str, Any]]) -> web.Response:
        number, refusal = self._bearer(request)
        if refusal or number is not None:
            return refusal or _problem(403, "this key is for one alert")
        found = next((row for row in rows if str(row["id"]) == request.match_info["id"]), None)
        if found is None:
            return _problem(404, "unknown")
        self.done.append(("DELETE", request.path, await request.json()))
        rows.remove(found)
        return web.json_response({"id": found["id"]})

    def _find(self, request: web.Request) -> dict[str, Any] | None:
        number = int(request.match_info["id"])
        return next((alert for alert in self.alerts if alert["id"] == number), None)

    def _bearer(self, request: web.Request) -> tuple[int | None, web.Response | None]:
        """Return which alert the bearer of a key may look after (None: all), or why nothing may be done."""
        assert request.headers.get("X-Hune-Page"), "pages say that they are pages"
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        numbers = {key_of(alert["id"]): alert["id"] for alert in self.alerts}
        if key == OPERATOR:
            return None, None
        if key in numbers:
            return numbers[key], None
        return None, _problem(401, "this key is not valid, or not any more")


def _listed(alert: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in alert.items() if name not in ("events", "escalation")}


def _problem(status: int, detail: str) -> web.Response:
    return web.json_response({"status": status, "detail": detail}, status=status)
