"""Who must tell this hub that it lives: `GET` or `POST /heartbeats/NAME`, as clients of Healthchecks do.

The key is a Bearer token, or part of the path: `/heartbeats/NAME/KEY`. What follows says how things are: nothing or `0`
all is well; `fail`, or the exit status of a program, something is wrong; `start` and `log` are taken and mean nothing.
Who says that something is wrong is as overdue as who says nothing. A wrong name and a wrong key get the same answer.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from hune.alerting.chain import silence
from hune.alerting.chain.silence import Silence
from hune.alerting.hub.metrics import HubMetrics
from hune.core.clock import Clock
from hune.core.errors import HuneError
from hune.http.serve import problem
from hune.site.heartbeats import Expected
from hune.site.values import KEY_PATTERN

log = logging.getLogger(__name__)

_MAX_REASON_BYTES = 400
_UNKNOWN = problem(404, "no such heartbeat, or not its key")
_TOO_MANY = 429
_ALL_WELL = ("", "0")
_MEANT_FOR_OTHERS = ("start", "log")


@dataclass(slots=True)
class Bucket:
    """So many at once, and so many more each second."""

    burst: float
    per_second: float
    left: float = field(init=False)
    at: float = 0.0

    def __post_init__(self) -> None:
        self.left = self.burst

    def takes(self, now: float) -> bool:
        """Whether there is room for one more."""
        self.left = min(self.burst, self.left + max(0.0, now - self.at) * self.per_second)
        self.at = now
        if self.left < 1.0:
            return False
        self.left -= 1.0
        return True


@dataclass(slots=True)
class Sender:
    """One who must be heard; without a `digest` of its key its door is closed, and `problem` says why."""

    name: str
    limit_seconds: float
    digest: bytes | None = None
    problem: str = ""
    said: str = ""
    silence: Silence = field(default_factory=Silence)
    bucket: Bucket = field(default_factory=lambda: Bucket(20.0, 1.0))


class Expectations:
    """Listens for those who must report. `secret` reads a secret by its reference."""

    def __init__(
        self, wanted: Sequence[Expected], secret: Callable[[str], str], *, clock: Clock, metrics: HubMetrics
    ) -> None:
        self._wanted = wanted
        self._secret = secret
        self._clock = clock
        self._metrics = metrics
        self._senders = {one.name: Sender(one.name, one.limit_seconds) for one in wanted}
        self._strangers = Bucket(50.0, 5.0)
        self._counted_at = clock.monotonic()

    async def begin(self, known: Mapping[str, Silence]) -> None:
        """Read the keys, and take over who was heard before this start."""
        for one in self._wanted:
            sender = self._senders[one.name]
            sender.silence = known.get(one.name, Silence())
            try:
                key = await asyncio.to_thread(self._secret, one.key)
            except HuneError as error:
                sender.problem = str(error)
            else:
                if not re.fullmatch(KEY_PATTERN, key):
                    sender.problem = "its key is too short, or has characters that no path may hold"
                else:
                    sender.digest = _digest(key)
            if sender.problem:
                log.error("expects %s: %s; it can't report", one.name, sender.problem)
        self._counted_at = self._clock.monotonic()

    def listened(self, *, every: float) -> None:
        """Count the silence of all since the last count."""
        now = self._clock.monotonic()
        for sender in self._senders.values():
            sender.silence.listened(now - self._counted_at, every=every)
            self._show(sender)
        self._counted_at = now

    def keep(self, connection: sqlite3.Connection) -> None:
        """Write down who was heard, for the next start."""
        silence.write(connection, {name: sender.silence for name, sender in self._senders.items()})

    def report(self) -> list[dict[str, Any]]:
        """Return the state of each for people."""
        return [
            {
                "name": sender.name,
                "heard_at": sender.silence.heard_at or None,
                "silence_seconds": round(sender.silence.seconds, 1),
                "limit_seconds": sender.limit_seconds,
                "detail": sender.problem or sender.said,
            }
            for sender in self._senders.values()
        ]

    @property
    def problems(self) -> list[str]:
        """Whose key can't be used."""
        return [f"expects {one.name}: {one.problem}" for one in self._senders.values() if one.problem]

    def routes(self) -> list[BaseRoute]:
        """Return the doors; none where the site file expects nobody."""
        if not self._senders:
            return []
        methods = ["GET", "POST", "HEAD"]
        return [
            Route("/heartbeats/{name}", self._take, methods=methods),
            Route("/heartbeats/{name}/{first}", self._take, methods=methods),
            Route("/heartbeats/{name}/{first}/{signal}", self._take, methods=methods),
        ]

    async def _take(self, request: Request) -> Response:
        given = request.path_params
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            if "signal" in given:
                return _UNKNOWN
            key, signal = token.strip(), given.get("first", "")
        else:
            key, signal = given.get("first", ""), given.get("signal", "")
        sender = self._known(given["name"], key)
        now = self._clock.monotonic()
        if sender is None:
            return _UNKNOWN if self._strangers.takes(now) else _wait()
        if not sender.bucket.takes(now):
            return _wait()
        if signal in _ALL_WELL:
            sender.silence.heard(self._clock.now())
            sender.said = ""
        elif signal == "fail" or (signal.isascii() and signal.isdigit() and int(signal[:4]) < 256):
            await self._take_trouble(sender, request, f"exit status {signal}" if signal != "fail" else "")
        elif signal not in _MEANT_FOR_OTHERS:
            return problem(404, "unknown signal; send nothing more, fail, an exit status, start or log")
        self._show(sender)
        return PlainTextResponse("OK\n")

    async def _take_trouble(self, sender: Sender, request: Request, status: str) -> None:
        """Note that something is wrong, whether or not its words arrive."""
        was_well, sender.said = not sender.said, status or "something is wrong"
        sender.silence.seconds = max(sender.silence.seconds, sender.limit_seconds + 1.0)
        self._show(sender)
        reason = await _reason(request)
        # Unless all was well again meanwhile.
        sender.said = sender.said and (reason or sender.said)
        if was_well:
            log.warning("%s says: %s", sender.name, reason or status or "something is wrong")

    def _known(self, name: str, key: str) -> Sender | None:
        sender = self._senders.get(name)
        expected = sender.digest if sender else None
        # Always compared, so that names can't be told from how long it takes.
        fits = hmac.compare_digest(_digest(key), expected or _digest("\0"))
        return sender if fits and expected is not None else None

    def _show(self, sender: Sender) -> None:
        self._metrics.heartbeat.labels(sender.name).set(sender.silence.heard_at)
        self._metrics.heartbeat_silence.labels(sender.name).set(sender.silence.seconds)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def _wait() -> Response:
    return problem(_TOO_MANY, "too many; once in a while is enough", headers={"Retry-After": "10"})


async def _reason(request: Request) -> str:
    """Return the first words of a body, as far as they come; the rest isn't read."""
    body = bytearray()
    with suppress(ClientDisconnect):
        async for part in request.stream():
            body += part[:_MAX_REASON_BYTES]
            if len(body) >= _MAX_REASON_BYTES:
                break
    text = bytes(body[:_MAX_REASON_BYTES]).decode("utf-8", "replace")
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
