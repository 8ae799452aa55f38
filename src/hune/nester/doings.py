"""What people do on the pages: a form is read, handed on to the hub with the key that came with it, and answered.

Nothing is done here: the hub does it or says no, and what it says is one line on the page that the form stood on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import Response

from hune.core.clock import Clock
from hune.core.errors import HuneError, Unavailable
from hune.nester.desk import Desk
from hune.nester.forms import Form, Once, Problem, read_form
from hune.nester.hub.client import Declined, HubClient
from hune.nester.hub.dossiers import Dossiers
from hune.nester.language import Language
from hune.nester.paper import DONE_COOKIE
from hune.nester.visitors import Visitor, Visitors

DONE = ("acknowledge", "snooze", "release", "silence", "declare", "end", "expire")
_DONE_SECONDS = 30
_KNOWN_STATUS = (401, 403, 404, 409)


class Doings:
    """Takes forms."""

    def __init__(
        self,
        hub: HubClient,
        dossiers: Dossiers,
        visitors: Visitors,
        clock: Clock,
        desk: Desk,
    ) -> None:
        self.hub = hub
        self.dossiers = dossiers
        self.visitors = visitors
        self._once = Once(clock)
        self._desk = desk

    async def perform(
        self,
        request: Request,
        deed: Callable[[Form, Visitor], Awaitable[Response]],
        show: Callable[..., Awaitable[Response]],
    ) -> Response:
        """Do what a form asks for, once; where that fails, show its page again with what was filled in and why."""
        try:
            form = await read_form(request)
        except Problem as error:
            status, text = told(error, self._desk.language_of(request))
            return await show(request, await self.visitors.of(request), problem=text, status=status)
        visitor = await self.visitors.of(request, form)
        # Of nobody nothing is remembered, and of somebody only what was wished with the same keys.
        token = form.text("once") if visitor.mandates else ""
        wish = " ".join([request.url.path, *visitor.mandates, form.wish])
        try:
            response = await self._once.do(token, wish, lambda: _answer(deed, form, visitor))
            done = form.text("do").partition(":")[0]
            if done in DONE:
                response.set_cookie(DONE_COOKIE, done, max_age=_DONE_SECONDS, httponly=True, samesite="strict")
        except HuneError as error:
            status, text = told(error, self._desk.language_of(request))
            response = await show(request, visitor, form=form, problem=text, status=status)
        self.visitors.remember_name(response, form.text("by"))
        return response

    async def hand_on(
        self,
        method: Literal["POST", "DELETE"],
        path: str,
        visitor: Visitor,
        keys: Sequence[str],
        said: Mapping[str, Any],
    ) -> None:
        """Have the hub do it with one of these keys. Raises what it says against it; without a key it isn't asked."""
        if not visitor.hub_answers:
            raise Problem(503, "act.silent")
        if not keys:
            raise Problem(403, "act.403") if visitor.mandates else Problem(401, "act.401")
        try:
            await self.hub.act(method, path, keys[0], said)
        finally:
            self._desk.poller.expire()

    def printed(
        self, request: Request, visitor: Visitor, form: Form | None, problem: str, t: Language
    ) -> dict[str, Any]:
        """Return what every page with forms shows: who acts, what was filled in, what came of the last form."""
        # Not by the address: a link could say that something was done.
        done = request.cookies.get(DONE_COOKIE, "") if request.method == "GET" else ""
        return {
            "visitor": visitor,
            "form": form or Form(),
            "once": Once.token(),
            "problem": problem,
            "done": t(f"done.{done}") if done in DONE else "",
        }


async def _answer(deed: Callable[[Form, Visitor], Awaitable[Response]], form: Form, visitor: Visitor) -> Response:
    if not form.text("by"):
        raise Problem(400, "act.no_name")
    return await deed(form, visitor)


def told(error: HuneError, t: Language) -> tuple[int, str]:
    """Return status and sentence of what went wrong."""
    if isinstance(error, Problem):
        text = t(error.key, **error.fields)
        cause = error.__cause__
        return error.status, f"{text} {told(cause, t)[1]}" if isinstance(cause, HuneError) else text
    if isinstance(error, Declined):
        known = t(f"act.{error.status}") if error.status in _KNOWN_STATUS else ""
        return error.status, known or t("act.refused", detail=error.message)
    if isinstance(error, Unavailable):
        return 503, t("act.silent")
    return 400, error.message
