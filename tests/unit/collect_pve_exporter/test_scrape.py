"""A scrape ends in time with what could be had; runs are shared; one collector's failure is its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from hune.collect.pve.collector import Collection, Collector
from hune.collect.pve.families import Exposition, Family
from hune.collect.pve.scrape import Scrape, Scraper, deadline_seconds
from hune.collect.pve.source import Source
from hune.pve.errors import Forbidden, TimedOut
from support.pve_collecting import FakeApi, SetClock, samples

THING = Family("hune_pve_thing", "gauge", "A thing.", ("collector",), "/thing")


def make(name: str, collect: Callable[[Collection], Awaitable[None]] | None = None) -> Collector:
    async def well(run: Collection) -> None:
        run.out.add(THING, 1, name)

    return Collector(name, "cluster", (THING,), (), collect or well)


@pytest.fixture
def scraper() -> Scraper:
    return Scraper(Source(FakeApi({}), SetClock()), name="home")


def names(scrape: Scrape) -> list[str]:
    out = Exposition()
    for exposition in scrape.expositions:
        out.extend(exposition)
    return [series.split('"')[1] for series in samples(out)]


async def test_one_that_fails_leaves_the_others(scraper: Scraper, caplog: pytest.LogCaptureFixture) -> None:
    async def fail(_run: Collection) -> None:
        raise Forbidden("no")

    async def break_down(_run: Collection) -> None:
        raise ZeroDivisionError

    async def lack(run: Collection) -> None:
        run.out.add(THING, 1, "part")
        run.missed(TimedOut("the rest"))

    collectors = [make("a"), make("b", fail), make("c", break_down), make("d", lack)]
    scrape = await scraper.scrape(collectors, seconds=60)
    assert names(scrape) == ["a", "part"]
    assert [outcome.collector.name for outcome in scrape.failed] == ["b", "c", "d"]
    assert not scrape.is_empty
    assert "ZeroDivisionError" in caplog.text


async def test_errors_of_a_task_group_are_told_one_by_one(scraper: Scraper) -> None:
    async def fail(_run: Collection) -> None:
        async def one(error: Exception) -> None:
            raise error

        async with asyncio.TaskGroup() as group:
            group.create_task(one(Forbidden("first")))
            group.create_task(one(TimedOut("second")))

    scrape = await scraper.scrape([make("a", fail)], seconds=60)
    assert {str(problem) for problem in scrape.failed[0].problems} == {"first", "second"}


async def test_nothing_at_all_is_empty_and_nothing_wanted_is_not(scraper: Scraper) -> None:
    async def fail(_run: Collection) -> None:
        raise Forbidden("no")

    assert (await scraper.scrape([make("a", fail)], seconds=60)).is_empty
    assert not (await scraper.scrape([], seconds=60)).is_empty


async def test_one_that_is_late_goes_on_and_the_next_scrape_has_it(scraper: Scraper) -> None:
    answered = asyncio.Event()
    runs = []

    async def slowly(run: Collection) -> None:
        runs.append(run)
        run.out.add(THING, 1, "early")
        await answered.wait()
        run.out.add(THING, 1, "late")

    collectors = [make("a"), make("slow", slowly)]
    first = await scraper.scrape(collectors, seconds=0)
    second = asyncio.create_task(scraper.scrape(collectors, seconds=60))
    await asyncio.sleep(0)
    answered.set()
    assert names(first) in (["a"], ["a", "early"], ["early"], [])
    assert [outcome.collector.name for outcome in first.failed][-1] == "slow"
    assert names(await second) == ["a", "early", "late"]
    assert len(runs) == 1


async def test_concurrent_scrapes_share_one_collection(scraper: Scraper) -> None:
    runs = []

    async def collect(run: Collection) -> None:
        runs.append(run)
        await asyncio.sleep(0)
        run.out.add(THING, 1, "x")

    collector = make("a", collect)
    scrapes = await asyncio.gather(*(scraper.scrape([collector], seconds=60) for _ in range(5)))
    assert len(runs) == 1
    assert [names(scrape) for scrape in scrapes] == [["x"]] * 5
    await scraper.scrape([collector], seconds=60)
    assert len(runs) == 2


async def test_failure_and_recovery_are_told_once_each(scraper: Scraper, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    left = [True, True, False, False]

    async def collect(_run: Collection) -> None:
        if left.pop(0):
            raise Forbidden("may not")

    collector = make("a", collect)
    while left:
        await scraper.scrape([collector], seconds=60)
    assert [record.message for record in caplog.records] == ["home: a: may not", "home: a: works again"]


async def test_closing_ends_collectors_at_work(scraper: Scraper) -> None:
    async def forever(_run: Collection) -> None:
        await asyncio.Event().wait()

    await scraper.scrape([make("a", forever)], seconds=0)
    await scraper.close()
    assert [task for task in asyncio.all_tasks() if task.get_name().startswith("home")] == []


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("10", 9.0), ("1", 0.9), ("30.0", 29.0), (None, 29.0), ("", 29.0), ("soon", 29.0), ("nan", 29.0), ("-3", 29.0)],
)
def test_the_deadline_leaves_time_for_the_way(header: str | None, seconds: float) -> None:
    assert deadline_seconds(header) == pytest.approx(seconds)
