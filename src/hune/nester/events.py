"""The event stream: once a second what changed, and what time it is here."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from prometheus_client import Gauge
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from hune.http.serve import problem
from hune.nester.desk import Desk, ViewName
from hune.nester.language import utc_offset_seconds
from hune.nester.snapshot import Snapshot
from hune.nester.views.look import Look

MAX_VIEWS = 64
_RETRY_MS = 1000

# What was told of each region: its parts by key, each as the hash of its HTML; the HTML would be kept once a stream.
_Known = dict[ViewName, dict[str, dict[str, int]]]


class Streams:
    """Serves `/events?view=overview:fr&view=wall:fr`: one stream carries all the views that a browser has open."""

    def __init__(self, desk: Desk, watching: Gauge, *, build: str) -> None:
        self._desk = desk
        self._build = build
        self._watching = watching
        self._closing = asyncio.Event()

    def close(self) -> None:
        """End every stream: the process is leaving."""
        self._closing.set()

    async def serve(self, request: Request) -> Response:
        """Answer a request for a stream."""
        names = [self._desk.parse(text) for text in request.query_params.getlist("view")]
        # A tab with what is no part of the site any more must not take the stream from all others.
        views = [name for name in dict.fromkeys(names) if name is not None]
        if not views or len(views) > MAX_VIEWS:
            return problem(400, f"view: name one to {MAX_VIEWS} views, like overview:en")
        return StreamingResponse(
            self._events(views),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    async def _events(self, views: Sequence[ViewName]) -> AsyncIterator[str]:
        known: _Known = {name: {} for name in views}
        yield f"retry: {_RETRY_MS}\n\n"
        with self._watching.track_inprogress():
            snapshot = await self._desk.poller.current()
            while not self._closing.is_set():
                # Together: each may wait a moment for somebody who is silent.
                looks = dict(
                    zip(views, await asyncio.gather(*(self._desk.look(each, snapshot) for each in views)), strict=True)
                )
                yield f"data: {json.dumps(_event(snapshot, looks, known, self._build), separators=(',', ':'))}\n\n"
                following = await self._next(snapshot.number)
                if following is None:
                    return
                snapshot = following

    async def _next(self, number: int) -> Snapshot | None:
        """Return the next snapshot, None when the process is leaving."""
        coming = asyncio.ensure_future(self._desk.poller.after(number))
        closing = asyncio.ensure_future(self._closing.wait())
        try:
            await asyncio.wait({coming, closing}, return_when=asyncio.FIRST_COMPLETED)
            return await coming if coming.done() else None
        finally:
            coming.cancel()
            closing.cancel()


def _event(snapshot: Snapshot, looks: dict[ViewName, Look], known: _Known, build: str) -> dict[str, Any]:
    """Return what is told now; `known` is what was told before, and is brought up to date."""
    return {
        "build": build,
        "now": round(snapshot.taken_at, 3),
        "offset": utc_offset_seconds(snapshot.taken_at),
        "measured": None if snapshot.measured_at is None else round(snapshot.measured_at, 3),
        "views": {
            str(name): {
                "title": look.title,
                "state": look.state,
                "critical": look.critical,
                "regions": _changes(look, known[name]),
            }
            for name, look in looks.items()
        },
    }


def _changes(look: Look, known: dict[str, dict[str, int]]) -> dict[str, Any]:
    """Return each region that differs: its keys in order, and the HTML of the parts that changed."""
    changes: dict[str, Any] = {}
    for region, parts in look.regions.items():
        before = known.get(region)
        now = {part.key: hash(part.html) for part in parts}
        if before is not None and before == now and list(before) == list(now):
            continue
        changed = {part.key: part.html for part in parts if before is None or before.get(part.key) != now[part.key]}
        changes[region] = {"keys": list(now), "html": changed}
        known[region] = now
    return changes
