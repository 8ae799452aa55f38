"""Asks the hub, and passes on what people do with the key that their browser brought: Nester has none of its own."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, Literal, TypeVar
from urllib.parse import urlencode

import aiohttp

from hune.core.errors import Refused, Unavailable, why
from hune.nester.hub import answers
from hune.nester.hub.model import Dossier, Mandate, Silence, Window
from hune.nester.snapshot import MOST_ALERTS, Alert

# The hub lets programs of this machine act without a key; what comes from a page needs one.
_FROM_A_PAGE = {"X-Hune-Page": "1"}
_LONGEST_KEY = 512
# Over a slow line; who takes nothing is hung up on much earlier.
_LONGEST_EXPORT_SECONDS = 3600.0
_PART_BYTES = 64 << 10

T = TypeVar("T")


class Declined(Refused):
    """The hub said no: 401 (no key, or an old one), 403 (not with this one), 404, 409 (not as things stand), 400."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail or f"status {status}")
        self.status = status


class HubClient:
    """Asks the hub; every call raises Unavailable if it doesn't answer, or not in its own words."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str) -> None:
        self._session = session
        self._base = base_url.rstrip("/")

    async def alerts(self, since: float) -> tuple[Alert, ...]:
        """Return the open alerts, and those that ended since then; of very many the most important."""
        return self._read(
            answers.alerts, await self._get(f"/alerts?since={since:.0f}&limit={MOST_ALERTS}", seconds=2.0)
        )

    async def digest(self, digest_id: str) -> tuple[Alert, ...] | None:
        """Return the alerts that a digest counted, None if there is no such digest."""
        found = await self._get(f"/digests/{digest_id}", missing=True)
        return None if found is None else self._read(answers.alerts, found)

    async def dossier(self, alert_id: str) -> Dossier | None:
        """Return everything about one alert, None if there is none of that number."""
        found = await self._get(f"/alerts/{alert_id}", missing=True)
        return None if found is None else self._read(answers.dossier, found)

    async def history(self, query: Mapping[str, str]) -> tuple[Alert, ...]:
        """Return alerts of the past, latest first."""
        return self._read(answers.alerts, await self._get(f"/history?{urlencode(query)}", seconds=8.0))

    async def silences(self) -> tuple[Silence, ...]:
        """Return the silences that hold, or will."""
        return self._read(answers.silences, await self._get("/silences"))

    async def maintenance(self) -> tuple[Window, ...]:
        """Return the maintenance that holds, or will."""
        return self._read(answers.windows, await self._get("/maintenance"))

    async def why(self, alert_id: str, language: str) -> Mapping[str, Any] | None:
        """Return why an alert is told or isn't, in a language, None if the hub can't tell."""
        found = await self._get(f"/why?id={alert_id}&lang={language}", missing=True, seconds=8.0)
        return found if isinstance(found, dict) else None

    async def mandate(self, key: str) -> Mandate | None:
        """Return what a key permits, None if it is none of the hub's, or not any more."""
        if not is_sendable(key):
            return None
        status, body = await self._ask("GET", "/key", headers=_bearer(key))
        if status in (401, 403):
            return None
        if status != 200:
            raise Unavailable(f"{self._base}: status {status}")
        return self._read(answers.mandate, _json(body))

    async def act(self, method: Literal["POST", "DELETE"], path: str, key: str, document: Mapping[str, Any]) -> None:
        """Do what somebody wants done.

        Raises Declined if the hub says no: because of the key, or because it can't be done as wanted.
        """
        if not is_sendable(key):
            raise Declined(401, "this is no key")
        status, body = await self._ask(method, path, headers=_bearer(key), json=dict(document))
        if status < 300:
            return
        said = _json(body)
        detail = str(said.get("detail", "")) if isinstance(said, dict) else ""
        if 400 <= status < 500:
            raise Declined(status, detail)
        raise Unavailable(detail or f"status {status}")

    async def export(self, query: Mapping[str, str]) -> AsyncGenerator[bytes, None]:
        """Yield the history as the hub writes it, as it comes."""
        url = f"{self._base}/history?{urlencode(query)}"
        patience = aiohttp.ClientTimeout(total=_LONGEST_EXPORT_SECONDS, sock_connect=3.0, sock_read=30.0)
        try:
            async with self._session.get(url, headers=_FROM_A_PAGE, timeout=patience) as response:
                if response.status != 200:
                    raise Unavailable(f"{self._base}: status {response.status}")
                async for part in response.content.iter_chunked(_PART_BYTES):
                    yield part
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise Unavailable(f"{self._base}: {why(error)}") from error

    async def _get(self, path: str, *, missing: bool = False, seconds: float = 3.0) -> Any:
        """Return what is answered; with `missing`, None for what isn't there."""
        status, body = await self._ask("GET", path, seconds=seconds)
        if status == 404 and missing:
            return None
        if status != 200:
            raise Unavailable(f"{self._base}: status {status}")
        return _json(body)

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        seconds: float = 3.0,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
    ) -> tuple[int, bytes]:
        try:
            async with self._session.request(
                method,
                self._base + path,
                headers={**_FROM_A_PAGE, **(headers or {})},
                json=json,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=seconds),
            ) as response:
                return response.status, await response.read()
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise Unavailable(f"{self._base}: {why(error)}") from error

    def _read(self, parse: Callable[[Any], T], answer: Any) -> T:
        try:
            return parse(answer)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Unavailable(f"{self._base}: not the answer of a hub") from error


def is_sendable(key: str) -> bool:
    """Whether a text may stand in a header: what a browser brings can be anything."""
    return 0 < len(key) <= _LONGEST_KEY and key.isascii() and key.isprintable()


def _bearer(key: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {key}"}


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
