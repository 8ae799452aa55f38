"""Clusters are asked as of the moment when they last answered, seldom, and only while somebody looks."""

import asyncio
from typing import cast

import pytest

from hune.core.errors import HuneError, Unavailable
from hune.nester.proxmox import queries
from hune.nester.proxmox.asking import KEPT_SECONDS, Clusters
from hune.promapi.prometheus import PrometheusClient, Sample
from hune.site.models import Site
from support.stepped_clock import SteppedClock

SITE = Site.model_validate(
    {
        "name": "homelab",
        "nodes": [{"name": "pve-01", "address": "192.168.1.11", "kind": "proxmox"}],
        "proxmox": [
            {"name": "home", "nodes": ["pve-01"], "token": {"id": "hune@pve!mon", "secret": "env:SECRET"}},
            {"name": "unasked", "nodes": ["pve-01"]},
        ],
    }
)


SEEN = SteppedClock().now() - 10


class Prometheus:
    """Answers about one cluster that was seen at `seen`, now or before."""

    def __init__(self) -> None:
        self.seen: float | None = SEEN
        self.before: float | None = None
        self.answers = True
        self.asked: list[tuple[str, float | None]] = []

    async def query(self, expression: str, *, at: float | None = None, **_: float) -> list[Sample]:
        self.asked.append((expression, at))
        await asyncio.sleep(0)
        if not self.answers:
            raise Unavailable("refused")
        for asked, seen in ((queries.SEEN, self.seen), (queries.SEEN_BEFORE, self.before)):
            if expression == asked:
                told = [] if seen is None else [seen]
                names = ("status", "details")
                return [Sample({"cluster": "home", "seen": name}, value, 0) for name in names for value in told]
        if expression == queries.status_of("home"):
            return [Sample({"read": "nodes"}, 1, 0), Sample({"read": "nodes_up"}, 1, 0)]
        if expression in (queries.guests_of("home"), queries.all_status_of("home")):
            labels = {"__name__": "pve_guest_info", "id": "qemu/101", "name": "web", "node": "pve-01"}
            return [Sample(labels, 1, 0)]
        return []

    def count(self, expression: str) -> int:
        return sum(1 for asked, _ in self.asked if asked == expression)


def clusters(prometheus: Prometheus, clock: SteppedClock, group: asyncio.TaskGroup) -> Clusters:
    return Clusters(SITE, cast("PrometheusClient", prometheus), clock, group)


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


async def test_a_cluster_that_answers_is_asked_as_of_its_last_answer(clock: SteppedClock) -> None:
    prometheus = Prometheus()
    async with asyncio.TaskGroup() as group:
        known = clusters(prometheus, clock, group)
        await known.look()
    home = known.summaries[0]
    assert (home.nodes, home.status_at, home.status_is_old(clock.now())) == (1, SEEN, False)
    assert (queries.status_of("home"), SEEN + 1) in prometheus.asked
    assert prometheus.count(queries.SEEN_BEFORE) == 0


async def test_of_one_that_fell_silent_the_last_answer_stays_and_grows_old(clock: SteppedClock) -> None:
    prometheus = Prometheus()
    async with asyncio.TaskGroup() as group:
        known = clusters(prometheus, clock, group)
        await known.look()
        prometheus.seen = None
        clock.step(300)
        await known.look()
    home = known.summaries[0]
    assert (home.nodes, home.status_at) == (1, SEEN)
    assert home.status_is_old(clock.now())


async def test_after_a_restart_the_day_before_is_asked_about_those_that_are_silent(clock: SteppedClock) -> None:
    prometheus = Prometheus()
    prometheus.seen, prometheus.before = None, SEEN - 600
    async with asyncio.TaskGroup() as group:
        known = clusters(prometheus, clock, group)
        await known.look()
        await known.look()
    assert known.summaries[0].status_at == SEEN - 600
    assert prometheus.count(queries.SEEN_BEFORE) == 1


async def test_one_without_an_account_is_never_asked_about(clock: SteppedClock) -> None:
    prometheus = Prometheus()
    async with asyncio.TaskGroup() as group:
        known = clusters(prometheus, clock, group)
        await known.look()
    assert not known.summaries[1].asked
    assert not any("unasked" in asked for asked, _ in prometheus.asked)


async def test_everything_of_a_cluster_is_kept_for_a_while_and_shared(clock: SteppedClock) -> None:
    prometheus = Prometheus()
    async with asyncio.TaskGroup() as group:
        known = clusters(prometheus, clock, group)
        await known.look()
        first, second = await asyncio.gather(known.detail("home"), known.detail("home"))
        assert first is second
        clock.step(KEPT_SECONDS / 2)
        assert await known.detail("home") is first
        assert prometheus.count(queries.all_status_of("home")) == 1
        clock.step(KEPT_SECONDS)
        await known.detail("home")
    assert prometheus.count(queries.all_status_of("home")) == 2


async def test_while_prometheus_is_silent_what_it_last_said_stays(clock: SteppedClock) -> None:
    prometheus = Prometheus()
    async with asyncio.TaskGroup() as group:
        known = clusters(prometheus, clock, group)
        await known.look()
        first = await known.detail("home")
        prometheus.answers = False
        clock.step(2 * KEPT_SECONDS)
        with pytest.raises(HuneError):
            await known.look()
        assert await known.detail("home") is first
    assert known.summaries[0].nodes == 1


async def test_guests_are_named_for_the_search(clock: SteppedClock) -> None:
    async with asyncio.TaskGroup() as group:
        known = clusters(Prometheus(), clock, group)
        await known.look()
        (web,) = await known.guest_names()
    assert (web.id, web.name, web.cluster) == ("qemu/101", "web", "home")
