"""Signing in with the operator's key, by the link that `hune alert link` prints, and out again."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from hune.core.errors import HuneError
from hune.nester.paper import Paper, see_other
from hune.nester.visitors import Visitors


class SignInPages:
    """Answers requests to sign in and out."""

    def __init__(self, paper: Paper, visitors: Visitors) -> None:
        self._paper = paper
        self._visitors = visitors

    def routes(self) -> list[Route]:
        """Return what is served."""
        return [
            Route("/sign-in", self.sign_in),
            Route("/sign-out", self.to_sign_out),
            Route("/sign-out", self.sign_out, methods=["POST"]),
        ]

    async def sign_in(self, request: Request) -> Response:
        """Keep the operator's key in a cookie and go on without it in the address; without one, tell who is here."""
        key = request.query_params.get("key", "")
        if key:
            return await self._take(request, key)
        visitor = await self._visitors.of(request)
        t = self._paper.desk.language_of(request)
        problem = "" if visitor.hub_answers else t("act.silent")
        # Where another site's link led here, the browser shows the new cookie only to the page after this one.
        fresh = request.query_params.get("done") == "1" and not visitor.is_operator
        return await self._show(request, is_operator=visitor.is_operator, problem=problem, fresh=fresh)

    async def to_sign_out(self, _request: Request) -> Response:
        """Lead whoever typed the address to the button: looking changes nothing."""
        return see_other("/sign-in")

    async def sign_out(self, _request: Request) -> Response:
        """Forget the operator's key."""
        response = see_other("/sign-in")
        self._visitors.sign_out(response)
        return response

    async def _take(self, request: Request, key: str) -> Response:
        t = self._paper.desk.language_of(request)
        try:
            mandate = await self._visitors.mandate(key)
        except HuneError:
            return await self._show(request, problem=t("act.silent"), status=503)
        if mandate is None:
            return await self._show(request, problem=t("sign_in.wrong"), status=403)
        if not mandate.is_whole:
            return see_other(f"/alerts/{mandate.episode}", {"key": key})
        response = RedirectResponse("/sign-in?done=1", status_code=303)
        self._visitors.sign_in(request, response, key, mandate)
        return response

    async def _show(
        self, request: Request, *, is_operator: bool = False, problem: str = "", fresh: bool = False, status: int = 200
    ) -> Response:
        return await self._paper.page(
            request,
            "sign_in.html",
            "plain",
            status=status,
            name="sign-in",
            is_operator=is_operator,
            problem=problem,
            fresh=fresh,
        )
