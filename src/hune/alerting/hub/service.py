"""The hub: takes alerts, keeps the book, and sees to it that people are told."""

from __future__ import annotations

import asyncio
import logging
import socket
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from io import FileIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hune.alerting import catalogue
from hune.alerting.addressing import receivers_of
from hune.alerting.chain.completeness import complete_until
from hune.alerting.chain.vitals import Vitals
from hune.alerting.doors import archive, desk, keys, letters, quiet
from hune.alerting.doors.payload import Notification
from hune.alerting.doors.receive import routes
from hune.alerting.holds import AT_ONCE, windows
from hune.alerting.holds.duty import Duty
from hune.alerting.holds.holder import Holder
from hune.alerting.hub.attendance import Attendance
from hune.alerting.hub.deliver import Courier
from hune.alerting.hub.inviting import inviting, uninviting
from hune.alerting.hub.judging import is_checked
from hune.alerting.hub.metrics import HubMetrics
from hune.alerting.hub.observing import observe
from hune.alerting.hub.reconcile import Reconciler
from hune.alerting.hub.timing import Timing
from hune.alerting.notifiers.channels import Setting, make_notifier
from hune.alerting.notifiers.phrasing import Wording
from hune.alerting.routing import CONSOLE
from hune.alerting.state import book, outbox, past
from hune.alerting.state.database import LOW_DISK_BYTES, RESERVE_BYTES, Database
from hune.alerting.state.episode import Incoming
from hune.alerting.state.schema import SCRIPTS
from hune.alerting.why import door as why
from hune.alerting.why.asking import Asker
from hune.core.clock import Clock, SystemClock
from hune.core.errors import Unavailable
from hune.core.layout import Layout
from hune.core.lock import Taken, lock
from hune.core.service import start
from hune.http.call import Keyring, open_session
from hune.http.serve import HttpService, create_app
from hune.promapi.alertmanager import AlertmanagerClient
from hune.promapi.prometheus import PrometheusClient
from hune.site.models import Receiver, Site

log = logging.getLogger(__name__)

_MAINTENANCE_SECONDS = 15.0
_OBSERVATION_SECONDS = 5.0
_MOST_EPISODES = 50_000
_NO_NEWS = "none"
"""The severity of an alert that only says that the chain works."""


class Hub:
    """The service."""

    name = "hub"

    def __init__(
        self,
        site: Site,
        layout: Layout,
        *,
        environ: Mapping[str, str],
        timing: Timing | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._site = site
        self._layout = layout
        self._environ = environ
        self._timing = timing or Timing()
        self._clock = clock or SystemClock()
        self._metrics = HubMetrics()
        self._page = (site.public_url or site.url("nester")).rstrip("/")
        self._receivers = _receivers(site)
        self._duty = Duty(site)
        self._database = Database(layout.data("hub") / "outbox.db", SCRIPTS)
        self._couriers: list[Courier] = []
        self._reconciler: Reconciler | None = None
        self._holder: Holder | None = None
        self._vitals: Vitals | None = None
        self._has_begun = False

    async def run(self, ready: asyncio.Event) -> None:
        """Take and deliver alerts until cancelled.

        Raises Unavailable if the port is taken or another hub has the outbox. One that can't be opened is told by
        `health`, and alerts are answered with 503 until it can.
        """
        with await asyncio.to_thread(_take_folder, self._layout.data("hub")):
            await self._database.open()
            try:
                links = await asyncio.to_thread(keys.load, keys.path(self._layout))
                keyring = await asyncio.to_thread(self._keyring)
                async with open_session(keyring=keyring) as engines, open_session() as outside:
                    await self._work(ready, engines, outside, links)
            finally:
                with suppress(Unavailable):
                    await self._database.write(partial(_beat, now=self._clock.now(), vitals=self._vitals))
                await self._database.close()

    def _keyring(self) -> Keyring:
        """Return the key to Alertmanager, where it is Hune's own, and those to the others of its cluster."""
        name, part = "alertmanager", self._site.engines.alertmanager
        doors = [(other.url, Path(other.key_file)) for other in part.others if other.key_file]
        return Keyring(doors if part.url else [*doors, (self._site.url(name), self._layout.key(name))])

    async def _work(self, ready: asyncio.Event, engines: Any, outside: Any, links: keys.Keys) -> None:
        setting = Setting(self._site, self._environ, outside, self._page, self._timing.request)
        invite = inviting(links, self._page, Wording(self._site.language))
        self._couriers = [
            Courier(
                receiver.name,
                partial(make_notifier, receiver, setting),
                self._database,
                page=self._page,
                timing=self._timing,
                clock=self._clock,
                metrics=self._metrics,
                invite=uninviting if receiver.console else invite,
            )
            for receiver in self._receivers
        ]
        prometheus = PrometheusClient(engines, self._site.url("prometheus"))
        others = [other.url.rstrip("/") for other in self._site.engines.alertmanager.others]
        alertmanager = AlertmanagerClient(engines, self._site.url("alertmanager"), *others)
        self._holder = Holder(
            self._database,
            alertmanager,
            self._site,
            self._duty,
            timing=self._timing,
            clock=self._clock,
            on_change=self._wake_couriers,
        )
        with suppress(Unavailable):
            await self._begin(self._holder)
        self._reconciler = Reconciler(
            self._database,
            prometheus,
            alertmanager,
            self._site,
            timing=self._timing,
            clock=self._clock,
            metrics=self._metrics,
            on_change=self._wake_couriers,
            terms=self._holder.terms,
        )
        self._vitals = Vitals(
            self._database,
            prometheus,
            alertmanager,
            setting,
            self._couriers,
            timing=self._timing,
            clock=self._clock,
            metrics=self._metrics,
            terms=self._holder.terms,
            on_change=self._wake_couriers,
        )
        await self._vitals.begin()
        attendance = Attendance(
            self._database,
            self._site,
            timing=self._timing,
            clock=self._clock,
            terms=self._holder.terms,
            on_change=self._wake_couriers,
        )
        asker = Asker(self._database, prometheus, alertmanager, self._site, self._clock, self._holder.terms)
        app = self._app(links, self._holder, asker)
        server = HttpService("hub", app, host=self._site.listen, port=self._site.port("hub"))
        async with asyncio.TaskGroup() as group:
            for courier in self._couriers:
                group.create_task(courier.run(), name=f"hub: {courier.receiver}")
            group.create_task(self._reconciler.run(), name="hub: reconciler")
            group.create_task(self._holder.run(), name="hub: holder")
            self._vitals.start(group)
            group.create_task(attendance.run(), name="hub: attendance")
            group.create_task(self._again_and_again(self._maintain, _MAINTENANCE_SECONDS), name="hub: maintenance")
            group.create_task(self._again_and_again(self._observe, _OBSERVATION_SECONDS), name="hub: observation")
            await start(group, server)
            ready.set()

    def _app(self, links: keys.Keys, holder: Holder, asker: Asker) -> Any:
        def count(status: int) -> None:
            self._metrics.requests.labels(str(status)).inc()

        public = urlsplit(self._site.public_url or "").hostname
        names = [name for name in ("hub", socket.gethostname(), public) if name]
        return create_app(
            routes=[
                *routes(self._accept, self._database, self._clock, count),
                *letters.routes(
                    self._database,
                    self._clock,
                    {courier.receiver: courier.hurry for courier in self._couriers},
                    self._site.language,
                    self._timing.test_alert,
                ),
                *archive.routes(self._database, self._clock),
                *(self._vitals.routes() if self._vitals else ()),
                *desk.routes(self._database, self._clock, links, self._site, self._wake_couriers),
                *quiet.routes(self._database, self._clock, links, holder, self._site),
                *why.routes(asker, self._site.language),
            ],
            registry=self._metrics.registry,
            health=self.health,
            host_names=names,
        )

    # -- taking --------------------------------------------------------------------------------------------------

    async def _accept(self, notification: Notification) -> book.Taken:
        """Store a notification durably and see to its delivery."""
        news = [alert for alert in notification.alerts if alert.labels.get("severity") != _NO_NEWS]
        if self._vitals is not None:
            self._vitals.hear(notification.alerts)
        if notification.alerts and not news:
            return book.Taken()
        now = self._clock.now()
        terms = self._holder.terms(now) if self._holder else AT_ONCE
        if notification.truncated:
            log.warning("%d alerts were left out of a notification by its sender", notification.truncated)

        def store(connection: sqlite3.Connection) -> book.Taken:
            if self._database.is_short(connection):
                raise Unavailable("the disk is full", remedy="make room")
            return book.take(
                connection,
                news,
                receivers_of=partial(self._receivers_of, notification.receiver),
                is_known=catalogue.is_known,
                is_checked=partial(is_checked, site=self._site.name),
                is_told_once=catalogue.is_told_once,
                now=now,
                test_alert_seconds=self._timing.test_alert,
                terms=terms,
            )

        taken = await self._database.write(store)
        for alert in notification.alerts:
            self._metrics.received.labels("firing" if alert.firing else "resolved").inc()
        self._wake_couriers()
        if taken.claimed and self._reconciler is not None:
            self._reconciler.notify()
        if taken.silenced and self._holder is not None:
            self._holder.suspect()
        return taken

    def _receivers_of(self, named: str, alert: Incoming) -> Sequence[str]:
        if any(receiver.name == named for receiver in self._receivers):
            return [named]
        return receivers_of(self._site, alert.labels)

    def _wake_couriers(self) -> None:
        for courier in self._couriers:
            courier.notify()

    # -- keeping -------------------------------------------------------------------------------------------------

    async def _begin(self, holder: Holder) -> None:
        """Bring the book up to date with this start, and with what the site says now, before anybody is told anything.

        While it can't be written that is tried again, as nobody can be told either.
        """
        names, now = [receiver.name for receiver in self._receivers], self._clock.now()
        # What a service refused, a newer Hune or another site may write in another way.
        interrupted, retired, _ = await self._database.write(
            lambda connection: (
                outbox.release(connection),
                outbox.retire(connection, names, now=now),
                outbox.revive(connection, outbox.Which(), now=now),
            )
        )
        if interrupted:
            log.warning("%d alerts were being sent when the hub ended; they may be told twice", interrupted)
        if retired:
            log.warning("%d alerts waited for receivers that the site no longer has; dropped", retired)
        await holder.review()
        self._has_begun = True

    async def _again_and_again(self, work: Callable[[], Awaitable[None]], pause_seconds: float) -> None:
        while True:
            try:
                await work()
            except Unavailable as error:
                log.debug("put off: %s", error)
            except Exception:
                log.exception("a fault of the hub while keeping itself in order; trying again")
            await self._clock.sleep(pause_seconds)

    async def _maintain(self) -> None:
        if not self._has_begun and self._holder is not None:
            await self._begin(self._holder)
        now = self._clock.now()
        too_long_ago = now - self._timing.keep_waiting
        await self._database.write(partial(_beat, now=now, vitals=self._vitals))
        await self._database.write(partial(windows.forget, before=now - self._timing.keep))
        await self._database.write(partial(outbox.give_up, before=too_long_ago, now=now))
        await self._database.refill()
        forget = partial(past.forget, before=now - self._timing.keep, most=_MOST_EPISODES)
        while await self._database.write(partial(forget, waiting_since=too_long_ago)):
            pass

    async def _observe(self) -> None:
        if self._vitals is not None:
            self._vitals.observe()
        for store, moment in (await asyncio.to_thread(complete_until, self._layout, self._site)).items():
            self._metrics.complete.labels(store).set(moment)
        await observe(self._metrics, self._database, [one.receiver for one in self._couriers], self._clock)

    # -- telling of itself -----------------------------------------------------------------------------------------

    async def health(self) -> dict[str, Any]:
        """Return whether alerts are taken and reach people, and what is wrong if they don't."""
        faults, remarks = [], []
        receivers: list[dict[str, Any]] = []
        free = await asyncio.to_thread(self._database.disk_free)
        left = 0
        try:
            left = await self._database.read(self._database.reserve_left)
            receivers = [
                courier.report(
                    await self._database.read(partial(outbox.backlog, receiver=courier.receiver, now=self._clock.now()))
                )
                for courier in self._couriers
            ]
        except Unavailable as error:
            faults.append(str(error))
        if self._database.trouble:
            faults.append(f"nothing can be stored: {self._database.trouble}")
        elif free < LOW_DISK_BYTES // 8:
            faults.append(f"the disk is full; working on the reserve, {left >> 10} kB of {RESERVE_BYTES >> 10} left")
        if self._database.replaced:
            remarks.append(f"the outbox was damaged and is new; the old one is {self._database.replaced}")
        for row in receivers:
            if row["failing"]:
                faults.append(f"{row['name']}: {row['problem']} ({row['pending']} alerts wait)")
            elif row["letters"]:
                faults.append(f"{row['name']}: refused {row['letters']} messages; see hune alert dead")
        prometheus = self._reconciler.problem if self._reconciler else "not asked yet"
        if prometheus:
            remarks.append(f"Prometheus can't be asked whether alerts are over: {prometheus}")
        remarks += self._vitals.remarks() if self._vitals else []
        waiting = sum(row["pending"] for row in receivers)
        working = f"takes and delivers alerts to {', '.join(row['name'] for row in receivers)}; {waiting} waiting"
        return {
            "healthy": not faults,
            "detail": "; ".join([*(faults or [working]), *remarks]),
            "outbox": {
                "writable": not self._database.trouble,
                "disk_free_bytes": free,
                "reserve_bytes": left,
                "replaced": self._database.replaced,
            },
            "prometheus": {"reachable": not prometheus, "detail": prometheus},
            **(self._vitals.report() if self._vitals else {}),
            "receivers": receivers,
        }


def _take_folder(folder: Path) -> FileIO:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return lock(folder / "lock")
    except Taken as error:
        raise Unavailable(f"{folder}: another hub works here", remedy="stop it first") from error
    except OSError as error:
        raise Unavailable(f"{folder}: {error.strerror}", remedy="make the data directory writable") from error


def _receivers(site: Site) -> list[Receiver]:
    receivers = list(site.receivers)
    if all(receiver.name != CONSOLE for receiver in receivers):
        receivers.append(Receiver(name=CONSOLE, console=True, lab=True))
    return receivers


def _beat(connection: sqlite3.Connection, *, now: float, vitals: Vitals | None) -> None:
    # A write for its own sake: what can't be written to is found out before an alert comes.
    connection.execute(
        "INSERT INTO heartbeat (id, at) VALUES (1, ?) ON CONFLICT DO UPDATE SET at = excluded.at", (now,)
    )
    if vitals is not None:
        vitals.keep(connection)
