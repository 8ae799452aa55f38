"""What proves to Proxmox who asks: a token, or a ticket that is fetched once for all and renewed in time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from hune.core.backoff import Backoff
from hune.core.clock import Clock
from hune.pve.access import Login, Token
from hune.pve.errors import BadAnswer, LoginRefused, PveError

# Proxmox' tickets end after two hours.
_TICKET_SECONDS = 7200.0
_RENEW_AFTER_SECONDS = 5400.0
_RENEW_AGAIN_SECONDS = 60.0

SignIn = Callable[[Mapping[str, str]], Awaitable[Any]]


class Identity:
    """The headers that calls carry. What was refused is not tried again at once: Proxmox would lock the account."""

    def __init__(self, credentials: Token | Login, clock: Clock, sign_in: SignIn) -> None:
        """`sign_in` posts a form to `/access/ticket` and returns the `data` of the answer."""
        self._credentials = credentials
        self._clock = clock
        self._sign_in = sign_in
        self._ticket = ""
        self._renew_at = 0.0
        self._ends_at = 0.0
        self._signing: asyncio.Task[None] | None = None
        self._refusal: LoginRefused | None = None
        self._refused_until = 0.0
        self._backoff = Backoff(initial=5.0, ceiling=300.0)

    async def headers(self) -> dict[str, str]:
        """Return the headers of a call, after fetching a ticket if one is due.

        Raises LoginRefused at once while an earlier refusal is fresh, else as `sign_in` does.
        """
        if self._refusal is not None and self._clock.monotonic() < self._refused_until:
            raise _again(self._refusal)
        if isinstance(self._credentials, Token):
            if not (self._credentials.secret.isascii() and self._credentials.secret.isprintable()):
                # It would not go into a header; what it is must not be told.
                told = f"{self._credentials.id}: what was given as its secret has signs that no secret has"
                raise LoginRefused(told, remedy="give the secret alone, as Proxmox showed it once")
            return self.at_hand()
        if not self._ticket or self._clock.monotonic() >= self._renew_at:
            try:
                await self._fetch_once()
            except LoginRefused:
                raise
            except PveError:
                now = self._clock.monotonic()
                # What is still good for half an hour serves until Proxmox can give another.
                if not self._ticket or now >= self._ends_at:
                    raise
                self._renew_at = now + _RENEW_AGAIN_SECONDS
        return self.at_hand()

    def at_hand(self) -> dict[str, str]:
        """Return the headers of a call without fetching anything; empty if there is no ticket."""
        if isinstance(self._credentials, Token):
            return {"Authorization": f"PVEAPIToken={self._credentials.id}={self._credentials.secret}"}
        return {"Cookie": f"PVEAuthCookie={self._ticket}"} if self._ticket else {}

    @property
    def can_renew(self) -> bool:
        """Whether a refusal may only mean that the ticket has ended."""
        return isinstance(self._credentials, Login)

    def drop(self, headers: Mapping[str, str]) -> None:
        """Forget the ticket of a call that was refused, unless it was renewed meanwhile."""
        if headers == self.at_hand():
            self._ticket = ""

    def refused(self, error: LoginRefused) -> None:
        """Note that the credentials themselves are not accepted."""
        self._refusal = error
        self._refused_until = self._clock.monotonic() + self._backoff.next()

    def accepted(self) -> None:
        """Note that they are."""
        if self._refusal is not None:
            self._refusal = None
            self._backoff.reset()

    def without_secrets(self, text: str) -> str:
        """Return text in which neither secret nor ticket stands, should the other side have sent one back."""
        secret = self._credentials.secret if isinstance(self._credentials, Token) else self._credentials.password
        for hidden in (secret, self._ticket):
            if hidden:
                text = text.replace(hidden, "…")
        return text

    async def close(self) -> None:
        """End a sign-in under way."""
        if self._signing is not None:
            self._signing.cancel()
            await asyncio.gather(self._signing, return_exceptions=True)

    async def _fetch_once(self) -> None:
        if self._signing is None:
            self._signing = asyncio.create_task(self._fetch(), name="Proxmox ticket")
            self._signing.add_done_callback(self._fetched)
        # Shielded: whoever gives up waiting doesn't take the ticket from the others.
        await asyncio.shield(self._signing)

    def _fetched(self, task: asyncio.Task[None]) -> None:
        self._signing = None
        if not task.cancelled():
            # Marked as seen: everybody who waited may have left.
            task.exception()

    async def _fetch(self) -> None:
        assert isinstance(self._credentials, Login)
        try:
            answer = await self._sign_in({"username": self._credentials.user, "password": self._credentials.password})
            if isinstance(answer, Mapping) and answer.get("NeedTFA"):
                raise LoginRefused(
                    f"{self._credentials.user} needs a second factor",
                    path="/access/ticket",
                    remedy="use an API token instead of a password",
                )
        except LoginRefused as error:
            self.refused(error)
            raise
        ticket = answer.get("ticket") if isinstance(answer, Mapping) else None
        if not isinstance(ticket, str) or not ticket.isprintable() or not ticket:
            raise BadAnswer("no ticket in the answer to the login", path="/access/ticket")
        now = self._clock.monotonic()
        self._ticket, self._renew_at, self._ends_at = ticket, now + _RENEW_AFTER_SECONDS, now + _TICKET_SECONDS


def _again(error: LoginRefused) -> LoginRefused:
    """Return the error anew: one object raised at many places would collect all their tracebacks."""
    return LoginRefused(error.message, path=error.path, endpoint=error.endpoint, remedy=error.remedy)
