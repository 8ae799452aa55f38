"""Nothing missing in the store: after a restart or an outage the window is sent again from Prometheus's own TSDB.

remote_write gives up what was unsent when Prometheus restarts, and a store killed loses what it had not written
yet. So a watermark says until when the store is known to hold everything; after anything happened to either, the
window from there to now is read from Prometheus and written to the store. What is there already is the same
sample at the same millisecond, which the store keeps once.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
from collections.abc import Callable
from pathlib import Path

import aiohttp

from hune.core.clock import Clock
from hune.core.errors import Unavailable, why
from hune.core.files import write_atomically
from hune.promapi.remote import PARTLY, READ_HEADERS, WRITE_HEADERS, Matcher, read_request, write_requests
from hune.stack.monitor import Monitor
from hune.stack.scraping.nodes import FAST_JOBS

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 2.0
CHUNK_SECONDS = 300
BATCH_BYTES = 2 << 20
"""Of a request: however small its samples, they are fewer than the adapter to PostgreSQL takes at once."""
MARGIN_SECONDS = 60.0
"""Healthy means written within 30 s; a store killed loses its last seconds; twice that is safe."""

LONGEST_SECONDS = 100 * 86_400.0
"""What is older isn't looked for: a machine that began without a clock would look since 1970."""

STORED = (Matcher("job", "!~", "|".join(FAST_JOBS)), Matcher("__name__", "!~", "hune:.*"))


async def replay(
    session: aiohttp.ClientSession, prometheus_url: str, store_url: str, *, start: float, end: float
) -> int:
    """Send every stored-to-be sample of [start, end] from Prometheus to the store; return the bytes sent.

    Repeating it changes nothing. Raises Unavailable if either doesn't answer, with the rest unsent. The window is held
    in memory as a whole.
    """
    sent = 0
    timeout = aiohttp.ClientTimeout(total=120.0)
    try:
        body = read_request(STORED, start_ms=round(start * 1000), end_ms=round(end * 1000))
        url = f"{prometheus_url}/api/v1/read"
        async with session.post(url, data=body, headers=READ_HEADERS, timeout=timeout) as response:
            content = await response.read()
            if response.status != 200:
                raise Unavailable(f"prometheus: remote read answers {response.status}")
        requests = write_requests(content, limit_bytes=BATCH_BYTES)
        while request := await asyncio.to_thread(next, requests, b""):
            url = f"{store_url}/api/v1/write"
            async with session.post(url, data=request, headers=WRITE_HEADERS, timeout=timeout) as response:
                # All is stored that ever will be: the rest is older than what is kept.
                is_done = response.status == 400 and (await response.text()).startswith(PARTLY)
                if response.status // 100 != 2 and not is_done:
                    raise Unavailable(f"store: remote write answers {response.status}")
            sent += len(request)
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise Unavailable(f"replay: {why(error)}") from error
    except ValueError as error:
        raise Unavailable(f"prometheus: {error}") from error
    return sent


class Replayer:
    """Keeps the watermark of a store, in `record`, and closes gaps.

    `generation` changes whenever Prometheus or the store was restarted.
    """

    @classmethod
    async def opened(
        cls, name: str, session: aiohttp.ClientSession, clock: Clock, monitor: Monitor, record: Path
    ) -> Replayer:
        """Return one that goes on from what its record says."""
        return cls(name, session, clock, monitor, record, await asyncio.to_thread(_remembered, record))

    def __init__(
        self,
        name: str,
        session: aiohttp.ClientSession,
        clock: Clock,
        monitor: Monitor,
        record: Path,
        remembered: float | None,
    ) -> None:
        self.name = name
        self._session = session
        self._clock = clock
        self._monitor = monitor
        self._record = record
        self._urls = ("", "")
        self._generation: object = None
        self._is_known = remembered is not None
        self._watermark = clock.now() if remembered is None else remembered
        # What happened while nobody watched is unknown: a start is treated like an outage.
        self._gap = True
        self._last_error = ""

    def target(self, prometheus_url: str, store_url: str) -> None:
        """Read from and write to these."""
        if not self._is_known and not self.is_wanted:
            self._watermark = self._clock.now()
        if self._urls != (prometheus_url, store_url):
            self._urls = (prometheus_url, store_url)
            self._gap = True

    @property
    def is_wanted(self) -> bool:
        """Whether there is such a store."""
        return all(self._urls)

    @property
    def complete_until(self) -> float:
        """Until when the store holds everything, in seconds since the epoch."""
        return self._watermark

    @property
    def has_gap(self) -> bool:
        """Whether something is still to be sent."""
        return self._gap

    async def step(self, generation: object) -> None:
        """Look once: notice a gap, close it if both sides work, else move the watermark on."""
        working = self._monitor.works("prometheus") and self._monitor.works(self.name)
        if generation != self._generation or not working:
            self._generation, self._gap = generation, True
        if not working or not self.is_wanted:
            return
        now = self._clock.now()
        # A clock that was set back: of the time that comes again nothing is known.
        self._watermark = min(self._watermark, now)
        if self._gap:
            start = max(self._watermark - MARGIN_SECONDS, now - LONGEST_SECONDS)
            sent = 0
            try:
                for at in range(int(start), math.ceil(now), CHUNK_SECONDS):
                    until = min(now, at + CHUNK_SECONDS)
                    sent += await replay(self._session, *self._urls, start=at, end=until)
                    self._watermark = max(self._watermark, min(until, now - MARGIN_SECONDS))
            except Unavailable as error:
                if str(error) != self._last_error:
                    log.warning("%s is incomplete since %.0f, trying again: %s", self.name, self._watermark, error)
                self._last_error = str(error)
                return
            self._last_error = ""
            self._gap = False
            log.info("%s is complete: sent the last %.0f s again (%d kB)", self.name, now - start, sent // 1000)
        self._watermark = max(self._watermark, now - MARGIN_SECONDS)
        await asyncio.to_thread(write_atomically, self._record, json.dumps({"complete_until": self._watermark}))
        self._is_known = True

    async def run(self, generation: Callable[[], object]) -> None:
        """Step until cancelled; `generation()` tells the processes' identity."""
        while True:
            await self.step(generation())
            await self._clock.sleep(INTERVAL_SECONDS)


def _remembered(record: Path) -> float | None:
    try:
        until = float(json.loads(record.read_text())["complete_until"])
        return until if math.isfinite(until) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
