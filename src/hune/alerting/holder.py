"""The holder: knows what holds alerts now, and has each hold begin and end when it should.

Silences are Alertmanager's and asked for; the site's windows and hours are known, declared ones stand in the book.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from hune.alerting import calendar, own, silences, windows, withholding
from hune.alerting.chain import BROKEN
from hune.alerting.database import Database
from hune.alerting.duty import Duty
from hune.alerting.holds import Hold, Labels, Terms
from hune.alerting.timing import Timing
from hune.alerting.windows import Maintenance
from hune.core.clock import Clock
from hune.core.errors import Unavailable
from hune.promapi.alertmanager import AlertmanagerClient, Silence
from hune.site.models import Site

log = logging.getLogger(__name__)

_NEVER_HELD = frozenset({"Watchdog", "DailyTest", "TestAlert"})
"""They say that the way to people works."""
_OF_HUNE = frozenset({BROKEN, *own.FAULTS})
"""What is about Hune itself: no work on the site explains it."""


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
        self._polled = False
        self._poll_now = asyncio.Event()
        self._other_times = asyncio.Event()
        self._announced = clock.now()
        self.problem = "not asked yet"
        """Why Alertmanager can't be asked for silences, or empty."""

    @property
    def windows(self) -> tuple[Maintenance, ...]:
        """The windows of the site file, and the declared ones that aren't over."""
        return (*self._windows, *self._declared)

    def terms(self, now: float) -> Terms:
        """Return on what terms people are told, as far as is known now."""
        return Terms(holds=partial(self._holds, now=now), due=partial(self._duty.due, now=now))

    def suspect(self) -> None:
        """Alertmanager sends what should be silenced: ask it at once."""
        self._poll_now.set()

    async def begin(self) -> None:
        """Bring the book up to date with what the site says, before anybody is told anything."""
        now = self._clock.now()
        terms = self.terms(now)
        await self._database.write(lambda connection: withholding.reschedule(connection, terms, now=now))
        await self.review()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._poll_forever(), name="hub: silences")
            group.create_task(self._review_forever(), name="hub: holds")

    async def poll(self) -> None:
        """Ask for silences, and hold and release what that changes. Raises Unavailable; what was known holds on."""
        try:
            found = await self.alertmanager.silences()
        except Unavailable as error:
            if not self.problem:
                log.warning("alertmanager can't be asked for silences; those known hold until they end: %s", error)
            self.problem = str(error)
            raise
        self.problem = ""
        if tuple(found) != self.silences:
            self._other_times.set()
        self.silences = tuple(found)
        self._polled = True
        await self.review()

    # -- knowing -------------------------------------------------------------------------------------------------

    def _holds(self, labels: Labels, *, now: float) -> tuple[Hold, ...]:
        if labels.get("alertname") in _NEVER_HELD:
            return ()
        explaining = () if labels.get("alertname") in _OF_HUNE else self.windows
        maintenance = windows.holds_of(explaining, self._places, labels, now=now)
        # Alertmanager sees the name of the site on every alert of Prometheus.
        return maintenance + silences.holds_of(self.silences, {"site": self._site.name, **labels}, now=now)

    def _next_change(self, now: float) -> float | None:
        changes = [
            silences.next_change(self.silences, now=now),
            self._duty.next_change(now),
            *(calendar.next_change(one.schedule, now) for one in self.windows),
        ]
        return min((moment for moment in changes if moment is not None), default=None)

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
                await self.review()
            except Unavailable as error:
                log.debug("holds not reviewed: %s", error)
            except Exception:
                log.exception("a fault of the hub while reviewing what is held; trying again")
            now = self._clock.now()
            begun = self._next_change(self._announced)
            if begun is not None and begun <= now:
                # Somebody's hours may have begun.
                self._on_change()
            self._announced = now
            change = self._next_change(now)
            wait = self._timing.reconcile if change is None else min(self._timing.reconcile, change - now)
            await _wait(self._other_times, wait)

    async def review(self) -> None:
        """Hold and release what is held now, by what is known. Raises Unavailable if the book can't be read."""
        now = self._clock.now()
        declared = tuple(await self._database.read(partial(windows.declared, now=now)))
        if declared != self._declared:
            self._other_times.set()
        self._declared = declared
        terms, known = self.terms(now), self._polled
        is_outdated = partial(withholding.is_outdated, terms=terms, now=now, silences_known=known)
        if await self._database.read(is_outdated):
            review = partial(withholding.review, terms=terms, now=now, silences_known=known)
            turned = await self._database.write(review)
            if turned.held or turned.released:
                log.info("%d alerts held, %d released", len(turned.held), len(turned.released))
                self._on_change()


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
