"""The truth about open alerts: Prometheus is asked, and only what it measures ends an alert of Hune's own rules.

Alertmanager declares an alert over when nobody repeats it: also when Prometheus died, or the node it was about.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hune.alerting import catalogue
from hune.alerting.doors.payload import shortened
from hune.alerting.holds import Hold, HoldKind, Terms
from hune.alerting.hub.judging import Verdict, is_checked, judge
from hune.alerting.hub.metrics import HubMetrics
from hune.alerting.hub.timing import Timing
from hune.alerting.state import book
from hune.alerting.state.database import Database
from hune.alerting.state.episode import Ending, Episode, Incoming, State, fingerprint, number
from hune.core.clock import Clock
from hune.core.errors import HuneError, Unavailable
from hune.promapi.alertmanager import AlertmanagerClient
from hune.promapi.prometheus import PrometheusClient
from hune.site.models import Site

log = logging.getLogger(__name__)

_QUESTIONS_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Firing:
    """An alert that Prometheus says fires now."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    active_at: float


@dataclass(frozen=True, slots=True)
class Said:
    """What Prometheus says of alerts, by key: which fire, and which have to hold for longer before they do (again)."""

    firing: Mapping[str, Firing]
    pending: Collection[str]


@dataclass(frozen=True, slots=True)
class Unheard:
    """An alert that fires, of which nothing came: whom Alertmanager means to tell, and what holds it."""

    alert: Incoming
    receivers: Sequence[str]
    held: Sequence[Hold]


class Reconciler:
    """Compares the open episodes with Prometheus until cancelled."""

    def __init__(
        self,
        database: Database,
        prometheus: PrometheusClient,
        alertmanager: AlertmanagerClient,
        site: Site,
        *,
        timing: Timing,
        clock: Clock,
        metrics: HubMetrics,
        on_change: Callable[[], None],
        terms: Callable[[float], Terms],
    ) -> None:
        self._database = database
        self._terms = terms
        self._prometheus = prometheus
        self._alertmanager = alertmanager
        self._site = site
        self._receivers = {receiver.name for receiver in site.receivers} | {"console"}
        self._ports = {node.name: {link.device for link in node.links} for node in site.nodes}
        self._expected = {one.name for one in site.expects}
        self._probes = {probe.name for probe in site.probes}
        self._clusters = {cluster.name for cluster in site.asked_clusters}
        self._timing = timing
        self._clock = clock
        self._metrics = metrics
        self._on_change = on_change
        self._wake = asyncio.Event()
        self._written: dict[int, float] = {}
        self._unheard_since: dict[str, float] = {}
        self._unlisted_since: dict[int, float] = {}
        self.problem = "not asked yet"
        """Why Prometheus can't be asked, or empty."""

    def notify(self) -> None:
        """Something is said to be over: look now."""
        self._wake.set()

    async def run(self) -> None:
        while True:
            self._wake.clear()
            try:
                wait = await self.round()
            except Unavailable as error:
                log.debug("not reconciled: %s", error)
                wait = self._timing.recheck
            except Exception:
                # One alert that can't be judged must not end the judging, nor the hub with it.
                log.exception("a fault of the hub while comparing its alerts with Prometheus; trying again")
                wait = self._timing.reconcile
            try:
                async with asyncio.timeout(wait):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def round(self) -> float:
        """Compare once; return how long to wait before the next time."""
        episodes = await self._database.read(book.open_episodes)
        unjudged = await self._unjudged(episodes)
        said = await self._said()
        firing = None if said is None else said.firing
        now = self._clock.now()
        keys = {episode.id: self._key(episode.labels) for episode in episodes}
        unsure = [
            episode
            for episode in episodes
            if firing is not None
            and keys[episode.id] not in firing
            and episode.expires_at is None
            and catalogue.is_known(episode.alertname)
        ]
        over = await self._measured_as_clear(unsure) | await self._over_of_others(episodes, said, unjudged)
        verdicts = {
            episode.id: judge(
                episode,
                firing=None if firing is None else keys[episode.id] in firing,
                clear=episode.id in over,
                known=catalogue.is_known(episode.alertname),
                now=now,
                timing=self._timing,
            )
            for episode in episodes
        }
        missed = await self._unheard(firing or {}, keys.values(), now)
        changes = [
            change for episode in episodes for change in self._changes(episode, verdicts[episode.id], firing, now)
        ]
        if missed:
            terms = self._terms(now)
            changes.append(lambda connection: _open_missed(connection, missed, terms, now))
        if changes:
            await self._database.write(lambda connection: [change(connection) for change in changes])
        self._written = {identity: at for identity, at in self._written.items() if identity in verdicts}
        if missed or any(verdict in (Verdict.RESOLVE, Verdict.EXPIRE) for verdict in verdicts.values()):
            self._on_change()
        if any(self._is_pressing(episode, verdicts[episode.id]) for episode in episodes):
            return self._timing.recheck
        return self._timing.watch if episodes else self._timing.reconcile

    def _is_pressing(self, episode: Episode, verdict: Verdict) -> bool:
        return verdict is Verdict.DOUBT or (
            verdict is Verdict.KEEP and episode.doubted_at is not None and episode.state is State.FIRING
        )

    def _changes(
        self, episode: Episode, verdict: Verdict, firing: Mapping[str, Firing] | None, now: float
    ) -> Iterable[Callable[[sqlite3.Connection], Any]]:
        identity = episode.id
        match verdict:
            case Verdict.CONFIRM:
                assert firing is not None
                if (
                    episode.state is not State.FIRING
                    or episode.doubted_at is not None
                    or episode.claimed_at is not None
                ):
                    yield lambda connection: book.confirm(connection, identity, now=now)
                said = firing[self._key(episode.labels)]
                if self._is_worth_writing(episode, said, now):
                    self._written[identity] = now
                    yield lambda connection: book.refresh(
                        connection, episode, said.annotations, number(said.annotations.get("value"))
                    )
            case Verdict.DOUBT:
                yield lambda connection: book.doubt(connection, identity, since=now)
            case Verdict.UNKNOWN:
                if episode.state is State.FIRING:
                    log.warning("%s: neither confirmed nor measured as over; shown as unknown", _name(episode))
                    yield lambda connection: book.mark_unknown(connection, identity, now=now)
            case Verdict.RESOLVE:
                # A word of long ago, not believed then, doesn't tell when it ended.
                at = (episode.claimed_at if episode.state is State.FIRING else None) or now
                ending, due, heard_at = self._ending(episode), self._terms(now).due_of(episode.labels), episode.heard_at
                yield lambda connection: book.resolve(
                    connection, identity, at=at, ending=ending, now=now, due=due, heard_at=heard_at
                )
            case Verdict.EXPIRE:
                heard_at = episode.heard_at
                yield lambda connection: book.resolve(
                    connection, identity, at=now, ending=Ending.EXPIRED, now=now, heard_at=heard_at
                )
            case Verdict.KEEP:
                pass

    def _is_worth_writing(self, episode: Episode, said: Firing, now: float) -> bool:
        value = number(said.annotations.get("value"))
        if value is not None and (episode.peak is None or value > episode.peak):
            return True
        changed = value != episode.value or dict(said.annotations) != dict(episode.annotations)
        return changed and now - self._written.get(episode.id, 0.0) >= self._timing.reconcile

    def _ending(self, episode: Episode) -> Ending:
        if not catalogue.is_known(episode.alertname):
            return Ending.DECLARED
        return Ending.MEASURED if self._is_watched(episode) else Ending.UNWATCHED

    def _is_watched(self, episode: Episode) -> bool:
        node, device, probe, cluster = (episode.labels.get(name) for name in ("node", "device", "probe", "cluster"))
        if cluster is not None:
            # Its nodes and disks are Proxmox' to name.
            return cluster in self._clusters
        if probe is not None:
            return probe in self._probes
        if (heartbeat := episode.labels.get("heartbeat")) is not None:
            return heartbeat in self._expected
        return node is None or (node in self._ports and (device is None or device in self._ports[node]))

    # -- asking --------------------------------------------------------------------------------------------------

    async def _said(self) -> Said | None:
        """Return what Prometheus says of all alerts, None if it doesn't answer.

        Its rules are asked, not the series ALERTS: after a restart that one still shows what was minutes ago.
        """
        try:
            answer = await self._prometheus.call("GET", "/api/v1/alerts")
            found = [(_firing_of(row), row["state"]) for row in answer["alerts"]]
        except (HuneError, KeyError, TypeError, ValueError) as error:
            if not self.problem:
                log.warning("prometheus can't be asked whether alerts are over: %s", error)
            self.problem = str(error) or type(error).__name__
            self._metrics.reconciliations.labels("failed").inc()
            return None
        self.problem = ""
        self._metrics.reconciliations.labels("done").inc()
        return Said(
            {self._key(one.labels): one for one, state in found if state == "firing"},
            {self._key(one.labels) for one, state in found if state != "firing"},
        )

    async def _measured_as_clear(self, episodes: Sequence[Episode]) -> set[int]:
        gate = asyncio.Semaphore(_QUESTIONS_AT_ONCE)

        async def ask(episode: Episode) -> bool:
            async with gate:
                try:
                    over = f"({catalogue.clear(episode.labels)}) or on () ({catalogue.gone(episode.labels)})"
                    return bool(await self._prometheus.query(over))
                except HuneError as error:
                    log.debug("%s: not measured: %s", _name(episode), error)
                    return False

        answers = await asyncio.gather(*(ask(episode) for episode in episodes))
        return {episode.id for episode, clear in zip(episodes, answers, strict=True) if clear}

    async def _unjudged(self, episodes: Sequence[Episode]) -> Collection[str] | None:
        """Return which rules Prometheus hasn't evaluated since its start, or fails to; None if it doesn't answer.

        Asked before its alerts, so that those of every other rule are among them, and only if it matters.
        """
        if not any(episode.claimed_at is not None or episode.id in self._unlisted_since for episode in episodes):
            return ()
        try:
            answer = await self._prometheus.call("GET", "/api/v1/rules?type=alert")
            return {rule["name"] for group in answer["groups"] for rule in group["rules"] if rule["health"] != "ok"}
        except (HuneError, KeyError, TypeError):
            return None

    async def _over_of_others(
        self, episodes: Sequence[Episode], said: Said | None, unjudged: Collection[str] | None
    ) -> set[int]:
        """Return which alerts of rules that aren't Hune's are over: declared so, or known to neither engine for long.

        Of what ends under a silence, or while everything was stopped, Alertmanager never says that it is over. What
        is pending isn't: after a start of Prometheus what fired may hold for minutes before it is called so again.
        """
        if said is None or unjudged is None:
            self._unlisted_since = {}
            return set()
        unlisted = {
            episode.id: episode
            for episode in episodes
            if episode.expires_at is None
            and not catalogue.is_known(episode.alertname)
            and is_checked(episode.labels, self._site.name)
            and (key := self._key(episode.labels)) not in said.firing
            and key not in said.pending
            and episode.alertname not in unjudged
        }
        moment = self._clock.monotonic()
        self._unlisted_since = {identity: self._unlisted_since.get(identity, moment) for identity in unlisted}
        over = {identity for identity, episode in unlisted.items() if episode.claimed_at is not None}
        late = {
            identity
            for identity, since in self._unlisted_since.items()
            if identity not in over and moment - since >= self._timing.unlisted
        }
        if not late:
            return over
        self._unlisted_since |= dict.fromkeys(late, moment)
        try:
            listed = {self._key(alert.labels) for alert in await self._alertmanager.alerts(inhibited=True)}
        except Unavailable as error:
            log.debug("alertmanager can't be asked what it knows: %s", error)
            return over
        return over | {identity for identity in late if self._key(unlisted[identity].labels) not in listed}

    async def _unheard(self, firing: Mapping[str, Firing], known: Iterable[str], now: float) -> list[Unheard]:
        """Return alerts that fire and of which nothing came: for long, though Alertmanager means to tell, or silenced.

        The former cross again after their end was lost: Alertmanager believes that it told them already. The latter
        never reach the hub by themselves.
        """
        book_has = set(known)
        # Prometheus tells since when an alert holds, not since when it fires: what waits first isn't late.
        self._unheard_since = {key: self._unheard_since.get(key, now) for key in firing if key not in book_has}
        ours = {
            key: firing[key]
            for key in self._unheard_since
            if catalogue.is_known(name := firing[key].labels.get("alertname", "")) and not catalogue.is_told_once(name)
        }
        late = {key for key in ours if now - self._unheard_since[key] > self._timing.missed}
        terms = self._terms(now)
        silenced = {
            key
            for key, alert in ours.items()
            if any(hold.kind is HoldKind.SILENCE for hold in terms.holds(alert.labels))
        }
        if not late and not silenced:
            return []
        try:
            told = await self._alertmanager.alerts()
        except Unavailable as error:
            log.debug("alertmanager can't be asked what it tells: %s", error)
            return []
        found = []
        for alert in told:
            key = self._key(alert.labels)
            receivers = [name for name in alert.receivers if name in self._receivers]
            is_due = key in (silenced if alert.silenced_by else late)
            if is_due and receivers and alert.labels.get("severity") != "none":
                # As Alertmanager will tell it, but for what it remembers of an earlier one.
                starts_at = max(ours[key].active_at, alert.starts_at)
                incoming = Incoming(True, alert.labels, ours[key].annotations, starts_at)
                found.append(Unheard(incoming, receivers, terms.holds(alert.labels)))
        return found

    def _key(self, labels: Mapping[str, str]) -> str:
        # Prometheus adds its external label only on the way to Alertmanager.
        return fingerprint(
            {name: shortened(text) for name, text in labels.items() if not (name == "site" and text == self._site.name)}
        )


def _open_missed(connection: sqlite3.Connection, missed: Sequence[Unheard], terms: Terms, now: float) -> None:
    for one in missed:
        alert = one.alert
        if book.was_over_since(connection, alert.fingerprint, alert.starts_at or now):
            continue
        name = alert.labels.get("alertname")
        if one.held:
            log.info("%s: fires, and is held", name)
        else:
            log.warning("%s: fires, and nothing was heard of it; told now", name)
        episode = book.open_episode(connection, alert, now=now, held=one.held)
        book.address(connection, episode, one.receivers, now=now, due=terms.due_of(alert.labels))


def _firing_of(row: Mapping[str, Any]) -> Firing:
    return Firing(
        labels=dict(row["labels"]),
        annotations=dict(row.get("annotations") or {}),
        active_at=datetime.fromisoformat(row["activeAt"]).timestamp(),
    )


def _name(episode: Episode) -> str:
    return " ".join(part for part in (episode.alertname, episode.labels.get("node", "")) if part)
