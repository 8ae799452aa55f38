"""Who looks at a page, and what they may do: by the key in a message's link, or the operator's in a cookie.

Nester holds no key. What the browser brings is passed on, and the hub says what it permits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from hune.core.clock import Clock
from hune.core.errors import HuneError
from hune.nester.forms import Form
from hune.nester.hub.client import HubClient
from hune.nester.hub.model import Mandate
from hune.nester.paper import YEAR_SECONDS

OPERATOR_COOKIE = "hune-operator"
NAME_COOKIE = "hune-name"
_LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody with the keys that they brought, and what those permit."""

    name: str = ""
    link_key: str = ""
    """The key of the address or of the form: it goes on being part of addresses."""
    mandates: Mapping[str, Mandate] = field(default_factory=dict)
    brought: bool = False
    """Whether any key was brought, valid or not."""
    hub_answers: bool = True

    def keys_for(self, alert_id: str) -> list[str]:
        """Return the keys that permit to look after an alert."""
        return [key for key, mandate in self.mandates.items() if mandate.covers(alert_id)]

    @property
    def operator_keys(self) -> list[str]:
        """The keys that permit everything."""
        return [key for key, mandate in self.mandates.items() if mandate.is_whole]

    @property
    def is_operator(self) -> bool:
        return bool(self.operator_keys)


class Visitors:
    """Tells who is there."""

    def __init__(self, hub: HubClient, clock: Clock, *, public_url: str = "") -> None:
        self._hub = hub
        self._clock = clock
        public = urlsplit(public_url)
        self._secure_host = public.netloc if public.scheme == "https" else ""

    async def of(self, request: Request, form: Form | None = None) -> Visitor:
        """Return who sent a request, with what the hub says about their keys now."""
        link_key = form.text("key") if form is not None else request.query_params.get("key", "")
        name = (form.text("by") if form is not None else "") or unquote(request.cookies.get(NAME_COOKIE, ""))
        brought = [key for key in (request.cookies.get(OPERATOR_COOKIE, ""), link_key) if key]
        mandates: dict[str, Mandate] = {}
        answers = True
        for key in dict.fromkeys(brought):
            try:
                mandate = await self._hub.mandate(key)
            except HuneError:
                answers = False
                break
            if mandate is not None:
                mandates[key] = mandate
        return Visitor(name[:_LONGEST_NAME], link_key, mandates, bool(brought), answers)

    async def mandate(self, key: str) -> Mandate | None:
        """Return what a key permits now, None if nothing. Raises Unavailable if the hub doesn't answer."""
        return await self._hub.mandate(key)

    def remember_name(self, response: Response, name: str) -> None:
        """Keep the name of who acts, so that it is asked for once."""
        if name:
            response.set_cookie(
                NAME_COOKIE, quote(name[:_LONGEST_NAME]), max_age=YEAR_SECONDS, httponly=True, samesite="lax", path="/"
            )

    def sign_in(self, request: Request, response: Response, key: str, mandate: Mandate) -> None:
        """Keep the operator's key in the browser until it expires; no other site's page can use it."""
        left = None if mandate.expires is None else max(0, int(mandate.expires - self._clock.now()))
        response.set_cookie(
            OPERATOR_COOKIE,
            key,
            max_age=left,
            httponly=True,
            samesite="strict",
            # By its address it is reached without TLS, also where its public name has it.
            secure=bool(self._secure_host) and request.headers.get("host") == self._secure_host,
            path="/",
        )

    def sign_out(self, response: Response) -> None:
        """Forget the operator's key."""
        response.delete_cookie(OPERATOR_COOKIE, httponly=True, samesite="strict", path="/")
