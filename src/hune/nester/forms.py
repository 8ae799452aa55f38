"""Forms that browsers send: read within bounds, and each done once however often it is sent."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response

from hune.core.clock import Clock
from hune.core.errors import HuneError

_MAX_BYTES = 64 << 10
_MAX_FIELDS = 500
_SAME_WISH_SECONDS = 10.0


class Problem(HuneError):
    """What is wrong with a form, as a sentence of the catalogue."""

    def __init__(self, status: int, key: str, **fields: object) -> None:
        super().__init__(key)
        self.status = status
        self.key = key
        self.fields = fields


class Form:
    """What somebody filled in."""

    def __init__(self, fields: Mapping[str, Sequence[str]] | None = None) -> None:
        self._fields = fields or {}

    def text(self, name: str) -> str:
        """Return a field on one line, empty if it isn't there."""
        return " ".join(self.lines(name))

    def lines(self, name: str) -> list[str]:
        """Return the lines of a field that aren't empty."""
        values = self._fields.get(name, ())
        found = (" ".join(line.split()) for line in (values[0] if values else "").splitlines())
        return [line for line in found if line]

    @property
    def wish(self) -> str:
        """All that was filled in, as one short text: who changes anything wishes something else."""
        return hashlib.sha256(repr(sorted(self._fields.items())).encode()).hexdigest()

    def all(self, name: str) -> list[str]:
        """Return every value of a field that can be given several times."""
        return list(dict.fromkeys(self._fields.get(name, ())))


async def read_form(request: Request) -> Form:
    """Return the form that a request brings. Raises Problem if it brings none."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise Problem(400, "act.unknown")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _MAX_BYTES:
            raise Problem(400, "act.too_long")
    try:
        return Form(parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MAX_FIELDS))
    except ValueError:
        raise Problem(400, "act.too_long") from None


class Once:
    """Does what each form asks for once: a second click gets the outcome of the first.

    Only clicks that follow each other closely are the same wish: who comes back to a form later means it.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._doing: dict[tuple[str, str], tuple[float, asyncio.Future[Response]]] = {}

    @staticmethod
    def token() -> str:
        """Return what tells one printed form from all others."""
        return secrets.token_urlsafe(12)

    @property
    def kept(self) -> int:
        """How many wishes are remembered."""
        return len(self._doing)

    async def do(self, token: str, wish: str, action: Callable[[], Coroutine[Any, Any, Response]]) -> Response:
        """Do it, unless the same was wished by this form just now: then wait for that. Raises what it raised."""
        now = self._clock.monotonic()
        self._doing = {key: kept for key, kept in self._doing.items() if now - kept[0] < _SAME_WISH_SECONDS}
        known = self._doing.get((token, wish)) if token else None
        if known is None:
            future = asyncio.ensure_future(action())
            known = (now, future)

            def settle(done: asyncio.Future[Response]) -> None:
                # Asked here, for whoever clicked has perhaps hung up. What failed may be tried again.
                if done.cancelled() or done.exception():
                    self._doing.pop((token, wish), None)

            future.add_done_callback(settle)
            if token:
                self._doing[token, wish] = known
        return await asyncio.shield(known[1])
