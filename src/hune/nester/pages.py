"""The pages: what each address answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from hune.core.errors import HuneError
from hune.http.serve import problem
from hune.nester import charts, history
from hune.nester.assets import Assets
from hune.nester.desk import Desk, ViewName, is_vmid
from hune.nester.hub.client import HubClient
from hune.nester.language import Language, is_language
from hune.nester.proxmox.choice import Choice
from hune.nester.runbooks import Runbooks
from hune.nester.snapshot import Snapshot
from hune.nester.views.node import find
from hune.nester.views.words import alert_state_word, alert_title

Theme = Literal["light", "auto", "dark"]
THEMES: tuple[Theme, ...] = ("light", "auto", "dark")
_YEAR_SECONDS = 31_536_000

# What the scripts say by themselves: while the server is silent, nobody else can.
SCRIPT_TEXTS = (
    "pulse.age",
    "pulse.waiting",
    "pulse.lost",
    "search.none",
    "chart.time",
    "unit.second",
    "unit.minute",
    "unit.hour",
    "unit.day",
)


class Pages:
    """Answers requests for pages."""

    def __init__(self, desk: Desk, assets: Assets, hub: HubClient, runbooks: Runbooks) -> None:
        self._desk = desk
        self._assets = assets
        self._hub = hub
        self._runbooks = runbooks

    def routes(self) -> list[Route]:
        """Return what is served."""
        return [
            Route("/", self.overview),
            Route("/wall", self.wall),
            Route("/alerts", self.alerts),
            Route("/nodes/{name}", self.node),
            Route("/clusters/{name}", self.cluster),
            Route("/clusters/{name}/guests/{vmid}", self.guest),
            Route("/runbooks", self.runbook),
            Route("/runbooks/{name}", self.runbook),
        ]

    async def overview(self, request: Request) -> Response:
        """The overview."""
        site = self._desk.site
        alone = not any(node.is_remote for node in site.nodes)
        return await self._page(request, "overview.html", "overview", alone=alone, has_probes=bool(site.probes))

    async def wall(self, request: Request) -> Response:
        """The wall."""
        return await self._page(request, "wall.html", "wall")

    async def alerts(self, request: Request) -> Response:
        """All alerts; with `?digest=ID`, also those that a digest counted."""
        digest_id = request.query_params.get("digest", "")
        digest = await self._digest(digest_id, self._desk.language_of(request)) if digest_id else None
        return await self._page(request, "alerts.html", "alerts", digest=digest)

    async def node(self, request: Request) -> Response:
        """One machine and its history."""
        name = request.path_params["name"]
        if not self._desk.has_node(name):
            raise HTTPException(404)
        wished = request.query_params.get("range", "")
        chosen = wished if wished in history.RANGES else "1h"
        t = self._desk.language_of(request)
        snapshot = await self._desk.poller.current()
        node = find(self._desk.scene(snapshot, t.code), name)
        past = await charts.past(node, history.RANGES[chosen], self._desk.history, t)
        drawn = [{"name": panel.name, "drawing": charts.draw(panel, past, t)} for panel in past.panels]
        return await self._page(
            request,
            "node.html",
            f"node/{name}",
            charts=drawn,
            range=chosen,
            ranges=tuple(history.RANGES),
            data={"history": f"/api/history/{name}"},
        )

    async def cluster(self, request: Request) -> Response:
        """A Proxmox cluster; `?show=`, `?q=`, `?sort=` and `?page=` choose among its guests."""
        name = request.path_params["name"]
        if not self._desk.has_cluster(name):
            raise HTTPException(404)
        choice = Choice.parse(request.url.query)
        view = f"cluster/{name}?{choice.query}" if choice.query else f"cluster/{name}"
        return await self._page(request, "cluster.html", view, name="cluster", choice=choice)

    async def guest(self, request: Request) -> Response:
        """One guest of a cluster and its history."""
        name, vmid = request.path_params["name"], request.path_params["vmid"]
        if not self._desk.has_cluster(name) or not is_vmid(vmid):
            raise HTTPException(404)
        wished = request.query_params.get("range", "")
        chosen = wished if wished in history.RANGES else "1h"
        t = self._desk.language_of(request)
        await self._desk.poller.current()
        detail = await self._desk.clusters.detail(name)
        found = next((each for each in detail.guests if each.vmid == int(vmid)), None) if detail else None
        if found is None:
            raise HTTPException(404)
        past = await charts.past_of_guest(name, found.id, history.RANGES[chosen], self._desk.history, t)
        drawn = [{"name": panel.name, "drawing": charts.draw(panel, past, t)} for panel in past.panels]
        return await self._page(
            request,
            "guest.html",
            f"guest/{name}/{vmid}",
            charts=drawn,
            range=chosen,
            ranges=tuple(history.RANGES),
            cluster=name,
            data={"history": f"/api/history/{name}/{vmid}"},
        )

    async def runbook(self, request: Request) -> Response:
        """What to do about an alert; without a name, the first of all."""
        names = self._runbooks.names()
        name = request.path_params.get("name") or (names[0] if names else "")
        runbook = self._runbooks.get(name)
        if runbook is None:
            raise HTTPException(404)
        others = [(each, found.title) for each in names if (found := self._runbooks.get(each))]
        return await self._page(
            request, "runbook.html", "plain", name="runbook", html=runbook.html, others=others, current=runbook.name
        )

    async def not_found(self, request: Request, error: Exception) -> Response:
        """What is not there."""
        return await self._error(request, cast("HTTPException", error).status_code, error)

    async def broken(self, request: Request, error: Exception) -> Response:
        """What went wrong inside; the log has it already."""
        return await self._error(request, 500, error)

    async def _digest(self, digest_id: str, t: Language) -> Digest:
        if not digest_id.isdigit():
            return Digest(digest_id, (), t("alerts.no_digest"))
        try:
            found = await self._hub.digest(digest_id)
        except HuneError:
            return Digest(digest_id, (), t("alerts.no_hub"))
        if found is None:
            return Digest(digest_id, (), t("alerts.no_digest"))
        now = (await self._desk.poller.current()).taken_at
        rows = tuple(
            DigestRow(
                title=alert_title(alert, t),
                word=alert_state_word(alert, t)[1],
                since=t.moment(alert.starts_at, now=now),
                since_iso=t.iso(alert.starts_at),
                lasted=t.duration((alert.resolved_at or now) - alert.starts_at),
            )
            for alert in found
        )
        return Digest(digest_id, rows, t("alerts.empty_digest"))

    async def _error(self, request: Request, status: int, error: Exception) -> Response:
        path = request.url.path
        if path.startswith(("/api/", "/static/", "/events")):
            detail = "internal error" if status == 500 else f"{path}: {getattr(error, 'detail', 'not found')}"
            return problem(status, detail)
        return await self._page(request, "error.html", "plain", status=status, name="error", code=status, path=path)

    async def _page(
        self,
        request: Request,
        template: str,
        view: str,
        *,
        status: int = 200,
        name: str = "",
        data: dict[str, str] | None = None,
        **values: Any,
    ) -> Response:
        wished = _wishes(request)
        if wished and request.method == "GET":
            return _remember(request, wished)
        t = self._desk.language_of(request)
        snapshot = await self._desk.poller.current()
        view_name = ViewName(view, t.code)
        look = await self._desk.look(view_name, snapshot)
        kept = request.cookies.get("theme")
        page = {
            "name": name or view.partition("/")[0],
            "title": look.title,
            "site": self._desk.site.name,
            "theme": kept if kept in THEMES else "auto",
            "look": look,
            "age": age_text(snapshot, t),
            "clock": t.clock(snapshot.taken_at),
            "data": {
                "view": str(view_name),
                "worker": self._assets.url("live-worker.js"),
                "build": self._assets.build,
                "critical": look.critical,
                "texts": {key: t.texts[key] for key in SCRIPT_TEXTS},
                **(data or {}),
            },
            **values,
        }
        return HTMLResponse(self._desk.renderer.page(template, t, page=page), status_code=status)


@dataclass(frozen=True, slots=True)
class DigestRow:
    """An alert that a digest counted."""

    title: str
    word: str
    since: str
    since_iso: str
    lasted: str


@dataclass(frozen=True, slots=True)
class Digest:
    """What a message counted instead of naming it; `problem` is said when there are no rows."""

    id: str
    rows: tuple[DigestRow, ...]
    problem: str


def age_text(snapshot: Snapshot, t: Language) -> str:
    """Return how old the live values are."""
    if snapshot.measured_at is None:
        return t("pulse.waiting")
    return t("pulse.age", age=t.age(snapshot.taken_at - snapshot.measured_at))


def _wishes(request: Request) -> dict[str, str]:
    """Return what is wished by address, to be kept in cookies: language, theme."""
    wishes = {}
    if is_language(lang := request.query_params.get("lang")):
        wishes["lang"] = str(lang)
    if (theme := request.query_params.get("theme")) in THEMES:
        wishes["theme"] = str(theme)
    return wishes


def _remember(request: Request, wishes: dict[str, str]) -> Response:
    """Return the way back to the same page, with the wishes kept."""
    rest = [(key, value) for key, value in request.query_params.multi_items() if key not in wishes]
    query = f"?{urlencode(rest)}" if rest else ""
    # Two slashes at the start would lead to another host.
    path = "/" + request.url.path.lstrip("/")
    response = RedirectResponse(f"{path}{query}", status_code=303)
    for key, value in wishes.items():
        response.set_cookie(key, value, max_age=_YEAR_SECONDS, samesite="lax", httponly=key == "lang", path="/")
    return response
