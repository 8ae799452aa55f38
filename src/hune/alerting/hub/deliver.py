"""Delivering: one courier a receiver, so that a dead one delays nobody else."""

from __future__ import annotations

import asyncio
import logging
import math
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from hune.alerting.hub.inviting import Invite
from hune.alerting.hub.metrics import HubMetrics
from hune.alerting.hub.timing import Timing
from hune.alerting.notifiers import ContentRefused, Digest, Link, Notice, Notifier, ReceiverRefused, TryLater
from hune.alerting.state import outbox
from hune.alerting.state.database import Database
from hune.alerting.state.episode import Again
from hune.alerting.state.outbox import Item
from hune.core.backoff import Backoff
from hune.core.clock import Clock
from hune.core.errors import HuneError, InputError, Unavailable

log = logging.getLogger(__name__)

SINGLE_LIMIT = 5
"""More news than so many at once become a digest."""
_EDITS = 10
_LOOK_SECONDS = 30.0
_GRACE_SECONDS = 5.0


def next_batch(items: Sequence[Item], *, was_away: bool) -> Sequence[Item]:
    """Return what goes into the next message: the first alert, or all of them as a digest.

    After an outage the current state goes out at once.
    """
    return items if len(items) > SINGLE_LIMIT or was_away else items[:1]


class Courier:
    """Tells one receiver everything that waits for it."""

    def __init__(
        self,
        receiver: str,
        make_notifier: Callable[[], Notifier],
        database: Database,
        *,
        page: str,
        timing: Timing,
        clock: Clock,
        metrics: HubMetrics,
        invite: Invite,
    ) -> None:
        self.receiver = receiver
        self._invite = invite
        self._make_notifier = make_notifier
        self._database = database
        self._page = page
        self._timing = timing
        self._clock = clock
        self._metrics = metrics
        self._notifier: Notifier | None = None
        self._proven = False
        """Whether this notifier, with the secret it read, was accepted once."""
        self._edits_from = -math.inf
        self._wake = asyncio.Event()
        self._hurry = asyncio.Event()
        self._backoff = Backoff(initial=timing.retry_first, ceiling=timing.retry_ceiling)
        self._stopping = False
        self._failing_since: float | None = None
        self._broken = False
        self._problem = ""
        self._last_success: float | None = None
        self._last_failure: float | None = None

    def notify(self) -> None:
        """There may be something to tell."""
        self._wake.set()

    def hurry(self) -> None:
        """Somebody asks for a try at once, whatever failed before."""
        self._edits_from = -math.inf
        self._hurry.set()
        self._wake.set()

    async def run(self) -> None:
        """Deliver until cancelled; a message under way is finished and marked."""
        while True:
            self._wake.clear()
            self._hurry.clear()
            working = asyncio.create_task(self.round(), name=f"hub: {self.receiver}: round")
            try:
                wait = await asyncio.shield(working)
            except asyncio.CancelledError:
                self._stopping = True
                await asyncio.wait({working}, timeout=_GRACE_SECONDS)
                working.cancel()
                await asyncio.gather(working, return_exceptions=True)
                raise
            except Unavailable as error:
                # The file takes nothing now; the database has said so.
                log.debug("%s: %s", self.receiver, error)
                wait = self._backoff.next()
            except Exception:
                log.exception("%s: a fault of the hub; trying again", self.receiver)
                wait = self._timing.retry_ceiling
            if wait is not None:
                await self._rest(wait)
                continue
            try:
                async with asyncio.timeout(self._look_seconds()):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _rest(self, seconds: float) -> None:
        """Wait, or until somebody asks for a try at once; what the service itself asks for, its channel keeps."""
        waits = {asyncio.ensure_future(self._clock.sleep(seconds)), asyncio.ensure_future(self._hurry.wait())}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()

    def _look_seconds(self) -> float:
        """Return how long to wait for news: at most until an edit that had to wait is tried again."""
        ahead = self._edits_from - self._clock.monotonic()
        return min(_LOOK_SECONDS, ahead) if ahead > 0 else _LOOK_SECONDS

    @property
    def failing_since(self) -> float | None:
        """Since when this receiver has accepted nothing, None while it works."""
        return self._failing_since

    def report(self, backlog: outbox.Backlog) -> dict[str, Any]:
        """Return this receiver's state for people; `failing` if it has not accepted anything for a while."""
        now = self._clock.now()
        failing = self._broken or (self._failing_since is not None and now - self._failing_since > self._timing.outage)
        return {
            "name": self.receiver,
            "state": "broken" if self._broken else "retrying" if self._failing_since is not None else "working",
            "failing": failing,
            "pending": backlog.pending,
            "dead": backlog.dead,
            "letters": backlog.letters,
            "oldest_seconds": None if backlog.oldest is None else round(max(0.0, now - backlog.oldest), 1),
            "last_success": self._last_success,
            "last_failure": self._last_failure,
            "problem": self._problem,
        }

    async def round(self) -> float | None:
        """Tell what waits; return how long to wait before the next try, None for until there is news."""
        now = self._clock.now()
        items = await self._database.read(lambda connection: outbox.pending(connection, self.receiver, now=now))
        was_away = self._failing_since is not None and now - self._failing_since > self._timing.outage
        away_since = self._failing_since if was_away else None
        try:
            if not items:
                return await self._tidy()
            return await self._deliver(await self._open(), next_batch(items, was_away=was_away), away_since)
        except TryLater as error:
            return await self._failed(error, items)
        except (ReceiverRefused, InputError) as error:
            return await self._refused(error, items)

    async def _open(self) -> Notifier:
        if self._notifier is None:
            self._proven = False
            self._notifier = await asyncio.to_thread(self._make_notifier)
        return self._notifier

    async def _deliver(self, notifier: Notifier, batch: Sequence[Item], away_since: float | None) -> float:
        """Lease, send, mark; return how long the receiver wants to be left alone."""
        now, number = self._clock.now(), 0
        if len(batch) == 1:
            leased = await self._database.write(
                lambda connection: outbox.lease(connection, self.receiver, batch, now=now)
            )
        else:
            number, leased = await self._database.write(
                lambda connection: outbox.open_digest(connection, self.receiver, batch, now=now)
            )
        if not leased:
            # Held since it was read: nothing was sent, so nothing is known of the receiver.
            return 0.0
        try:
            if number:
                pause = await self._tell_digest(notifier, leased, number, now, away_since)
            else:
                pause = await self._tell(notifier, leased[0], now)
        except ContentRefused as error:
            log.error("%s: refused a message: %s", self.receiver, error)
            await self._give_up(leased, error.message)
            return 0.0
        except HuneError:
            raise
        except Exception as error:
            # One alert that can't be put into words must not hold up the others.
            log.exception("%s: a message could not be written", self.receiver)
            await self._give_up(leased, f"could not be written: {type(error).__name__}")
            return 0.0
        self._succeeded(leased)
        return pause

    async def _give_up(self, items: Sequence[Item], problem: str) -> None:
        self._metrics.deliveries.labels(self.receiver, "refused").inc(len(items))
        now = self._clock.now()
        await self._mark(
            lambda connection: outbox.mark_refused(connection, self.receiver, items, problem=problem, now=now)
        )

    async def _tell(self, notifier: Notifier, item: Item, now: float) -> float:
        receipt = await notifier.tell(self._notice(item, now))
        # Mark after sending: a crash here repeats a message, never loses one.
        await self._mark(
            lambda connection: outbox.mark_sent(
                connection,
                self.receiver,
                item,
                message=receipt.message,
                edited=receipt.edited,
                now=self._clock.now(),
            )
        )
        return receipt.pause_seconds

    async def _tell_digest(
        self, notifier: Notifier, items: Sequence[Item], number: int, now: float, away_since: float | None
    ) -> float:
        notices = [_notice(item, now, ()) for item in items]
        digest = Digest(notices, link=f"{self._page}/alerts?digest={number}", now=now, away_since=away_since)
        receipt = await notifier.tell_digest(digest)
        await self._mark(
            lambda connection: outbox.mark_digest_sent(connection, self.receiver, items, number, now=self._clock.now())
        )
        return receipt.pause_seconds

    async def _mark(self, operation: Callable[[sqlite3.Connection], None]) -> None:
        """Store what happened, however long that takes: sending again would tell people twice."""
        backoff = Backoff(initial=0.2, ceiling=5.0)
        while True:
            try:
                await self._database.write(operation)
            except Unavailable:
                await self._clock.sleep(backoff.next())
            else:
                return

    async def _tidy(self) -> float | None:
        """Bring messages up to date that a digest, or a failed edit, left outdated. No alert waits for an edit."""
        if self._clock.monotonic() < self._edits_from:
            return None
        items = await self._database.read(lambda connection: outbox.outdated(connection, self.receiver, limit=_EDITS))
        if not items:
            return None
        notifier = await self._open()
        for item in items:
            try:
                gone = notifier.edits and not await self._edit(notifier, item)
            except TryLater as error:
                log.debug("%s: an edit has to wait: %s", self.receiver, error)
                after = self._timing.retry_ceiling if error.after_seconds is None else error.after_seconds
                self._put_off_edits(max(self._timing.retry_first, after))
                return None
            except ReceiverRefused as error:
                # Whether it takes nothing at all, what is new will show.
                wait = await self._refused(error, ())
                self._put_off_edits(wait)
                return None if wait else 0.0
            await self._mark(_edited(self.receiver, item, gone=gone))
            if notifier.edits and self._failing_since is not None:
                self._succeeded(())
            if self._stopping:
                break
        return 0.0

    def _put_off_edits(self, seconds: float) -> None:
        self._edits_from = self._clock.monotonic() + seconds

    async def _edit(self, notifier: Notifier, item: Item) -> bool:
        try:
            return await notifier.edit(self._notice(item, self._clock.now()))
        except ContentRefused:
            return False

    def _notice(self, item: Item, now: float) -> Notice:
        return _notice(item, now, self._invite(item, now))

    def _succeeded(self, batch: Sequence[Item]) -> None:
        now = self._clock.now()
        if self._failing_since is not None:
            log.info("%s: accepts messages again", self.receiver)
        self._backoff.reset()
        self._proven = True
        self._broken = False
        self._failing_since = None
        self._problem = ""
        self._last_success = now
        for item in batch:
            self._metrics.delivered(
                self.receiver,
                queued_at=item.delivery.queued_at,
                now=now,
                started_at=item.episode.starts_at if item.is_news and not item.delivery.step else None,
            )

    async def _failed(self, error: TryLater, items: Sequence[Item]) -> float:
        now = self._clock.now()
        wait = self._backoff.next()
        if error.after_seconds is not None:
            # What the receiver asks for, and a little more for clocks that differ.
            wait = max(wait, error.after_seconds + (0.05 if error.limited else 0.0))
        if self._failing_since is None:
            log.log(logging.INFO if error.limited else logging.WARNING, "%s: %s; trying again", self.receiver, error)
            self._failing_since = now
        if not error.limited:
            self._last_failure = now
        self._broken = False
        await self._note(error, items, broken=False)
        if error.unexplained:
            # It may be for good: tried ever more seldom, with the secret read anew, and not for ever.
            self._notifier = None
            failing = now - self._failing_since
            wait = max(wait, min(failing / 4, self._timing.broken_retry))
            limit = self._timing.unexplained
            if hopeless := [item for item in items if min(failing, now - item.delivery.queued_at) >= limit]:
                log.error("%s: gave up %d messages: %s", self.receiver, len(hopeless), error)
                await self._give_up(hopeless, error.message)
        return wait

    async def _refused(self, error: HuneError, items: Sequence[Item]) -> float:
        if self._proven:
            # It took messages with the secret that was read then: now it may be another one.
            self._notifier, self._proven = None, False
            return 0.0
        now = self._clock.now()
        if not self._broken:
            log.error("%s: %s", self.receiver, error)
        self._broken = True
        self._failing_since = self._failing_since or now
        self._last_failure = now
        # The secret is read again before the next try: that may be what a person has mended.
        self._notifier = None
        await self._note(error, items, broken=True)
        return self._timing.broken_retry

    async def _note(self, error: HuneError, items: Sequence[Item], *, broken: bool) -> None:
        self._problem = str(error)
        self._metrics.deliveries.labels(self.receiver, "retried").inc(len(items))
        now, problem = self._clock.now(), error.message
        await self._database.write(
            lambda connection: outbox.mark_waiting(connection, self.receiver, problem=problem, broken=broken, now=now)
        )


def _notice(item: Item, now: float, links: Sequence[Link]) -> Notice:
    is_escalated = bool(item.delivery.step) and item.is_news
    return Notice(
        episode=item.episode,
        told=item.delivery.wanted,
        is_news=item.is_news,
        now=now,
        message=item.delivery.message,
        links=links,
        care=item.care,
        again=Again.ESCALATION if is_escalated else item.delivery.again,
        alone_since=item.alone_since,
        queued_at=item.delivery.queued_at,
    )


def _edited(receiver: str, item: Item, *, gone: bool) -> Callable[[sqlite3.Connection], None]:
    return lambda connection: outbox.mark_edited(connection, receiver, item, gone=gone)
