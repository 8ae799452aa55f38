"""The past of all alerts: searched and paged here, exported as the hub writes it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hune.core.errors import HuneError
from hune.http.serve import Parts, problem, streamed
from hune.nester.assemble import named
from hune.nester.desk import is_number
from hune.nester.hub.client import HubClient
from hune.nester.paper import Paper
from hune.nester.snapshot import Alert
from hune.nester.views.archive import archive_row

SHOWN = 50
_LONGEST_WORD = 100
_AT_ONCE = 4
"""Whoever reads slowly holds a connection to the hub, of which everything else needs some too."""
_KINDS = {"csv": "text/csv; charset=utf-8", "json": "application/x-ndjson"}


class ArchivePages:
    """Answers requests about the past."""

    def __init__(self, paper: Paper, hub: HubClient) -> None:
        self._paper = paper
        self._hub = hub
        self._exporting = asyncio.Semaphore(_AT_ONCE)

    def routes(self) -> list[Route]:
        """Return what is served."""
        return [Route("/alerts/history", self.page), Route("/alerts/history.{kind}", self.export)]

    async def page(self, request: Request) -> Response:
        """Alerts of the past, latest first: `?rule=`, `?node=`, `?from=`, `?to=` (days), `?before=` goes on."""
        t = self._paper.desk.language_of(request)
        asked, wanted = _asked(request), _wanted(request)
        before = request.query_params.get("before", "")
        if is_number(before):
            wanted["before"] = before
        snapshot = await self._paper.desk.poller.current()
        silent = ""
        alerts: tuple[Alert, ...] = ()
        try:
            # One more than is shown tells whether there is more.
            alerts = await self._hub.history({**wanted, "limit": str(SHOWN + 1)})
        except HuneError:
            silent = t("alerts.no_hub_past")
        shown = alerts[:SHOWN]
        more = urlencode({**asked, "before": shown[-1].id}) if len(alerts) > SHOWN else ""
        return await self._paper.page(
            request,
            "archive.html",
            "plain",
            status=503 if silent else 200,
            name="archive",
            rows=[archive_row(named(self._paper.desk.site, alert), t, now=snapshot.taken_at) for alert in shown],
            silent=silent,
            more=more,
            asked={name: asked.get(name, "") for name in ("rule", "node", "from", "to")},
            export=urlencode(asked),
            is_first="before" not in wanted,
            first=urlencode(asked),
        )

    async def export(self, request: Request) -> Response:
        """The same without end, as CSV or JSON lines, straight from the hub."""
        kind = request.path_params["kind"]
        if kind not in _KINDS:
            raise HTTPException(404)
        if self._exporting.locked():
            return problem(503, "too many are exported at once; try again soon", headers={"Retry-After": "10"})
        name = f"hune-alerts-{datetime.now().astimezone().date().isoformat()}.{kind}"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        wanted = {**_wanted(request), "format": kind}
        try:
            return await streamed(self._exported(wanted), media_type=_KINDS[kind], headers=headers)
        except HuneError as error:
            return problem(503, str(error))

    async def _exported(self, wanted: Mapping[str, str]) -> Parts:
        async with self._exporting, aclosing(self._hub.export(wanted)) as parts:
            async for part in parts:
                yield part


def _asked(request: Request) -> dict[str, str]:
    """Return what narrows the past down, as it stands in the address."""
    given = {
        name: request.query_params.get(name, "").strip()[:_LONGEST_WORD] for name in ("rule", "node", "from", "to")
    }
    return {name: text for name, text in given.items() if text}


def _wanted(request: Request) -> dict[str, str]:
    """Return what the hub is asked for; a day that makes no sense is left out."""
    asked = _asked(request)
    wanted: dict[str, Any] = {name: asked[name] for name in ("rule", "node") if name in asked}
    if (begin := _midnight(asked.get("from", ""))) is not None:
        wanted["since"] = f"{begin:.0f}"
    if (end := _midnight(asked.get("to", ""), days=1)) is not None:
        wanted["until"] = f"{end:.0f}"
    return wanted


def _midnight(text: str, *, days: int = 0) -> float | None:
    """Return the first moment of a day (or so many days later) by this server's clock."""
    try:
        day = date.fromisoformat(text) + timedelta(days=days)
        return datetime(day.year, day.month, day.day).astimezone().timestamp()
    except (ValueError, OverflowError, OSError):
        return None
