"""The heartbeat to the outside: somebody else tells people when Hune itself falls silent.

A beat is sent only while the Watchdog is heard: it proves Prometheus' rules, Alertmanager and this hub in one. Where
Hune knows of trouble that people may not hear of, it says so.

| what listens | success | trouble |
|---|---|---|
| Healthchecks and what speaks as it does, another Hune's hub | `GET URL` | `POST URL/fail`, the reason as text |
| Uptime Kuma (`…/api/push/TOKEN`) | `GET URL?status=up&msg=OK` | `GET URL?status=down&msg=REASON` |

Sources: https://healthchecks.io/docs/http_api/, https://github.com/louislam/uptime-kuma/wiki/Monitor-Types
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from yarl import URL

from hune.alerting.notifiers import TryLater
from hune.alerting.notifiers.calling import Answer, Endpoint
from hune.core.backoff import Backoff
from hune.core.clock import Clock
from hune.core.errors import HuneError

log = logging.getLogger(__name__)

WHAT, REMEDY = "the heartbeat's URL", "copy it anew from the service that listens, and put it where the site file says"
_KUMA = "/api/push/"
_MAX_REASON = 400
_LOOK_SECONDS = 1.0
_APART_SECONDS = 5.0
"""Who listens takes only so many calls a minute."""


@dataclass(frozen=True, slots=True)
class Beat:
    """One request."""

    method: str
    url: URL
    body: bytes = b""


def beat(url: URL, trouble: str = "") -> Beat:
    """Return the request that says that all is well, or what isn't."""
    reason = " ".join(trouble.split())[:_MAX_REASON]
    if _KUMA in url.raw_path:
        # Its own example of a URL carries values for these.
        kept = [pair for pair in parse_qsl(url.raw_query_string) if pair[0] not in ("status", "msg", "ping")]
        said = {"status": "down", "msg": reason} if reason else {"status": "up", "msg": "OK"}
        return Beat("GET", _with(url, url.raw_path, urlencode([*kept, *said.items()], quote_via=quote)))
    if not reason:
        return Beat("GET", url)
    # Before the query, where services have parameters of their own.
    return Beat("POST", _with(url, f"{url.raw_path.rstrip('/')}/fail", url.raw_query_string), reason.encode())


def _with(url: URL, path: str, query: str) -> URL:
    # With user and password, if it carries them.
    return URL(f"{url.scheme}://{url.raw_authority}{path}{'?' if query else ''}{query}", encoded=True)


class Heartbeat:
    """Beats until cancelled.

    `open_endpoint` reads the secret URL (off the loop); `trouble` returns what is wrong, empty if all is well, or None
    where nothing may be said: then no beat is sent, and whoever listens draws the conclusion.
    """

    def __init__(
        self,
        open_endpoint: Callable[[], Endpoint],
        trouble: Callable[[], Awaitable[str | None]],
        *,
        every_seconds: float,
        clock: Clock,
        count: Callable[[str], None],
    ) -> None:
        self._open = open_endpoint
        self._trouble = trouble
        self._every = every_seconds
        self._clock = clock
        self._count = count
        self._endpoint: Endpoint | None = None
        self._backoff = Backoff(initial=1.0, ceiling=min(15.0, every_seconds))
        self._told = self._said = ""
        self._problem = "not sent yet"
        self.accepted_at: float | None = None

    async def run(self) -> None:
        """Beat every so often, and as soon as something is wrong or mended; what isn't accepted is tried again."""
        due, begun = self._clock.monotonic(), float("-inf")
        while True:
            try:
                now, trouble = self._clock.monotonic(), await self._trouble()
                is_news = trouble is not None and trouble != self._told and now - begun >= _APART_SECONDS
                if now >= due or is_news:
                    begun = now
                    accepted = await self.round(trouble)
                    if trouble is not None:
                        due = now + (self._every if accepted else min(self._every, self._backoff.next()))
            except Exception:
                log.exception("heartbeat: a fault of the hub; trying again")
                due = self._clock.monotonic() + self._every
            await self._clock.sleep(_LOOK_SECONDS)

    async def round(self, trouble: str | None) -> bool:
        """Say once how things are; return whether that was accepted."""
        if trouble is None:
            self._edge("the Watchdog is not heard: no beat is sent", is_start=self.accepted_at is None)
            return False
        try:
            if self._endpoint is None:
                self._endpoint = await asyncio.to_thread(self._open)
            said = beat(self._endpoint.url, trouble)
            answer = await self._endpoint.call(
                "beat",
                said.body,
                method=said.method,
                url=said.url,
                headers={"Content-Type": "text/plain; charset=utf-8"},
            )
            if not answer.accepted or answer.get("ok") is False:
                raise self._endpoint.judge(answer) if not answer.accepted else _not_ok(answer)
        except HuneError as error:
            # The secret is read again: that may be what a person has mended.
            self._endpoint = None if not isinstance(error, TryLater) else self._endpoint
            self._count("failed")
            self._edge(str(error))
            return False
        self._backoff.reset()
        self._told = trouble
        self._count("trouble" if trouble else "sent")
        self.accepted_at = self._clock.now()
        self._edge("", f" ({trouble})" if trouble else "")
        return True

    def report(self) -> dict[str, Any]:
        """Return its state for people."""
        return {"every_seconds": self._every, "accepted_at": self.accepted_at, "problem": self._problem}

    def _edge(self, problem: str, said: str = "", *, is_start: bool = False) -> None:
        """Log what changed, once."""
        if (problem, said) != (self._problem, self._said):
            if problem:
                # Before the first one everything may be starting.
                log.log(logging.DEBUG if is_start else logging.WARNING, "heartbeat: %s", problem)
            else:
                log.info("heartbeat: accepted%s", said)
        self._problem, self._said = problem, said


def _not_ok(answer: Answer) -> TryLater:
    return TryLater(f"answered {answer.status}, but not ok")
