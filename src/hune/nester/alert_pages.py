"""The pages of alerts: all that is open, one of them, the past; and what people do about them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hune.alerting.words import described
from hune.core.errors import HuneError
from hune.nester import charts, history
from hune.nester.desk import is_number
from hune.nester.digests import digest_of
from hune.nester.doings import Doings
from hune.nester.forms import Form, Problem
from hune.nester.hub.model import Dossier
from hune.nester.language import Language
from hune.nester.paper import Paper, see_other
from hune.nester.picking import Pick
from hune.nester.snapshot import SEVERITIES
from hune.nester.views.alert import current, next_step
from hune.nester.views.alert_row import path_of
from hune.nester.views.node import find
from hune.nester.views.words import alert_title
from hune.nester.visitors import Visitor

_HOUR = 3600
SNOOZES = ("1h", "4h", "tomorrow")
SILENCES = ("1h", "8h", "1d", "7d")
_SECONDS = {"1h": _HOUR, "4h": 4 * _HOUR, "8h": 8 * _HOUR, "1d": 24 * _HOUR, "7d": 168 * _HOUR}
_MORNING_HOUR = 8

# Which chart of a machine shows what an alert is about.
_CHARTS = {
    "CpuHot": "temperature",
    "CpuSensorLost": "temperature",
    "LinkDown": "links",
    "LinkSlow": "links",
    "LinkFlapping": "links",
    "LinkErrors": "links",
    "MemoryShort": "memory",
    "OutOfMemory": "memory",
    "PressureHigh": "cpu",
}


class AlertPages:
    """Answers requests about alerts."""

    def __init__(self, paper: Paper, doings: Doings) -> None:
        self._paper = paper
        self._desk = paper.desk
        self._doings = doings

    def routes(self) -> list[Route]:
        """Return what is served."""
        return [
            Route("/alerts", self.alerts),
            Route("/alerts", self.acknowledge_several, methods=["POST"]),
            Route("/alerts/{number}", self.alert),
            Route("/alerts/{number}", self.act, methods=["POST"]),
        ]

    async def alerts(self, request: Request) -> Response:
        """All alerts; with `?digest=ID`, also those that a digest counted."""
        return await self._alerts(request, await self._doings.visitors.of(request))

    async def alert(self, request: Request) -> Response:
        """One alert."""
        return await self._alert(request, await self._doings.visitors.of(request))

    async def acknowledge_several(self, request: Request) -> Response:
        """Acknowledge what was selected."""

        async def all_of_them(form: Form, visitor: Visitor) -> Response:
            numbers = [each for each in form.all("id") if is_number(each)]
            if not numbers:
                raise Problem(400, "act.none_selected")
            problems: list[HuneError] = []
            for number in numbers:
                try:
                    await self._hand_on(number, "acknowledge", form, visitor)
                except HuneError as error:
                    problems.append(error)
            if problems:
                raise Problem(409, "act.partly", done=len(numbers) - len(problems), total=len(numbers)) from problems[0]
            return see_other("/alerts", _picked(request))

        return await self._doings.perform(request, all_of_them, self._alerts)

    async def act(self, request: Request) -> Response:
        """Acknowledge, snooze, release, or silence an alert."""
        number = _number(request)

        async def one(form: Form, visitor: Visitor) -> Response:
            wish = form.text("do")
            await self._hand_on(number, wish, form, visitor)
            return see_other(f"/alerts/{number}", {"key": visitor.link_key})

        return await self._doings.perform(request, one, self._alert)

    # -- what is done ----------------------------------------------------------------------------------------------

    async def _hand_on(self, number: str, wish: str, form: Form, visitor: Visitor) -> None:
        """Have the hub do one thing about one alert."""
        deed, _, term = wish.partition(":")
        said: dict[str, Any] = {"by": form.text("by")}
        if deed == "silence":
            if not form.text("reason"):
                raise Problem(400, "act.no_reason")
            said |= {"alert": int(number), "seconds": _seconds(term, SILENCES), "reason": form.text("reason")}
            path = "/silences"
        elif deed in ("acknowledge", "snooze", "release"):
            path = f"/alerts/{number}/{deed}"
            said |= {"note": form.text("note")} if deed != "release" else {}
            said |= {"seconds": _seconds(term, SNOOZES)} if deed == "snooze" else {}
        else:
            raise Problem(400, "act.unknown")
        await self._doings.hand_on("POST", path, visitor, visitor.keys_for(number), said)
        self._doings.dossiers.forget(number)

    async def _known(self, number: str) -> Dossier | None:
        try:
            return await self._doings.dossiers.look(number)
        except KeyError:
            raise HTTPException(404) from None

    # -- what is shown ---------------------------------------------------------------------------------------------

    async def _alerts(
        self, request: Request, visitor: Visitor, *, form: Form | None = None, problem: str = "", status: int = 200
    ) -> Response:
        t = self._desk.language_of(request)
        digest_id = request.query_params.get("digest", "")
        snapshot = await self._desk.poller.current()
        digest = await digest_of(digest_id, self._doings.hub, t, now=snapshot.taken_at) if digest_id else None
        asked = Pick.parse(request.url.query)
        pick = Pick(asked.severity, asked.node, asked.words, act=visitor.is_operator)
        return await self._paper.page(
            request,
            "alerts.html",
            f"alerts?{pick.query}" if pick.query else "alerts",
            status=status,
            name="alerts",
            digest=digest,
            pick=pick,
            severities=SEVERITIES,
            places=[node.name for node in self._desk.site.nodes] + [each.name for each in self._desk.site.proxmox],
            **self._doings.printed(request, visitor, form, problem, t),
        )

    async def _alert(
        self, request: Request, visitor: Visitor, *, form: Form | None = None, problem: str = "", status: int = 200
    ) -> Response:
        number = _number(request)
        t = self._desk.language_of(request)
        snapshot = await self._desk.poller.current()
        dossier = await self._known(number)
        if dossier is None:
            # The hub is silent, and nobody has asked about this alert before.
            return await self._paper.page(request, "alert_unknown.html", "plain", name="alert", status=503)
        scene = self._desk.scene(snapshot, t.code)
        shown = current(scene, dossier)
        # What was written while the hub fell silent can be sent again.
        again = form is not None and visitor.brought and not visitor.hub_answers
        may_act = shown.is_open and (again or bool(visitor.keys_for(number)))
        chart, data = await self._chart(dossier, t) if shown.is_open else (None, None)
        return await self._paper.page(
            request,
            "alert.html",
            f"alert/{number}{'?act' if may_act else ''}",
            status=status,
            name="alert",
            data=data,
            number=number,
            is_open=shown.is_open,
            may_act=may_act,
            alert_title=alert_title(shown, t),
            alert_name=shown.name,
            description=described(shown.name, shown.annotation("description"), t.code),
            next_step=next_step(shown, t),
            place=path_of(scene, shown),
            charts=[chart] if chart else [],
            snoozes=SNOOZES,
            silences=SILENCES,
            **self._doings.printed(request, visitor, form, problem, t),
        )

    async def _chart(self, dossier: Dossier, t: Language) -> tuple[dict[str, Any] | None, dict[str, str] | None]:
        """Return the chart of what an alert is about, if its machine has one, and where its numbers come from."""
        node, wanted = dossier.alert.label("node"), _CHARTS.get(dossier.alert.name)
        if not wanted or not self._desk.has_node(node):
            return None, None
        scene = self._desk.scene(await self._desk.poller.current(), t.code)
        past = await charts.past(find(scene, node), history.RANGES["1h"], self._desk.history, t)
        panel = next((each for each in past.panels if each.name == wanted), None)
        if panel is None:
            return None, None
        return {"name": panel.name, "drawing": charts.draw(panel, past, t)}, {"history": f"/api/history/{node}"}


def _number(request: Request) -> str:
    """Return the number of the alert that a page is about."""
    text = request.path_params["number"]
    if not is_number(text):
        raise HTTPException(404)
    return str(int(text))


def _picked(request: Request) -> dict[str, str]:
    """Return what a list was narrowed to."""
    return {name: request.query_params.get(name, "") for name in ("severity", "node", "q")}


def _seconds(term: str, known: tuple[str, ...]) -> int:
    """Return how long a term is. Raises Problem for one that isn't offered."""
    if term not in known:
        raise Problem(400, "act.unknown")
    return _until_morning(datetime.now().astimezone()) if term == "tomorrow" else _SECONDS[term]


def _until_morning(now: datetime) -> int:
    """Return how many seconds are left until eight o'clock tomorrow, by this server's clock."""
    tomorrow = (now + timedelta(days=1)).date()
    morning = datetime(tomorrow.year, tomorrow.month, tomorrow.day, _MORNING_HOUR).astimezone()
    return max(1, round((morning - now).total_seconds()))
