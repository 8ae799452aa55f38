"""Discord: messages through a channel's webhook.

Source: https://discord.com/developers/docs/resources/webhook#execute-webhook
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import aiohttp
from yarl import URL

from hune.alerting.episode import State
from hune.alerting.notifiers import ContentRefused, Digest, Notice, Receipt, ReceiverRefused, TryLater
from hune.alerting.notifiers.discord_message import Composer, Payload

_ANSWER_BYTES = 256 << 10
_UNKNOWN_MESSAGE = 10008
# Of a deleted, wrong or forbidden webhook; a redirect is no webhook either, and is never followed.
_GONE = {401, 403, 404, 405, 410}


class _MessageGone(Exception):
    """The message to edit was deleted."""


class Webhook:
    """One webhook; its URL is a secret and appears in no error."""

    def __init__(self, session: aiohttp.ClientSession, url: str, *, timeout_seconds: float) -> None:
        """Raises ReceiverRefused if `url` isn't one."""
        self._session = session
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._free_at: dict[str, float] = {}
        try:
            self._parts = urlsplit(url.strip())
            usable = self._parts.scheme in ("http", "https") and self._parts.hostname and self._parts.port != 0
            self._url("")
        except ValueError:
            usable = False
        if not usable:
            raise ReceiverRefused("the webhook is not a URL", remedy="copy it again from Discord")

    @property
    def pause_seconds(self) -> float:
        """How long Discord wants no further message."""
        return max(0.0, self._free_at.get("POST", 0.0) - time.monotonic())

    async def post(self, payload: Payload) -> str | None:
        """Post a message; return its id. Raises TryLater, ContentRefused or ReceiverRefused."""
        answer = await self._call("POST", "", payload)
        identity = answer.get("id") if isinstance(answer, dict) else None
        return identity if isinstance(identity, str) and identity.isdigit() else None

    async def patch(self, message: str, payload: Payload) -> bool:
        """Replace a message; return False if it was deleted. Raises as `post` does."""
        try:
            await self._call("PATCH", f"/messages/{message}", payload)
        except _MessageGone:
            return False
        return True

    def _url(self, suffix: str) -> URL:
        query = f"{self._parts.query}&wait=true" if self._parts.query else "wait=true"
        path = self._parts.path.rstrip("/") + suffix
        return URL(urlunsplit((self._parts.scheme, self._parts.netloc, path, query, "")), encoded=True)

    async def _call(self, method: str, suffix: str, payload: Payload) -> Any:
        # Messages and edits are limited apart.
        if (early := self._free_at.get(method, 0.0) - time.monotonic()) > 0:
            raise TryLater("asks for a pause", after_seconds=early, limited=True)
        try:
            async with self._session.request(
                method, self._url(suffix), json=payload, timeout=self._timeout, allow_redirects=False
            ) as response:
                body = await _read(response)
                status, headers = response.status, response.headers
        except TimeoutError as error:
            raise TryLater("no answer in time") from error
        except aiohttp.InvalidURL:
            raise ReceiverRefused("the webhook is not a URL", remedy="copy it again from Discord") from None
        except (aiohttp.ClientError, OSError) as error:
            raise TryLater(_reason(error)) from None
        answer = _decode(body)
        self._free_at[method] = time.monotonic() + _pause(headers)
        if 200 <= status < 300:
            return answer
        raise _judge(method, status, headers, answer)


class DiscordNotifier:
    """Tells alerts in a Discord channel."""

    def __init__(self, webhook: Webhook, composer: Composer) -> None:
        self._webhook = webhook
        self._composer = composer

    async def tell(self, notice: Notice) -> Receipt:
        """Post the alert; of one that is over, edit its message and post a short reply."""
        if notice.told is State.FIRING or notice.came_and_went:
            message = await self._post(self._composer.alert(notice), self._composer.headline(notice))
            return Receipt(message, edited=True, pause_seconds=self._webhook.pause_seconds)
        message = notice.message if await self._is_edited(notice) else None
        await self._post(self._composer.reply(notice), self._composer.headline(notice))
        return Receipt(message, edited=True, pause_seconds=self._webhook.pause_seconds)

    async def tell_digest(self, digest: Digest) -> Receipt:
        payload = self._composer.digest(digest)
        await self._post(payload, payload["content"] + " " + digest.link)
        return Receipt(None, edited=False, pause_seconds=self._webhook.pause_seconds)

    async def edit(self, notice: Notice) -> bool:
        assert notice.message is not None
        return await self._webhook.patch(notice.message, self._composer.resolved(notice))

    async def _is_edited(self, notice: Notice) -> bool:
        try:
            return notice.message is not None and await self.edit(notice)
        except ContentRefused:
            return False

    async def _post(self, payload: Payload, fallback: str) -> str | None:
        try:
            return await self._webhook.post(payload)
        except ContentRefused:
            # Better a plain word than none.
            return await self._webhook.post(self._composer.plain(fallback))


def _judge(method: str, status: int, headers: Mapping[str, str], answer: Any) -> Exception:
    code = answer.get("code") if isinstance(answer, dict) else None
    if method == "PATCH" and status == 404 and code in (None, 0, _UNKNOWN_MESSAGE):
        return _MessageGone()
    said = f"answered {status}"
    if status == 429:
        wait = _retry_after(headers, answer)
        return TryLater(f"{said}: too many messages", after_seconds=wait if wait is not None else 5.0, limited=True)
    if status >= 500 or status in (408, 425):
        return TryLater(said, after_seconds=_retry_after(headers, None))
    if status in _GONE or 300 <= status < 400:
        return ReceiverRefused(f"{said}: the webhook is gone or not permitted", remedy="make a new one in Discord")
    return ContentRefused(said, remedy="report this message as a defect")


def _retry_after(headers: Mapping[str, str], answer: Any) -> float | None:
    """Return the seconds of Retry-After (a number or a date), else of the answer's body; within a day."""
    for given in (headers.get("Retry-After"), answer.get("retry_after") if isinstance(answer, dict) else None):
        if given is None:
            continue
        try:
            seconds = float(given)
        except (TypeError, ValueError):
            try:
                seconds = parsedate_to_datetime(str(given)).timestamp() - time.time()
            except (TypeError, ValueError, OverflowError):
                continue
        if math.isfinite(seconds):
            return min(max(seconds, 0.0), 86400.0)
    return None


def _pause(headers: Mapping[str, str]) -> float:
    """Return how long to wait before the next request: the bucket is empty until it is refilled."""
    try:
        if int(headers.get("X-RateLimit-Remaining", "1")) > 0:
            return 0.0
        seconds = float(headers.get("X-RateLimit-Reset-After", "0"))
    except ValueError:
        return 0.0
    return min(seconds, 3600.0) if seconds > 0 else 0.0


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Return the body, as far as it is worth reading."""
    body = b""
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > _ANSWER_BYTES:
            break
    return body


def _decode(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _reason(error: Exception) -> str:
    """Return what went wrong, without the URL that messages of the client may carry."""
    cause = getattr(error, "os_error", None) or error
    if isinstance(cause, ConnectionRefusedError):
        return "connection refused"
    return getattr(cause, "strerror", None) or type(error).__name__
