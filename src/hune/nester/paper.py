"""What every page is printed on: its look, its wishes (language, theme), what its scripts need."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from hune.nester.assets import Assets
from hune.nester.desk import Desk, ViewName
from hune.nester.language import Language, is_language
from hune.nester.snapshot import Snapshot

Theme = Literal["light", "auto", "dark"]
THEMES: tuple[Theme, ...] = ("light", "auto", "dark")
YEAR_SECONDS = 31_536_000

DONE_COOKIE = "hune-done"
"""What was done a moment ago: said once, by the next page."""

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


class Paper:
    """Makes pages."""

    def __init__(self, desk: Desk, assets: Assets) -> None:
        self.desk = desk
        self._assets = assets

    async def page(
        self,
        request: Request,
        template: str,
        view: str,
        *,
        status: int = 200,
        name: str = "",
        data: Mapping[str, str] | None = None,
        **values: Any,
    ) -> Response:
        """Return a page, or the way back to it after a wish for a language or a theme."""
        wished = _wishes(request)
        if wished and request.method == "GET":
            return _remember(request, wished)
        desk = self.desk
        t = desk.language_of(request)
        snapshot = await desk.poller.current()
        view_name = ViewName(view, t.code)
        look = await desk.look(view_name, snapshot)
        kept = request.cookies.get("theme")
        page = {
            "name": name or view.partition("/")[0].partition("?")[0],
            "title": look.title,
            "site": desk.site.name,
            "theme": kept if kept in THEMES else "auto",
            "look": look,
            "age": age_text(snapshot, t),
            "clock": t.clock(snapshot.taken_at),
            "rest": _rest(request),
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
        response = HTMLResponse(desk.renderer.page(template, t, page=page), status_code=status)
        if DONE_COOKIE in request.cookies:
            response.delete_cookie(DONE_COOKIE, httponly=True, samesite="strict")
        return response


def age_text(snapshot: Snapshot, t: Language) -> str:
    """Return how old the live values are."""
    if snapshot.measured_at is None:
        return t("pulse.waiting")
    return t("pulse.age", age=t.age(snapshot.taken_at - snapshot.measured_at))


def see_other(path: str, query: Mapping[str, str] | None = None) -> Response:
    """Return the way to another page of this server, to be asked for by GET."""
    rest = urlencode([(key, value) for key, value in (query or {}).items() if value])
    # Two slashes at the start would lead to another host.
    return RedirectResponse("/" + path.lstrip("/") + (f"?{rest}" if rest else ""), status_code=303)


def _rest(request: Request) -> str:
    """Return what stands in the address beside wishes, as links that add a wish go on with it."""
    return urlencode([pair for pair in request.query_params.multi_items() if pair[0] not in ("lang", "theme")])


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
        response.set_cookie(key, value, max_age=YEAR_SECONDS, samesite="lax", httponly=key == "lang", path="/")
    return response
