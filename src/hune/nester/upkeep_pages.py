"""Maintenance and silences: what holds alerts now or will, and the forms that begin and end it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hune.core.errors import HuneError
from hune.nester.doings import Doings
from hune.nester.forms import Form, Problem
from hune.nester.hub.model import Silence, Window
from hune.nester.paper import Paper, see_other
from hune.nester.views.upkeep import silence_row, window_row
from hune.nester.visitors import Visitor
from hune.site.models import Site

_HOUR = 3600
LENGTHS = {
    "30m": _HOUR // 2,
    "1h": _HOUR,
    "2h": 2 * _HOUR,
    "4h": 4 * _HOUR,
    "8h": 8 * _HOUR,
    "1d": 24 * _HOUR,
    "3d": 72 * _HOUR,
    "7d": 168 * _HOUR,
}
SCOPES = ("nodes", "groups", "clusters", "probes")
_MATCHER = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*(=~|!~|!=|=)\s*(.*?)\s*")


class UpkeepPages:
    """Answers requests about maintenance."""

    def __init__(self, paper: Paper, doings: Doings) -> None:
        self._paper = paper
        self._desk = paper.desk
        self._doings = doings

    def routes(self) -> list[Route]:
        """Return what is served."""
        return [Route("/maintenance", self.upkeep), Route("/maintenance", self.act, methods=["POST"])]

    async def upkeep(self, request: Request) -> Response:
        """Maintenance and silences."""
        return await self._show(request, await self._doings.visitors.of(request))

    async def act(self, request: Request) -> Response:
        """Declare or end a maintenance, add or end a silence."""

        async def one(form: Form, visitor: Visitor) -> Response:
            deed, _, number = form.text("do").partition(":")
            by = form.text("by")
            keys = visitor.operator_keys
            if deed == "declare":
                await self._doings.hand_on("POST", "/maintenance", visitor, keys, _declared(form, by))
            elif deed == "silence":
                await self._doings.hand_on("POST", "/silences", visitor, keys, _silenced(form, by))
            elif deed in ("end", "expire") and number:
                path = "/maintenance" if deed == "end" else "/silences"
                await self._doings.hand_on("DELETE", f"{path}/{quote(number, safe='')}", visitor, keys, {"by": by})
            else:
                raise Problem(400, "act.unknown")
            return see_other("/maintenance")

        return await self._doings.perform(request, one, self._show)

    async def _show(
        self, request: Request, visitor: Visitor, *, form: Form | None = None, problem: str = "", status: int = 200
    ) -> Response:
        t = self._desk.language_of(request)
        now = (await self._desk.poller.current()).taken_at
        silent, unheard = "", ""
        windows: tuple[Window, ...] = ()
        silences: tuple[Silence, ...] = ()
        try:
            windows = await self._doings.hub.maintenance()
        except HuneError:
            silent = t("upkeep.no_hub")
        try:
            silences = await self._doings.hub.silences()
        except HuneError:
            unheard = t("upkeep.no_silences")
        return await self._paper.page(
            request,
            "maintenance.html",
            "plain",
            status=status,
            name="maintenance",
            windows=[window_row(each, t, now=now) for each in windows],
            silences=[silence_row(each, t, now=now) for each in silences],
            silent=silent,
            unheard=unheard,
            scopes=_choices(self._desk.site),
            lengths=tuple(LENGTHS),
            zone=datetime.fromtimestamp(now).astimezone().tzname() or "",
            **self._doings.printed(request, visitor, form, problem, t),
        )


def _choices(site: Site) -> dict[str, list[str]]:
    """Return what a maintenance can be declared for, by kind."""
    return {
        "nodes": [node.name for node in site.nodes],
        "groups": list(site.groups),
        "clusters": [cluster.name for cluster in site.proxmox],
        "probes": [probe.name for probe in site.probes],
    }


def _declared(form: Form, by: str) -> Mapping[str, Any]:
    """Return a maintenance as the hub takes it. Raises Problem for what makes none."""
    scope = {kind: names for kind in SCOPES if (names := form.all(kind))}
    if not scope and form.text("whole") != "1":
        raise Problem(400, "act.no_scope")
    begins = _moment(form.text("begins"))
    now = datetime.now().astimezone().timestamp()
    ends = (begins or now) + _length(form)
    if ends <= now:
        raise Problem(400, "act.past")
    return {"scope": scope, "begins": begins, "ends": ends, "by": by, "reason": _reason(form)}


def _silenced(form: Form, by: str) -> Mapping[str, Any]:
    """Return a silence as the hub takes it. Raises Problem for what makes none."""
    matchers = []
    for line in form.lines("matchers"):
        found = _MATCHER.fullmatch(line)
        if found is None:
            raise Problem(400, "act.no_matcher", line=line)
        name, sign, value = found.groups()
        if len(value) > 1 and value[0] == value[-1] == '"':
            value = value[1:-1]
        matchers.append(
            {"name": name, "value": value, "is_regex": sign.endswith("~"), "is_equal": sign.startswith("=")}
        )
    if not matchers:
        raise Problem(400, "act.no_matchers")
    return {"matchers": matchers, "seconds": _length(form), "by": by, "reason": _reason(form)}


def _reason(form: Form) -> str:
    reason = form.text("reason")
    if not reason:
        raise Problem(400, "act.no_reason")
    return reason


def _length(form: Form) -> int:
    length = LENGTHS.get(form.text("length"))
    if length is None:
        raise Problem(400, "act.unknown")
    return length


def _moment(text: str) -> float | None:
    """Return a moment as browsers write it, by this server's clock; None for now. Raises Problem for another text."""
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).astimezone().timestamp()
    except (ValueError, OverflowError, OSError):
        raise Problem(400, "act.no_moment") from None
