"""Examining one service: how to ask it, and what its metrics say."""

from __future__ import annotations

import re

import aiohttp

from hune.core.clock import Clock
from hune.core.errors import Unavailable, why

Metrics = dict[str, list[tuple[str, float]]]
"""Values by metric name: (labels as written, value)."""

_LINE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{.*\})? ([^ ]+)")


class Checkup:
    """One service under examination: how to ask it, and what it said the last time."""

    def __init__(self, session: aiohttp.ClientSession, url: str, clock: Clock, *, timeout_seconds: float = 4.0) -> None:
        self._session = session
        self.url = url
        self._clock = clock
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._counters: dict[str, float] = {}
        self._since = clock.monotonic()

    def now(self) -> float:
        """Return seconds since the epoch."""
        return self._clock.now()

    def running_seconds(self) -> float:
        """Return for how long this service has been running, as far as is known here."""
        return self._clock.monotonic() - self._since

    def restarted(self) -> None:
        """Forget what the former process said."""
        self._counters.clear()
        self._since = self._clock.monotonic()

    def increase(self, name: str, value: float) -> float:
        """Return how much a counter has grown since the last checkup; 0 the first time and after a reset."""
        before = self._counters.get(name)
        self._counters[name] = value
        return max(0.0, value - before) if before is not None else 0.0

    async def get(self, path: str, *, accept: tuple[int, ...] = (200,)) -> bytes:
        """Return the body of a path of the service.

        Raises Unavailable if it doesn't answer in time, or with another status than `accept`.
        """
        try:
            async with self._session.get(self.url + path, timeout=self._timeout) as response:
                body = await response.read()
        except TimeoutError as error:
            raise Unavailable("does not answer") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Unavailable(why(error)) from error
        if response.status not in accept:
            text = body[:200].decode(errors="replace").strip().splitlines()
            raise Unavailable(f"answers {response.status}{': ' + text[0] if text else ''}")
        return body


async def read_metrics(checkup: Checkup, *names: str, path: str = "/metrics") -> Metrics:
    """Return the named metrics that a service tells about itself (absent ones are left out)."""
    return parse_metrics((await checkup.get(path)).decode(errors="replace"), *names)


def parse_metrics(text: str, *names: str) -> Metrics:
    """Return the named metrics of an exposition in text format; lines that can't be read are passed over."""
    found: Metrics = {}
    for line in text.splitlines():
        if line.startswith("#") or not line.startswith(names):
            continue
        match = _LINE.match(line)
        if match and match[1] in names:
            try:
                found.setdefault(match[1], []).append((match[2] or "", float(match[3])))
            except ValueError:
                continue
    return found


def metric_sum(metrics: Metrics, name: str) -> float:
    """Return the sum over all series of a metric, 0 if it is absent."""
    return sum(value for _, value in metrics.get(name, []))
