"""The poll: one a second for everybody, none for nobody, and tolerant of whoever is silent."""

import asyncio
from typing import cast

import pytest

from hune.core.errors import Unavailable
from hune.nester.poll import Poller, firing_alerts
from hune.nester.queries import LIVE, VITALS, Firing, Live
from hune.nester.snapshot import Alert, ServiceHealth
from hune.promapi.prometheus import PrometheusClient, Sample
from hune.site.models import Site
from support.snapshots import alert

SITE = Site.model_validate({"name": "homelab", "nodes": [{"name": "pve-01", "address": "192.168.1.11"}]})


class StepClock:
    """Time that moves only when somebody sleeps, or is told to."""

    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.time += seconds


class Prometheus:
    """Answers with one node that is up; or not at all."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers = True

    async def query(self, expression: str, **_: float) -> list[Sample]:
        self.asked.append(expression)
        await asyncio.sleep(0)
        if not self.answers:
            raise Unavailable("refused")
        if expression == VITALS:
            return [Sample({"node": "pve-01", "read": "load"}, 0.7, 0)]
        return [
            Sample({"read": "tick_age"}, 0.4, 0),
            Sample({"__name__": "hune:node_up", "node": "pve-01"}, 1, 0),
            Sample({"__name__": "ALERTS", "alertname": "CpuHot", "severity": "critical", "node": "pve-01"}, 1, 0),
        ]


class World:
    """A poller and everything around it."""

    def __init__(self) -> None:
        self.clock = StepClock()
        self.prometheus = Prometheus()
        self.hub_answers = True
        self.conductor_answers = True
        self.book: tuple[Alert, ...] = ()
        self.since: list[float] = []
        client = cast("PrometheusClient", self.prometheus)
        self.poller = Poller(SITE, client, self._alerts, self._health, self.clock)

    async def _alerts(self, since: float) -> tuple[Alert, ...]:
        self.since.append(self.clock.time - since)
        if not self.hub_answers:
            raise Unavailable("hub: refused")
        return self.book

    async def _health(self) -> tuple[ServiceHealth, ...]:
        if not self.conductor_answers:
            raise Unavailable("Hune is not running here")
        return (ServiceHealth("prometheus", True, "ready", "127.0.0.1:9090", 0.0),)


@pytest.fixture
def world() -> World:
    return World()


async def test_nobody_watching_nobody_asking(world: World) -> None:
    await asyncio.sleep(0)
    assert world.prometheus.asked == []


async def test_snapshot_of_a_moment_ago_serves_everybody(world: World) -> None:
    snapshots = await asyncio.gather(*(world.poller.current() for _ in range(7)))
    assert len({snapshot.number for snapshot in snapshots}) == 1
    assert world.prometheus.asked.count(LIVE) == 1


async def test_seven_watchers_share_one_look_a_second(world: World) -> None:
    async def watch() -> list[int]:
        numbers = [(await world.poller.current()).number]
        for _ in range(5):
            numbers.append((await world.poller.after(numbers[-1])).number)
        return numbers

    seen = await asyncio.gather(*(watch() for _ in range(7)))
    assert seen == [[1, 2, 3, 4, 5, 6]] * 7
    assert world.prometheus.asked.count(LIVE) == 6
    assert world.clock.time == 1005.0


async def test_watcher_that_leaves_does_not_stop_the_others(world: World) -> None:
    first = await world.poller.current()
    leaving = asyncio.create_task(world.poller.after(first.number))
    staying = asyncio.create_task(world.poller.after(first.number))
    await asyncio.sleep(0)
    leaving.cancel()
    assert (await staying).number == first.number + 1


async def test_slow_values_are_asked_for_seldom(world: World) -> None:
    snapshot = await world.poller.current()
    for _ in range(10):
        snapshot = await world.poller.after(snapshot.number)
    assert world.prometheus.asked.count(VITALS) == 3
    assert snapshot.nodes[0].load is not None


async def test_silent_prometheus_leaves_the_last_values_with_their_age(world: World) -> None:
    before = await world.poller.current()
    world.prometheus.answers = False
    after = before
    for _ in range(5):
        after = await world.poller.after(after.number)
    assert after.measured_at == before.measured_at
    assert after.nodes[0].up == before.nodes[0].up
    assert after.is_stale
    assert after.source("prometheus").silent_since == 1001.0
    assert after.source("prometheus").detail == "refused"


async def test_source_that_answers_again_is_no_longer_silent(world: World) -> None:
    world.prometheus.answers = False
    snapshot = await world.poller.current()
    assert not snapshot.source("prometheus").answers
    world.prometheus.answers = True
    snapshot = await world.poller.after(snapshot.number)
    assert snapshot.source("prometheus").answers
    assert not snapshot.is_stale


async def test_while_the_hub_is_silent_alerts_are_those_of_prometheus(world: World) -> None:
    world.book = (alert("NodeDown"),)
    first = await world.poller.current()
    assert [each.name for each in first.open_alerts] == ["NodeDown"]
    world.hub_answers = False
    second = await world.poller.after(first.number)
    assert [each.name for each in second.open_alerts] == ["CpuHot"]
    world.hub_answers = True
    third = await world.poller.after(second.number)
    assert [each.name for each in third.open_alerts] == ["NodeDown"]


async def test_the_whole_day_is_asked_for_seldom_and_kept(world: World) -> None:
    world.book = (alert("LinkDown", id="old", state="resolved", resolved_at=900.0),)
    snapshot = await world.poller.current()
    world.book = ()
    snapshot = await world.poller.after(snapshot.number)
    assert [each.id for each in snapshot.alerts] == ["old"]
    assert world.since[0] == 86_400
    assert world.since[1] <= 60


async def test_alert_that_is_over_leaves_the_open_ones(world: World) -> None:
    world.book = (alert(id="1"),)
    snapshot = await world.poller.current()
    assert len(snapshot.open_alerts) == 1
    world.book = (alert(id="1", state="resolved", resolved_at=1000.0),)
    snapshot = await world.poller.after(snapshot.number)
    assert snapshot.open_alerts == ()
    assert len(snapshot.alerts) == 1


async def test_what_is_over_stays_known_while_the_hub_is_silent(world: World) -> None:
    world.book = (alert("LinkDown", id="old", state="resolved", resolved_at=900.0),)
    snapshot = await world.poller.current()
    world.hub_answers = False
    snapshot = await world.poller.after(snapshot.number)
    assert {each.name for each in snapshot.alerts} == {"LinkDown", "CpuHot"}


async def test_missing_conductor_is_no_trouble(world: World) -> None:
    world.conductor_answers = False
    snapshot = await world.poller.current()
    assert snapshot.services == ()
    assert not snapshot.source("conductor").answers


def test_watchdog_is_not_shown() -> None:
    live = Live(
        firing=[
            Firing({"alertname": "Watchdog", "severity": "none"}, 0.0),
            Firing({"alertname": "CpuHot", "severity": "critical", "node": "a"}, 5.0),
        ]
    )
    (shown,) = firing_alerts(live)
    assert (shown.name, shown.severity, shown.starts_at, shown.label("node")) == ("CpuHot", "critical", 5.0, "a")
