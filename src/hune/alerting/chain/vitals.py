"""Whom this hub hears, and who hears it: the chain that brings alerts, those who must report, the outside."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from starlette.routing import BaseRoute

from hune.alerting.chain import silence
from hune.alerting.chain.expected import Expectations
from hune.alerting.chain.heartbeat import REMEDY, WHAT, Heartbeat
from hune.alerting.chain.silence import Silence
from hune.alerting.chain.watchdog import NAME, Chain
from hune.alerting.holds import Terms
from hune.alerting.hub.deliver import Courier
from hune.alerting.hub.metrics import HubMetrics
from hune.alerting.hub.timing import Timing
from hune.alerting.notifiers.channels import Setting
from hune.alerting.state.database import Database
from hune.alerting.state.episode import Incoming
from hune.core.clock import Clock
from hune.core.errors import Unavailable
from hune.promapi.alertmanager import AlertmanagerClient
from hune.promapi.prometheus import PrometheusClient
from hune.site.values import seconds_of


class Vitals:
    """The signs of life of a hub."""

    def __init__(
        self,
        database: Database,
        prometheus: PrometheusClient,
        alertmanager: AlertmanagerClient,
        setting: Setting,
        couriers: Sequence[Courier],
        *,
        timing: Timing,
        clock: Clock,
        metrics: HubMetrics,
        terms: Callable[[float], Terms],
        on_change: Callable[[], None],
    ) -> None:
        self._database = database
        self._couriers = couriers
        self._timing = timing
        self._clock = clock
        self._metrics = metrics
        self._chain = Chain(
            database,
            prometheus,
            alertmanager,
            setting.site,
            receivers=[courier.receiver for courier in couriers],
            timing=timing,
            clock=clock,
            terms=terms,
            on_change=on_change,
        )
        self._expected = Expectations(setting.site.expects, setting.secret, clock=clock, metrics=metrics)
        self._heartbeat = self._make_heartbeat(setting)

    def _make_heartbeat(self, setting: Setting) -> Heartbeat | None:
        wanted = setting.site.heartbeat
        if wanted is None:
            return None
        return Heartbeat(
            lambda: setting.endpoint(setting.secret(wanted.url), what=WHAT, remedy=REMEDY),
            self._trouble,
            every_seconds=seconds_of(wanted.every),
            clock=self._clock,
            count=lambda outcome: self._metrics.heartbeats.labels(outcome).inc(),
        )

    async def _trouble(self) -> str | None:
        """Return what the outside should know: empty if all is well, None while nothing can be said."""
        chain = self._chain
        if chain.finding is not None:
            return f"alerts don't arrive: {chain.finding.describe('en', with_reasons=False)}"
        if not chain.is_working:
            return None
        if self._database.trouble:
            return "alerts can't be stored"
        now, long = self._clock.now(), self._timing.heartbeat_trouble
        away = [courier.receiver for courier in self._couriers if now - (courier.failing_since or now) > long]
        return f"takes no messages: {', '.join(away)}" if away else ""

    def start(self, group: asyncio.TaskGroup) -> None:
        """Begin to listen and to beat."""
        group.create_task(self._chain.run(), name="hub: chain")
        group.create_task(self._listen(), name="hub: expected heartbeats")
        if self._heartbeat is not None:
            group.create_task(self._heartbeat.run(), name="hub: heartbeat")

    async def begin(self) -> None:
        """Remember who was heard before this start."""
        known: Mapping[str, Silence] = {}
        with suppress(Unavailable):
            known = await self._database.read(silence.read)
        self._chain.remember(known.get(NAME))
        await self._expected.begin(known)

    async def _listen(self) -> None:
        while True:
            await self._clock.sleep(self._timing.listen)
            self._expected.listened(every=self._timing.listen)

    def routes(self) -> list[BaseRoute]:
        """Return the doors of those who must report."""
        return self._expected.routes()

    def keep(self, connection: sqlite3.Connection) -> None:
        """Write down who was heard, for the next start."""
        if self._chain.silence.heard_at:
            silence.write(connection, {NAME: self._chain.silence})
        self._expected.keep(connection)

    def hear(self, alerts: Iterable[Incoming]) -> None:
        """Listen for the Watchdog among these."""
        if any(alert.firing and self._chain.takes(alert.labels) for alert in alerts):
            self._chain.heard()

    def observe(self) -> None:
        """Bring the series up to date."""
        self._metrics.watchdog.set(self._chain.silence.heard_at)

    def remarks(self) -> list[str]:
        """Return what isn't as it should be, but stops no alert that is here already."""
        found = []
        if self._chain.state == "broken":
            found.append("the Watchdog is not heard: alerts don't arrive")
        if self._heartbeat is not None and (problem := self._heartbeat.report()["problem"]):
            found.append(f"heartbeat: {problem}")
        return found + self._expected.problems

    def report(self) -> dict[str, Any]:
        """Return the state of each for people."""
        return {
            "chain": self._chain.report(),
            "heartbeat": self._heartbeat.report() if self._heartbeat else None,
            "expected": self._expected.report(),
        }
