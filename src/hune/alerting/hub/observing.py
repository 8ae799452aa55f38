"""Bringing the hub's series up to date with its file."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from hune.alerting.hub.metrics import HubMetrics
from hune.alerting.state import book, outbox, withholding
from hune.alerting.state.database import Database
from hune.alerting.state.episode import State
from hune.core.clock import Clock


async def observe(metrics: HubMetrics, database: Database, receivers: Sequence[str], clock: Clock) -> None:
    """Look once. Raises Unavailable if the file can't be read."""
    for receiver in receivers:
        now = clock.now()
        backlog = await database.read(partial(outbox.backlog, receiver=receiver, now=now))
        metrics.pending.labels(receiver).set(backlog.pending)
        age = now - backlog.oldest if backlog.oldest is not None else 0.0
        metrics.oldest.labels(receiver).set(max(0.0, age))
        metrics.letters.labels(receiver).set(backlog.letters)
    states = await database.read(book.count_by_state)
    for state in (State.FIRING, State.UNKNOWN):
        metrics.episodes.labels(state).set(states.get(state, 0))
    for reason, count in (await database.read(partial(withholding.count, now=clock.now()))).items():
        metrics.held.labels(reason).set(count)
    metrics.reserve_bytes.set(await database.read(database.reserve_left))
    metrics.commit_seconds.set(database.last_commit_seconds)
