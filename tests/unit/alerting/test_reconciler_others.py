"""Alerts of rules that aren't Hune's: when they are over, by what Prometheus and Alertmanager know."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast

import pytest

from hune.alerting import catalogue
from hune.alerting.holds import AT_ONCE
from hune.alerting.hub.judging import is_checked
from hune.alerting.hub.metrics import HubMetrics
from hune.alerting.hub.reconcile import Reconciler
from hune.alerting.hub.timing import Timing
from hune.alerting.state import book
from hune.alerting.state.database import Database
from hune.alerting.state.episode import Ending, Episode, Incoming, State
from hune.core.errors import Unavailable
from hune.promapi.alertmanager import ActiveAlert, AlertmanagerClient
from hune.promapi.prometheus import PrometheusClient, Sample
from hune.site.models import Site
from support.alerts import make_alert
from support.stepped_clock import SteppedClock

SITE = Site.model_validate({"name": "home", "receivers": [{"name": "discord", "discord": {"webhook": "env:A"}}]})
BEGAN = 1_700_000_900.0
foreign = partial(make_alert, name="DiskOdd", severity="warning", site="home", starts_at=BEGAN)


class Stand:
    """A reconciler between engines that say what they are told to, and a book."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = SteppedClock()
        self.firing: list[Incoming] | None = []
        self.pending: list[Incoming] = []
        self.health = "ok"
        """Of the rule: `unknown` before it was evaluated."""
        self.known: list[Incoming] | None = []
        """What Alertmanager knows."""
        self.merged_at = 0.0
        """When Alertmanager says that it began."""
        self.meanwhile: list[Incoming] = []
        """What comes while Prometheus is asked."""
        self.reconciler = Reconciler(
            database,
            cast("PrometheusClient", self),
            cast("AlertmanagerClient", self),
            SITE,
            timing=Timing(),
            clock=self.clock,
            metrics=HubMetrics(),
            on_change=lambda: None,
            terms=lambda _now: AT_ONCE,
        )

    async def call(self, _method: str, path: str) -> Any:
        if self.firing is None:
            raise Unavailable("refused")
        if path.startswith("/api/v1/rules"):
            return {"groups": [{"rules": [{"name": "DiskOdd", "health": self.health}]}]}
        rows = [
            {
                "labels": {name: text for name, text in alert.labels.items() if name != "site"},
                "state": state,
                "activeAt": datetime.fromtimestamp(alert.starts_at or 0.0, UTC).isoformat(),
            }
            for state, alerts in (("firing", self.firing), ("pending", self.pending))
            for alert in alerts
        ]
        return {"alerts": rows}

    async def query(self, *_: Any, **__: Any) -> list[Sample]:
        for alert in self.meanwhile:
            await self.hear(alert)
        return [Sample({}, 1.0, 0.0)]

    async def alerts(self, *, inhibited: bool = False) -> list[ActiveAlert]:
        if self.known is None:
            raise Unavailable("refused")
        return [ActiveAlert(one.labels, {}, ("discord",), (), self.merged_at) for one in self.known]

    async def hear(self, alert: Incoming) -> None:
        def store(connection: sqlite3.Connection) -> None:
            book.take(
                connection,
                [alert],
                receivers_of=lambda _: ["discord"],
                is_known=catalogue.is_known,
                is_checked=partial(is_checked, site=SITE.name),
                is_told_once=catalogue.is_told_once,
                now=self.clock.now(),
                test_alert_seconds=300.0,
            )

        await self.database.write(store)

    async def after(self, seconds: float = 0.0) -> Episode:
        """Let time pass, have a look, and return the latest episode."""
        self.clock.step(seconds)
        await self.reconciler.round()
        rows = await self.database.read(lambda connection: book.list_episodes(connection, since=0.0, limit=1))
        return rows[0][0]


@pytest.fixture
def stand(database: Database) -> Stand:
    return Stand(database)


async def test_end_that_alertmanager_declares_is_not_believed_while_prometheus_says_firing(stand: Stand) -> None:
    """After a sleep of the machine Alertmanager has waited too long, and Prometheus goes on."""
    stand.firing = [foreign()]
    await stand.hear(foreign())
    await stand.hear(foreign(firing=False))
    episode = await stand.after()
    assert (episode.state, episode.claimed_at, episode.doubted_at) == (State.FIRING, None, None)
    stand.firing = []
    await stand.hear(foreign(firing=False))
    episode = await stand.after()
    assert (episode.state, episode.ending) == (State.RESOLVED, Ending.DECLARED)


async def test_what_prometheus_calls_pending_is_not_over_whatever_alertmanager_declares_or_forgot(stand: Stand) -> None:
    """After a start of Prometheus an alert of a rule with a long `for` is pending for ten minutes."""
    stand.pending = [foreign()]
    await stand.hear(foreign())
    await stand.after()
    assert (await stand.after(301.0)).state is State.FIRING
    await stand.hear(foreign(firing=False))
    assert (await stand.after(60.0)).state is State.UNKNOWN
    stand.firing, stand.pending = [foreign()], []
    episode = await stand.after(60.0)
    assert (episode.state, episode.claimed_at) == (State.FIRING, None)
    stand.firing, stand.pending = [], [foreign()]
    await stand.hear(foreign(firing=False))
    await stand.after(60.0)
    stand.pending = []
    assert (await stand.after(1.0)).ending is Ending.DECLARED


async def test_end_that_prometheus_cannot_confirm_is_not_known(stand: Stand) -> None:
    """Alertmanager declares over what a dead Prometheus no longer sends, and the next one has to evaluate it first."""
    stand.firing = None
    await stand.hear(foreign())
    await stand.hear(foreign(firing=False))
    assert (await stand.after()).state is State.FIRING
    assert (await stand.after(5.0)).state is State.UNKNOWN
    for stand.health in ("unknown", "err"):
        stand.firing = []
        assert (await stand.after(400.0)).state is State.UNKNOWN
    stand.health, stand.firing = "ok", [foreign()]
    assert (await stand.after(1.0)).state is State.FIRING
    stand.firing = []
    await stand.hear(foreign(firing=False))
    assert (await stand.after(1.0)).ending is Ending.DECLARED


async def test_what_ended_under_a_silence_is_over_once_neither_engine_knows_it(stand: Stand) -> None:
    await stand.hear(foreign())
    assert (await stand.after()).state is State.FIRING
    assert (await stand.after(299.0)).state is State.FIRING
    episode = await stand.after(1.0)
    assert (episode.state, episode.ending) == (State.RESOLVED, Ending.DECLARED)


async def test_what_alertmanager_knows_from_elsewhere_is_not_over(stand: Stand) -> None:
    stand.known = [foreign()]
    await stand.hear(foreign())
    for _ in range(4):
        assert (await stand.after(301.0)).state is State.FIRING
    stand.known = None
    assert (await stand.after(301.0)).state is State.FIRING
    stand.known = []
    assert (await stand.after(299.0)).state is State.FIRING
    assert (await stand.after(1.0)).state is State.RESOLVED


async def test_time_in_which_prometheus_cannot_be_asked_counts_for_nothing(stand: Stand) -> None:
    await stand.hear(foreign())
    await stand.after(200.0)
    stand.firing = None
    await stand.after(200.0)
    stand.firing = []
    assert (await stand.after(200.0)).state is State.FIRING
    assert (await stand.after(300.0)).state is State.RESOLVED


async def test_alert_from_somewhere_else_is_its_senders_to_end(stand: Stand) -> None:
    await stand.hear(foreign(site="elsewhere"))
    await stand.after(3600.0)
    assert (await stand.after(3600.0)).state is State.FIRING
    await stand.hear(foreign(site="elsewhere", firing=False))
    assert (await stand.after()).ending is Ending.DECLARED


async def test_crossing_while_the_end_is_measured_is_not_swallowed(stand: Stand) -> None:
    hot = partial(make_alert, chip="cpu0", site="home")
    await stand.hear(hot(starts_at=BEGAN))
    stand.meanwhile = [hot(starts_at=BEGAN + 100.0)]
    stand.clock.step(1.0)
    assert (await stand.after()).state is State.FIRING
    stand.meanwhile = []
    assert (await stand.after(1.0)).state is State.RESOLVED


async def test_end_of_what_nobody_knew_is_when_it_was_measured(stand: Stand) -> None:
    """Alertmanager declared it when the node died, hours before."""
    hot = partial(make_alert, chip="cpu0", site="home", starts_at=BEGAN)
    await stand.hear(hot())
    stand.firing = None
    await stand.hear(hot(firing=False))
    await stand.after(1.0)
    assert (await stand.after(7200.0)).state is State.UNKNOWN
    stand.firing = []
    episode = await stand.after(1.0)
    assert episode.resolved_at == stand.clock.now()


@pytest.mark.parametrize(("merged_at", "expected"), [(BEGAN + 30.0, BEGAN + 30.0), (BEGAN - 500.0, BEGAN)])
async def test_missed_alert_begins_when_alertmanager_will_say_so(
    stand: Stand, merged_at: float, expected: float
) -> None:
    """So what Alertmanager still repeats after its end is known; but not by the beginning of an earlier one."""
    hot = make_alert(chip="cpu0", site="home", starts_at=BEGAN)
    stand.firing, stand.known, stand.merged_at = [hot], [hot], merged_at
    await stand.hear(foreign())
    await stand.after()
    episode = await stand.after(61.0)
    assert (episode.alertname, episode.starts_at) == ("CpuHot", expected)
