"""Calling a service by HTTP: a secret URL, bounded time, and what each answer means.

| answer | what it means |
|---|---|
| 2xx | accepted |
| 408, 425, 429, 5xx, none | try later; 429 says that the service works and only asks for patience |
| 3xx, 401, 402, 403, 404, 405, 407, 410 | refuses everything: a person must act |
| any other | refuses this message |
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from hune.alerting.notifiers import ContentRefused, ReceiverRefused, TryLater
from hune.core.errors import HuneError, why

_ANSWER_BYTES = 256 << 10
# Deleted, wrong, unpaid or forbidden; a redirect is no place for a message either, and is never followed.
_GONE = {401, 402, 403, 404, 405, 407, 410}
_RETRIED = {408, 425}
# However long a pause is asked for, it is asked again after this: people wait for alerts.
_LONGEST_PAUSE = 3600.0
_LONGEST_ABSENCE = 300.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered; `document` is its JSON, None if it is none."""

    status: int
    headers: Mapping[str, str]
    text: str
    document: Any

    @property
    def accepted(self) -> bool:
        return 200 <= self.status < 300

    def get(self, key: str) -> Any:
        """Return an entry of the JSON object, None if there is none."""
        return self.document.get(key) if isinstance(self.document, dict) else None


class Endpoint:
    """One service behind a secret URL, which appears in no error.

    `what` names the URL to people (`the webhook`), `remedy` says what to do where it is refused.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        *,
        what: str,
        remedy: str,
        timeout_seconds: float,
        interval_seconds: float = 0.0,
    ) -> None:
        """`interval_seconds` lie between two requests of a kind. Raises ReceiverRefused if `url` isn't one."""
        self._session = session
        self._what = what
        self._remedy = remedy
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._interval = interval_seconds
        self._free_at: dict[str, float] = {}
        self.url = self._checked(url)

    def pause_seconds(self, kind: str) -> float:
        """How long the service wants no further request of this kind."""
        return max(0.0, self._free_at.get(kind, 0.0) - time.monotonic())

    async def call(
        self,
        kind: str,
        body: bytes,
        *,
        method: str = "POST",
        url: URL | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request with a JSON body; requests of each `kind` are limited apart.

        The status decides: how an answer goes on that never ends or breaks off changes nothing, or people would be
        told again and again what was accepted. Raises TryLater if there is no answer or the pause asked for isn't over.
        """
        if (early := self.pause_seconds(kind)) > 0:
            raise TryLater("asks for a pause", after_seconds=early, limited=True)
        given = {"Content-Type": "application/json; charset=utf-8", **(headers or {})}
        try:
            async with self._session.request(
                method, url or self.url, data=body, headers=given, timeout=self._timeout, allow_redirects=False
            ) as response:
                text = (await _read(response)).decode("utf-8", "replace")
                answer = Answer(response.status, response.headers, text, _decode(text))
        except TimeoutError as error:
            raise TryLater("no answer in time") from error
        except aiohttp.ClientConnectorCertificateError as error:
            # Before ValueError, of which Python makes it one.
            raise TryLater(f"its certificate is not trusted ({why(error.certificate_error)})") from None
        except ValueError:
            # The client's own words repeat the URL.
            raise self.refusal("is not a URL that can be called") from None
        except (aiohttp.ClientError, OSError) as error:
            raise TryLater(_reason(error)) from None
        self._free_at[kind] = time.monotonic() + max(_pause(answer), self._interval)
        return answer

    def refusal(self, why: str) -> ReceiverRefused:
        """Return the error of a service that takes nothing."""
        return ReceiverRefused(f"{self._what} {why}", remedy=self._remedy)

    def judge(self, answer: Answer) -> HuneError:
        """Return what an answer that isn't acceptance means."""
        said, status = f"answered {answer.status}", answer.status
        if status == 429:
            return limited(said, answer)
        if status >= 500 or status in _RETRIED:
            absent = retry_after(answer.headers)
            return TryLater(said, after_seconds=None if absent is None else min(absent, _LONGEST_ABSENCE))
        if status in _GONE or 300 <= status < 400:
            return ReceiverRefused(f"{said}: {self._what} is gone or not permitted", remedy=self._remedy)
        return ContentRefused(said, remedy="report this message as a defect")

    def _checked(self, url: str) -> URL:
        try:
            parts = urlsplit(url.strip())
            usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
            usable = usable and re.fullmatch(r"[\x21-\x7e]+", url.strip()) is not None
            # Verbatim: a signature in it holds for these very characters.
            checked = URL(url.strip(), encoded=True)
        except ValueError:
            usable = False
        if not usable:
            raise self.refusal("is not a URL")
        return checked


def encode(document: Any) -> bytes:
    """Return a document as the JSON that is sent."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def limited(said: str, answer: Answer) -> TryLater:
    """Return the error of a service that works and asks for patience: as long as it says, or 5 s."""
    wait = retry_after(answer.headers, answer.document)
    return TryLater(f"{said}: too many messages", after_seconds=wait if wait is not None else 5.0, limited=True)


def retry_after(headers: Mapping[str, str], document: Any = None) -> float | None:
    """Return the seconds of Retry-After (a number or a date), else of the answer's body; within an hour."""
    for given in (headers.get("Retry-After"), document.get("retry_after") if isinstance(document, dict) else None):
        if given is None:
            continue
        try:
            seconds = float(given)
        except OverflowError:
            seconds = math.inf
        except (TypeError, ValueError):
            try:
                seconds = parsedate_to_datetime(str(given)).timestamp() - time.time()
            except (TypeError, ValueError, OverflowError):
                continue
        if not math.isnan(seconds):
            return min(max(seconds, 0.0), _LONGEST_PAUSE)
    return None


def _pause(answer: Answer) -> float:
    """Return how long to wait before the next request: as long as asked, or until an empty bucket is refilled."""
    if answer.status == 429:
        return retry_after(answer.headers, answer.document) or 0.0
    headers = answer.headers
    try:
        if int(headers.get("X-RateLimit-Remaining", "1")) > 0:
            return 0.0
        seconds = float(headers.get("X-RateLimit-Reset-After", "0"))
    except ValueError:
        return 0.0
    return min(seconds, _LONGEST_PAUSE) if seconds > 0 else 0.0


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Return the body, as far as it comes and is worth reading."""
    body = b""
    with suppress(TimeoutError, aiohttp.ClientError, OSError):
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > _ANSWER_BYTES:
                break
    return body


def _decode(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _reason(error: Exception) -> str:
    """Return what went wrong, without the URL that messages of the client may carry."""
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "hung up without an answer"
    if isinstance(error, aiohttp.ClientResponseError):
        return "answered what is not HTTP"
    return why(error) if isinstance(error, OSError) else type(error).__name__
