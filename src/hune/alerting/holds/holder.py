"""The holder: knows what holds alerts now, and has each hold begin and end when it should.

Silences are Alertmanager's and asked for; the site's windows and hours are known, declared ones stand in the book.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from hune.alerting.catalogue import own
from hune.alerting.chain.watchdog import BROKEN
from hune.alerting.holds import Hold, Labels, Terms, calendar, silences, windows
from hune.alerting.holds.calendar import Period
from hune.alerting.holds.duty import Duty
from hune.alerting.holds.windows import Maintenance
from hune.alerting.hub.timing import Timing
from hune.alerting.state import withholding
from hune.alerting.state.database import Database
from hune.core.clock import Clock
from hune.core.errors import Unavailable
from hune.promapi.alertmanager import AlertmanagerClient, Silence
from hune.site.models import Site

log = logging.getLogger(__name__)

_NEVER_HELD = frozenset({"Watchdog", "DailyTest", "TestAlert"})
"""They say that the way to people works."""
_OF_HUNE = frozenset({BROKEN, *own.FAULTS})
"""What is about Hune itself: no work on the site explains it."""


_SETTLED_SECONDS = 5.0
"""How long after a change what was opened on the terms before it may still come into the book."""


@dataclass(frozen=True, slots=True)
class InForce:
    """What holds from a moment until the next change, `of` all that is known."""

    silences: silences.Index
    windows: tuple[tuple[Maintenance, Period], ...]
    since: float
    until: float
    of: tuple[tuple[Silence, ...], tuple[Maintenance, ...]]


class Holder:
    """Keeps what holds each episode up to date until cancelled."""

    def __init__(
        self,
        database: Database,
        alertmanager: AlertmanagerClient,
        site: Site,
        duty: Duty,
        *,
        timing: Timing,
        clock: Clock,
        on_change: Callable[[], None],
    ) -> None:
        self._database = database
        self.alertmanager = alertmanager
        self._site = site
        self._duty = duty
        self._windows = windows.of_site(site)
        self._places = windows.Places(site)
        self._timing = timing
        self._clock = clock
        self._on_change = on_change
        self.silences: tuple[Silence, ...] = ()
        """Those that Alertmanager had when it last answered."""
        self._declared: tuple[Maintenance, ...] = ()
        self._polled = self._is_rescheduled = False
        self._asking = asyncio.Lock()
        self._poll_now = asyncio.Event()
        self._other_times = asyncio.Event()
        self._announced = clock.now()
        """When a hold or hours begin or end next, as far as is known."""
        self._in_force = InForce(silences.Index(()), (), 0.0, 0.0, ((), ()))
        self._reviewed = self._in_force
        self.problem = "not asked yet"
        """Why Alertmanager can't be asked for silences, or empty."""

    @property
    def windows(self) -> tuple[Maintenance, ...]:
        """The windows of the site file, and the declared ones that aren't over."""
        return (*self._windows, *self._declared)

    def terms(self, now: float) -> Terms:
        """Return on what terms people are told, as far as is known now."""
        return Terms(holds=partial(self._holds, self._in_force_at(now)), due=partial(self._due, now=now))

    def suspect(self) -> None:
        """Alertmanager sends what should be silenced: ask it at once."""
        self._poll_now.set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._poll_forever(), name="hub: silences")
            group.create_task(self._review_forever(), name="hub: holds")

    async def poll(self) -> None:
        """Ask for silences, and hold and release what that changes. Raises Unavailable; what was known holds on."""
        # One question after the other: else an answer of before a silence was made could come last.
        async with self._asking:
            try:
                found = await self.alertmanager.silences()
            except Unavailable as error:
                if not self.problem:
                    log.warning("alertmanager can't be asked for silences; those known hold until they end: %s", error)
                self.problem = str(error)
                raise
            self.problem = ""
            if tuple(found) != self.silences:
                self.silences = tuple(found)
                self._other_times.set()
        self._polled = True
        await self.review()

    # -- knowing -------------------------------------------------------------------------------------------------

    def _in_force_at(self, now: float) -> InForce:
        known = self._in_force
        if not (known.since <= now < known.until and known.of == (self.silences, self.windows)):
            changes = [
                silences.next_change(self.silences, now=now),
                *(calendar.next_change(one.schedule, now) for one in self.windows),
            ]
            self._in_force = known = InForce(
                silences=silences.Index(one for one in self.silences if one.starts_at <= now < one.ends_at),
                windows=tuple(windows.in_force(self.windows, now=now)),
                since=now,
                until=min((moment for moment in changes if moment is not None), default=math.inf),
                of=(self.silences, self.windows),
            )
        return known

    def _holds(self, in_force: InForce, labels: Labels) -> tuple[Hold, ...]:
        if labels.get("alertname") in _NEVER_HELD:
            return ()
        explaining = () if labels.get("alertname") in _OF_HUNE else in_force.windows
        maintenance = windows.holds_of(explaining, self._places, labels)
        # Alertmanager sees the name of the site on every alert of Prometheus.
        return maintenance + in_force.silences.holds_of({"site": self._site.name, **labels})

    def _due(self, labels: Labels, receiver: str, *, now: float) -> float:
        return 0.0 if labels.get("alertname") in _NEVER_HELD else self._duty.due(labels, receiver, now=now)

    def _next_change(self, now: float) -> float:
        """Return when a hold, or somebody's hours, begin or end next."""
        hours = self._duty.next_change(now)
        return min(self._in_force_at(now).until, math.inf if hours is None else hours)

    # -- keeping -------------------------------------------------------------------------------------------------

    async def _poll_forever(self) -> None:
        while True:
            self._poll_now.clear()
            try:
                await self.poll()
            except Unavailable as error:
                log.debug("not asked for silences: %s", error)
            except Exception:
                log.exception("a fault of the hub while asking for silences; trying again")
            await _wait(self._poll_now, self._timing.watch)

    async def _review_forever(self) -> None:
        while True:
            self._other_times.clear()
            try:
                wait = await self.step()
            except Unavailable as error:
                log.debug("holds not reviewed: %s", error)
                wait = self._timing.recheck
            except Exception:
                log.exception("a fault of the hub while reviewing what is held; trying again")
                wait = self._timing.reconcile
            await _wait(self._other_times, wait)

    async def step(self) -> float:
        """Review once, and have people told whose hours have begun; return how long to wait for the next change."""
        await self.review()
        now = self._clock.now()
        if self._announced <= now:
            self._on_change()
        self._announced = self._next_change(now)
        return min(self._announced - now, self._timing.reconcile)

    async def review(self) -> None:
        """Hold and release what is held now, by what is known; the first time also ask anew whose hours are when.

        Raises Unavailable if the book can't be read or written.
        """
        now = self._clock.now()
        declared = tuple(await self._database.read(partial(windows.declared, now=now)))
        if declared != self._declared:
            self._declared = declared
            self._other_times.set()
        terms, known, in_force = self.terms(now), self._polled, self._in_force
        if not self._is_rescheduled:
            await self._database.write(partial(withholding.reschedule, terms=terms, now=now))
            self._is_rescheduled = True
        if known and in_force is self._reviewed and now - in_force.since > _SETTLED_SECONDS:
            # Whatever was opened since was opened on these terms.
            return
        is_outdated = partial(withholding.is_outdated, terms=terms, now=now, silences_known=known)
        if await self._database.read(is_outdated):
            review = partial(withholding.review, terms=terms, now=now, silences_known=known)
            turned = await self._database.write(review)
            if turned.held or turned.released:
                log.info("%d alerts held, %d released", len(turned.held), len(turned.released))
                self._on_change()
        self._reviewed = in_force


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
