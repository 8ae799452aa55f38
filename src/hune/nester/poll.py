"""One look a second at everything the pages show, shared by all who watch.

Nobody watching, nobody asks: there is no loop here. Whoever wants the next snapshot takes it if its time has come, and
all others get the same one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from hune.core.clock import Clock
from hune.core.errors import HuneError
from hune.nester.assemble import Memory, assemble
from hune.nester.proxmox.asking import Clusters
from hune.nester.queries import LIVE, VITALS, Live, read_live, read_vitals
from hune.nester.snapshot import Alert, ServiceHealth, Snapshot, Source
from hune.promapi.prometheus import PrometheusClient
from hune.site.models import Site

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 1.0
VITALS_EVERY_SECONDS = 5.0
HEALTH_EVERY_SECONDS = 10.0
DAY_EVERY_SECONDS = 20.0
_DAY_SECONDS = 86_400.0
# The pages wait no longer for anybody: the age of what they show tells the rest.
PATIENCE_SECONDS = 2.0

T = TypeVar("T")


class Poller:
    """Takes snapshots, at most one a second, and only when somebody asks."""

    def __init__(
        self,
        site: Site,
        prometheus: PrometheusClient,
        fetch_alerts: Callable[[float], Awaitable[tuple[Alert, ...]]],
        fetch_health: Callable[[], Awaitable[tuple[ServiceHealth, ...]]],
        clock: Clock,
        count: Callable[[str, bool], None] = lambda _source, _answered: None,
        *,
        clusters: Clusters | None = None,
    ) -> None:
        """`count` hears of each question: whom it went to, and whether it was answered."""
        self._count = count
        self._clusters = clusters
        self._site = site
        self._prometheus = prometheus
        self._fetch_alerts = fetch_alerts
        self._fetch_health = fetch_health
        self._clock = clock
        self._lock = asyncio.Lock()
        self._snapshot: Snapshot | None = None
        self._taken = float("-inf")
        self._vitals_taken = float("-inf")
        self._health_taken = float("-inf")
        self._memory = Memory()
        self._firing: tuple[Alert, ...] = ()
        self._alerts: dict[str, Alert] = {}
        self._day_taken = float("-inf")
        self._services: tuple[ServiceHealth, ...] = ()
        self._sources = {name: Source(name) for name in ("prometheus", "hub", "conductor")}

    async def current(self) -> Snapshot:
        """Return a snapshot that is at most a second old."""
        async with self._lock:
            if self._snapshot is None or self._clock.monotonic() - self._taken > INTERVAL_SECONDS:
                self._snapshot = await self._take()
            return self._snapshot

    def expire(self) -> None:
        """Have the next snapshot taken at once: somebody did something, and is about to look."""
        self._taken = float("-inf")

    async def after(self, number: int) -> Snapshot:
        """Return a snapshot later than that one, when its time has come."""
        async with self._lock:
            if self._snapshot is None or self._snapshot.number <= number:
                await self._clock.sleep(max(0.0, self._taken + INTERVAL_SECONDS - self._clock.monotonic()))
                self._snapshot = await self._take()
            return self._snapshot

    async def _take(self) -> Snapshot:
        started = self._clock.monotonic()
        looks = [self._look_live(), self._look_alerts()]
        if started - self._vitals_taken >= VITALS_EVERY_SECONDS:
            self._vitals_taken = started
            looks.append(self._look_vitals())
            looks.append(self._look_clusters())
        if started - self._health_taken >= HEALTH_EVERY_SECONDS:
            self._health_taken = started
            looks.append(self._look_health())
        await asyncio.gather(*looks)
        self._taken = started
        hub = self._sources["hub"]
        return assemble(
            self._site,
            self._memory,
            number=self._snapshot.number + 1 if self._snapshot else 1,
            now=self._clock.now(),
            # While the hub is silent, what Prometheus itself evaluates is nearer to the truth than an old answer.
            alerts=tuple(self._alerts.values()) if hub.answers else (*self._firing, *self._ended()),
            services=self._services,
            sources=tuple(self._sources.values()),
            clusters=self._clusters.summaries if self._clusters else (),
        )

    async def _look_live(self) -> None:
        samples = await self._ask("prometheus", self._prometheus.query(LIVE, timeout_seconds=PATIENCE_SECONDS))
        if samples is not None:
            live = read_live(samples, now=self._clock.now())
            self._memory.learn(live)
            self._firing = firing_alerts(live)

    async def _look_vitals(self) -> None:
        try:
            samples = await self._prometheus.query(VITALS, timeout_seconds=PATIENCE_SECONDS)
        except HuneError:
            # Told by the live look, a moment ago or from now.
            return
        self._memory.learn_vitals(read_vitals(samples, now=self._clock.now()))

    async def _look_clusters(self) -> None:
        try:
            if self._clusters:
                await self._clusters.look()
        except HuneError:
            # Told by the live look too.
            return

    async def _look_alerts(self) -> None:
        """Learn what is open and what ended just now; the whole day only now and then, for it may be long."""
        now, started = self._clock.now(), self._clock.monotonic()
        whole = started - self._day_taken >= DAY_EVERY_SECONDS
        since = now - (_DAY_SECONDS if whole else 3 * DAY_EVERY_SECONDS)
        alerts = await self._ask("hub", self._fetch_alerts(since))
        if alerts is None:
            return
        told = {alert.id: alert for alert in alerts}
        missing = {key: alert for key, alert in self._alerts.items() if key not in told}
        if whole:
            self._day_taken = started
            missing = {}
        elif any(alert.is_open for alert in missing.values()):
            # Over for longer than was asked for: the next look takes the whole day.
            self._day_taken = float("-inf")
        self._alerts = {key: alert for key, alert in missing.items() if not alert.is_open} | told

    def _ended(self) -> list[Alert]:
        return [alert for alert in self._alerts.values() if not alert.is_open]

    async def _look_health(self) -> None:
        services = await self._ask("conductor", self._fetch_health())
        if services is not None:
            self._services = services

    async def _ask(self, name: str, answer: Awaitable[T]) -> T | None:
        """Return the answer of a source, None while it has none; note since when."""
        known = self._sources[name]
        try:
            value = await answer
        except HuneError as error:
            self._count(name, False)
            if known.answers:
                log.warning("%s does not answer: %s", name, error)
                self._sources[name] = Source(known.name, self._clock.now(), error.message)
            return None
        self._count(name, True)
        if not known.answers:
            log.info("%s answers again", name)
            self._sources[name] = Source(known.name)
        return value


def firing_alerts(live: Live) -> tuple[Alert, ...]:
    """Return alerts as Prometheus evaluates them: nobody knows here who was told, nor the values."""
    alerts = []
    for firing in live.firing:
        labels = {key: value for key, value in firing.labels.items() if key not in ("alertname", "severity")}
        severity = firing.labels.get("severity", "")
        # The watchdog fires always, and has no severity of these.
        if severity not in ("critical", "warning"):
            continue
        alerts.append(
            Alert(
                id="/".join(firing.labels[key] for key in sorted(firing.labels)),
                name=firing.labels.get("alertname", ""),
                severity="critical" if severity == "critical" else "warning",
                state="firing",
                labels=tuple(sorted(labels.items())),
                annotations=(),
                starts_at=firing.since,
            )
        )
    return tuple(alerts)
