"""The pages: what each address answers."""

from __future__ import annotations

import dataclasses
import json
from typing import Any, Literal, cast
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from hune.http.serve import problem
from hune.nester.assets import Assets
from hune.nester.desk import Desk, ViewName
from hune.nester.language import choose, is_language, language
from hune.nester.snapshot import Snapshot

Theme = Literal["light", "auto", "dark"]
THEMES: tuple[Theme, ...] = ("light", "auto", "dark")
_YEAR_SECONDS = 31_536_000


class Pages:
    """Answers requests for pages."""

    def __init__(self, desk: Desk, assets: Assets) -> None:
        self._desk = desk
        self._assets = assets

    def routes(self) -> list[Route]:
        """Return what is served."""
        return [
            Route("/", self.overview),
            Route("/api/overview", self.api_overview),
        ]

    async def overview(self, request: Request) -> Response:
        """The overview."""
        site = self._desk.site
        alone = not any(node.is_remote for node in site.nodes)
        return await self._page(request, "overview.html", "overview", alone=alone, has_probes=bool(site.probes))

    async def api_overview(self, _request: Request) -> Response:
        """The snapshot that the overview is made of."""
        snapshot = await self._desk.poller.current()
        return JSONResponse({**dataclasses.asdict(snapshot), "history": dataclasses.asdict(self._desk.history.source)})

    async def not_found(self, request: Request, error: Exception) -> Response:
        """What is not there."""
        return await self._error(request, cast("HTTPException", error).status_code, error)

    async def broken(self, request: Request, error: Exception) -> Response:
        """What went wrong inside; the log has it already."""
        return await self._error(request, 500, error)

    async def _error(self, request: Request, status: int, error: Exception) -> Response:
        path = request.url.path
        if path.startswith(("/api/", "/static/", "/events")):
            detail = "internal error" if status == 500 else f"{path}: {getattr(error, 'detail', 'not found')}"
            return problem(status, detail)
        return await self._page(request, "error.html", "plain", status=status, name="error", code=status, path=path)

    async def _page(
        self, request: Request, template: str, view: str, *, status: int = 200, name: str = "", **values: Any
    ) -> Response:
        wished = _wishes(request)
        if wished and request.method == "GET":
            return _remember(request, wished)
        code = choose(
            None,
            request.cookies.get("lang"),
            request.headers.get("accept-language", ""),
            self._desk.site.language,
        )
        t = language(code)
        snapshot = await self._desk.poller.current()
        view_name = ViewName(view, code)
        look = await self._desk.look(view_name, snapshot)
        kept = request.cookies.get("theme")
        page = {
            "name": name or view.partition("/")[0],
            "title": look.title,
            "site": self._desk.site.name,
            "theme": kept if kept in THEMES else "auto",
            "look": look,
            "age": age_text(snapshot, t),
            "data": {
                "view": str(view_name),
                "worker": self._assets.url("live-worker.js"),
                "critical": look.critical,
                "texts": {key: t.texts[key] for key in SCRIPT_TEXTS},
            },
            **values,
        }
        return HTMLResponse(self._desk.renderer.page(template, t, page=page), status_code=status)


# What the scripts say by themselves: while the server is silent, nobody else can.
SCRIPT_TEXTS = (
    "pulse.age",
    "pulse.waiting",
    "pulse.lost",
    "search.none",
    "unit.second",
    "unit.minute",
    "unit.hour",
    "unit.day",
)


def age_text(snapshot: Snapshot, t: Any) -> str:
    """Return how old the live values are."""
    if snapshot.measured_at is None:
        return str(t("pulse.waiting"))
    return str(t("pulse.age", age=t.duration(snapshot.taken_at - snapshot.measured_at)))


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
    response = RedirectResponse(f"{request.url.path}{query}", status_code=303)
    for key, value in wishes.items():
        response.set_cookie(key, value, max_age=_YEAR_SECONDS, samesite="lax", httponly=key == "lang", path="/")
    return response


def to_json(value: Any) -> str:
    """Return compact JSON."""
    return json.dumps(value, separators=(",", ":"))
