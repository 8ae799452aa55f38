"""A courier with its surroundings: a notifier that writes down what it is told."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from hune.alerting.hub.deliver import Courier
from hune.alerting.hub.inviting import uninviting
from hune.alerting.hub.metrics import HubMetrics
from hune.alerting.hub.timing import Timing
from hune.alerting.notifiers import Digest, Notice, Receipt
from hune.alerting.state import book, outbox
from hune.alerting.state.database import Database
from hune.alerting.state.episode import Delivery, Ending
from support.alerts import make_alert
from support.stepped_clock import StillClock


class Recorder:
    """A notifier that writes down what it is told; `answers` are raised, one a call, before it accepts."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.answers: list[Exception] = []
        self.pause_seconds = 0.0
        self.deleted: set[str] = set()

    edits = True

    async def tell(self, notice: Notice) -> Receipt:
        self._answer()
        self.told.append(_words(notice))
        return Receipt(notice.message or f"m{notice.episode.id}", edited=True, pause_seconds=self.pause_seconds)

    async def tell_digest(self, digest: Digest) -> Receipt:
        self._answer()
        away = " after an outage" if digest.away_since is not None else ""
        self.told.append(f"digest of {', '.join(map(_words, digest.notices))}{away} at {digest.link}")
        return Receipt(None, edited=False, pause_seconds=self.pause_seconds)

    async def edit(self, notice: Notice) -> bool:
        self._answer()
        self.told.append(f"edit {notice.message}: {_words(notice)}")
        return notice.message not in self.deleted

    async def say(self, text: str) -> None:
        self._answer()
        self.told.append(text)

    def _answer(self) -> None:
        if self.answers:
            raise self.answers.pop(0)


def _words(notice: Notice) -> str:
    return f"{notice.episode.labels['node']} {'came and went' if notice.came_and_went else notice.told}"


class Bench:
    """A courier with its surroundings."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.notifier = Recorder()
        self.clock = StillClock()
        self.made = 0
        self.meanwhile: Callable[[], object] = lambda: None
        """What happens between reading what waits and leasing it."""
        self.unmakeable: Exception | None = None
        self.courier = Courier(
            "discord",
            self._make,
            database,
            page="http://hune",
            timing=Timing(),
            clock=self.clock,
            metrics=HubMetrics(),
            invite=uninviting,
        )

    def _make(self) -> Recorder:
        self.made += 1
        self.meanwhile()
        if self.unmakeable:
            raise self.unmakeable
        return self.notifier

    async def fire(self, *nodes: str) -> list[int]:
        def store(connection: sqlite3.Connection) -> list[int]:
            opened = []
            for node in nodes:
                opened.append(book.open_episode(connection, make_alert(node=node), now=self.clock.now()))
                book.address(connection, opened[-1], ["discord"], now=self.clock.now())
            return opened

        return await self.database.write(store)

    async def resolve(self, *episodes: int) -> None:
        def store(connection: sqlite3.Connection) -> None:
            for episode in episodes:
                now = self.clock.now()
                book.resolve(connection, episode, at=now, ending=Ending.MEASURED, now=now)

        await self.database.write(store)

    async def rounds(self, most: int = 50) -> float | None:
        """Run rounds until the courier wants to wait; return for how long."""
        for _ in range(most):
            wait = await self.courier.round()
            if wait != 0.0:
                return wait
        raise AssertionError("does not come to rest")

    async def report(self) -> dict[str, object]:
        return self.courier.report(
            await self.database.read(lambda c: outbox.backlog(c, "discord", now=self.clock.now()))
        )

    async def deliveries(self) -> list[Delivery]:
        rows = await self.database.read(lambda c: book.list_episodes(c, since=0.0, limit=9999))
        return [delivery for _, told in reversed(rows) for delivery in told]
