"""History brought into the store: read from a Prometheus or a VictoriaMetrics in windows, written to the adapter.

A window counts as done once all of it is acknowledged, and that is written down; whoever begins again goes on there,
and what was sent twice is stored once. Windows shrink while answers are large and grow while they are small, so memory
depends neither on how much there is nor on how long it is kept.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import re
import struct
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import aiohttp
import cramjam

from hune.core.backoff import Backoff
from hune.core.clock import Clock
from hune.core.errors import InputError, Refused, Unavailable
from hune.core.files import write_atomically
from hune.promapi.remote import (
    PARTLY,
    READ_HEADERS,
    WRITE_HEADERS,
    Matcher,
    read_request,
    write_request,
    write_requests,
)
from hune.store.wire.batch import STALE

LONGEST_WINDOW_SECONDS = 6 * 3600.0
SHORTEST_WINDOW_SECONDS = 1.0
_FIRST_WINDOW_SECONDS = 300.0
MOST_ANSWER_BYTES = 64 << 20
"""Of a window, unpacked; above a quarter of it the next window isn't longer."""
_REQUEST_BYTES = 1 << 20
"""Of what is written at once, about: with a series of the longest window still less than the adapter takes."""
_REQUEST_SAMPLES = 50_000
_MOST_LINE_BYTES = 8 << 20
_SENT_AT_ONCE = 4
PATIENCE_SECONDS = 600.0
"""How long an adapter that asks to wait is waited for."""
_TIMEOUT = aiohttp.ClientTimeout(total=300.0, connect=10.0)

_STALE_VALUE = struct.unpack("<d", struct.pack("<Q", STALE))[0]
_MATCHER = re.compile(r"(?P<name>[a-zA-Z_][a-zA-Z0-9_]*)(?P<operator>=~|!~|!=|=)(?P<value>.*)", re.DOTALL)
_EVERYTHING = Matcher("__name__", "!=", "")

Kind = Literal["prometheus", "victoriametrics"]


class _TooMuch(Exception):
    """A window holds more than is read at once."""


@dataclass(frozen=True)
class Task:
    """What to bring from where to where; times in seconds since the epoch."""

    source: str
    target: str
    matchers: tuple[Matcher, ...]
    since: float
    until: float


@dataclass(frozen=True)
class Progress:
    """How far it is."""

    since: float
    until: float
    done_until: float
    samples: int = 0
    refused: int = 0
    """Requests of which the adapter stored only a part: the rest is older than it keeps."""

    @property
    def ratio(self) -> float:
        return (self.done_until - self.since) / (self.until - self.since) if self.until > self.since else 1.0


def parse_matcher(text: str) -> Matcher:
    """Return a matcher such as `job=node` or `__name__=~node_.*`. Raises InputError."""
    found = _MATCHER.fullmatch(text)
    if not found:
        raise InputError(f"--match {text}: not a matcher", remedy="write it like job=node or __name__=~node_.*")
    operator: Any = found["operator"]
    return Matcher(found["name"], operator, found["value"])


class Backfill:
    """Carries out a task. `record` is the file that remembers how far it is."""

    def __init__(self, session: aiohttp.ClientSession, clock: Clock, task: Task, record: Path) -> None:
        self._session = session
        self._clock = clock
        self._task = task
        self._record = record
        self._sending = asyncio.Semaphore(_SENT_AT_ONCE)
        self._progress = Progress(task.since, task.until, task.since)

    async def run(self, tell: Callable[[Progress], None]) -> Progress:
        """Bring everything; tell after each window. Raises Unavailable (go on later) or Refused."""
        kind = await self._kind()
        self._progress = replace(self._progress, done_until=await asyncio.to_thread(self._resumed))
        width = _FIRST_WINDOW_SECONDS
        task = self._task
        while self._progress.done_until < task.until:
            start = self._progress.done_until
            end = min(start + width, task.until)
            try:
                if kind == "prometheus":
                    size = await self._window_of_prometheus(start, end)
                else:
                    size = await self._window_of_victoriametrics(start, end)
            except _TooMuch:
                if width <= SHORTEST_WINDOW_SECONDS:
                    raise Refused(
                        f"{task.source}: more in a second than is read at once",
                        remedy="bring it in parts, with --match",
                    ) from None
                width = max(SHORTEST_WINDOW_SECONDS, width / 4)
                continue
            self._progress = replace(self._progress, done_until=end)
            await asyncio.to_thread(self._remember)
            tell(self._progress)
            if size < MOST_ANSWER_BYTES // 4:
                width = min(2 * width, LONGEST_WINDOW_SECONDS)
        return self._progress

    def _remember(self) -> None:
        document = {"task": self._identity(), "since": self._task.since, "done_until": self._progress.done_until}
        write_atomically(self._record, json.dumps(document))

    def _resumed(self) -> float:
        """Return from when on something is missing."""
        try:
            known = json.loads(self._record.read_text())
            if known["task"] == self._identity() and known["since"] <= self._task.since:
                return min(max(float(known["done_until"]), self._task.since), self._task.until)
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return self._task.since

    def _identity(self) -> list[Any]:
        matchers = [[one.name, one.operator, one.value] for one in self._task.matchers]
        return [self._task.source, self._task.target, matchers]

    async def _kind(self) -> Kind:
        """Tell which of both it is: Prometheus has no export."""
        url = f"{self._task.source}/api/v1/export"
        try:
            async with self._session.get(url, params={"match[]": "nothing_has_this_name"}, timeout=_TIMEOUT) as answer:
                return "prometheus" if answer.status == 404 else "victoriametrics"
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise self._silent(error) from error

    def _silent(self, error: Exception) -> Unavailable:
        return Unavailable(f"{self._task.source}: {error or type(error).__name__}")

    async def _window_of_prometheus(self, start: float, end: float) -> int:
        body = read_request(
            self._task.matchers or (_EVERYTHING,), start_ms=round(start * 1000), end_ms=round(end * 1000) - 1
        )
        try:
            url = f"{self._task.source}/api/v1/read"
            async with self._session.post(url, data=body, headers=READ_HEADERS, timeout=_TIMEOUT) as answer:
                if answer.status == 400 and "sample limit" in await answer.text():
                    raise _TooMuch
                if answer.status // 100 == 5:
                    raise Unavailable(
                        f"{self._task.source}: remote read answers {answer.status}",
                        remedy="run it again: it goes on where it was",
                    )
                if answer.status != 200:
                    raise Refused(f"{self._task.source}: remote read answers {answer.status}")
                packed = bytearray()
                async for part in answer.content.iter_any():
                    packed += part
                    if len(packed) > MOST_ANSWER_BYTES:
                        raise _TooMuch
            size = cramjam.snappy.decompress_raw_len(bytes(packed[:16])) if packed else 0
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise self._silent(error) from error
        except cramjam.DecompressionError as error:
            raise Refused(f"{self._task.source}: remote read: not snappy") from error
        if size > MOST_ANSWER_BYTES:
            raise _TooMuch
        try:
            requests = write_requests(bytes(packed), limit_bytes=_REQUEST_BYTES)
            while some := await asyncio.to_thread(_some, requests, _SENT_AT_ONCE):
                await self._send_all(some)
        except ValueError as error:
            raise Refused(f"{self._task.source}: {error}") from error
        return int(size)

    async def _window_of_victoriametrics(self, start: float, end: float) -> int:
        selector = ",".join(
            f"{one.name}{one.operator}{json.dumps(one.value, ensure_ascii=False)}"
            for one in self._task.matchers or (_EVERYTHING,)
        )
        form = {
            "match[]": f"{{{selector}}}",
            "start": f"{start:.3f}",
            "end": f"{end - 0.001:.3f}",
            "max_rows_per_line": "10000",
        }
        size = count = 0
        series: list[tuple[Mapping[str, str], Sequence[tuple[float, float]]]] = []
        try:
            url = f"{self._task.source}/api/v1/export"
            async with self._session.post(url, data=form, timeout=_TIMEOUT) as answer:
                if answer.status != 200:
                    raise Refused(f"{self._task.source}: export answers {answer.status}")
                async for line in _lines(answer.content):
                    size += len(line)
                    labels, points = _exported(line)
                    series.append((labels, points))
                    count += len(points)
                    if count >= _REQUEST_SAMPLES:
                        await self._send_all([await asyncio.to_thread(write_request, series)])
                        series, count = [], 0
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise self._silent(error) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Refused(f"{self._task.source}: export: not what VictoriaMetrics exports") from error
        if series:
            await self._send_all([await asyncio.to_thread(write_request, series)])
        return size

    async def _send_all(self, requests: Sequence[bytes]) -> None:
        await asyncio.gather(*(self._send(request) for request in requests))

    async def _send(self, request: bytes) -> None:
        """Return once the adapter has stored a request. Raises Refused, or Unavailable if it asks to wait for long."""
        url = f"{self._task.target}/api/v1/write"
        backoff = Backoff(initial=0.5, ceiling=10.0)
        give_up = self._clock.monotonic() + PATIENCE_SECONDS
        headers = dict(WRITE_HEADERS)
        async with self._sending:
            while True:
                try:
                    async with self._session.post(url, data=request, headers=headers, timeout=_TIMEOUT) as answer:
                        text = (await answer.text())[:200].strip()
                        written = int(answer.headers.get("X-Prometheus-Remote-Write-Samples-Written", "0"))
                        status = answer.status
                except (aiohttp.ClientError, OSError, TimeoutError) as error:
                    status, text, written = 503, str(error) or type(error).__name__, 0
                if status // 100 == 2 or (status == 400 and text.startswith(PARTLY)):
                    self._progress = replace(
                        self._progress,
                        samples=self._progress.samples + written,
                        refused=self._progress.refused + (status == 400),
                    )
                    return
                if status // 100 != 5:
                    raise Refused(f"{self._task.target}: remote write answers {status}: {text}")
                if self._clock.monotonic() > give_up:
                    raise Unavailable(f"{self._task.target}: {text}", remedy="run it again: it goes on where it was")
                # What was sent may be stored all the same.
                headers["Retry-Attempt"] = "1"
                await self._clock.sleep(backoff.next())


def _some(requests: Iterator[bytes], count: int) -> list[bytes]:
    return list(itertools.islice(requests, count))


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    rest = b""
    async for part in content.iter_any():
        *whole, rest = (rest + part).split(b"\n")
        for line in whole:
            if line:
                yield line
        if len(rest) > _MOST_LINE_BYTES:
            raise ValueError("line without end")
    if rest:
        yield rest


def _exported(line: bytes) -> tuple[Mapping[str, str], list[tuple[float, float]]]:
    """Return labels and points of a line; what isn't a number there is a stale marker, the only one that is kept."""
    # In a text a quotation mark would be escaped, so these are the values. Older versions write +Inf there, newer ones
    # what JSON has.
    head, key, values = line.rpartition(b'"values":[')
    row = json.loads(head + key + _INFINITY.sub(rb"\1Infinity", values))
    numbers = [_STALE_VALUE if one is None or math.isnan(float(one)) else float(one) for one in row["values"]]
    return row["metric"], [(moment / 1000, one) for moment, one in zip(row["timestamps"], numbers, strict=True)]


_INFINITY = re.compile(rb"\+?(-?)Inf\b")
