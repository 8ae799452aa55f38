"""The holder: when it wakes, whom it wakes, and what it asks of the book."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from hune.alerting.catalogue import own
from hune.alerting.holds import windows
from hune.alerting.holds.calendar import Period
from hune.alerting.holds.duty import Duty
from hune.alerting.holds.holder import Holder
from hune.alerting.holds.windows import Scope
from hune.alerting.hub.timing import Timing
from hune.alerting.state import book
from hune.alerting.state.database import Database
from hune.core.errors import Unavailable
from hune.promapi.alertmanager import Silence, SilenceMatcher
from hune.site.models import Site
from support.alerts import make_alert
from support.stepped_clock import SteppedClock

PARIS = ZoneInfo("Europe/Paris")


class Alertmanager:
    """Answers with what it is given, or not at all."""

    def __init__(self) -> None:
        self.known: list[Silence] | None = []
        self.on_its_way: asyncio.Event | None = None
        """Its next answer arrives once this is set."""

    async def silences(self) -> list[Silence]:
        if self.known is None:
            raise Unavailable("away")
        answer, on_its_way = self.known, self.on_its_way
        self.on_its_way = None
        if on_its_way is not None:
            await on_its_way.wait()
        return answer


class Stage:
    """A holder, its clock, and how often it had couriers look."""

    def __init__(self, database: Database, site: Site) -> None:
        self.database = database
        self.clock = SteppedClock()
        self.alertmanager = Alertmanager()
        self.woken = 0
        self.holder = Holder(
            database,
            self.alertmanager,  # type: ignore[arg-type]
            site,
            Duty(site),
            timing=Timing(),
            clock=self.clock,
            on_change=self._wake,
        )

    def _wake(self) -> None:
        self.woken += 1

    async def open(self, name: str = "CpuHot") -> None:
        now = self.clock.now()
        alert = make_alert(name=name, starts_at=now)
        held = self.holder.terms(now).holds(alert.labels)
        await self.database.write(lambda connection: book.open_episode(connection, alert, now=now, held=held))

    async def held(self) -> list[list[str]]:
        episodes = await self.database.read(book.open_episodes)
        return [[hold.id for hold in episode.holds] for episode in episodes]


def silence(begins: float, ends: float) -> Silence:
    return Silence("s1", (SilenceMatcher("node", "pve-02"),), begins, ends, "Ada", "new fan")


@pytest.fixture
def site(request: pytest.FixtureRequest) -> Site:
    given: dict[str, Any] = getattr(request, "param", {})
    return Site.model_validate(
        {
            "name": "home",
            "timezone": "Europe/Paris",
            "nodes": [{"name": "pve-02", "address": "10.0.0.2"}],
            "receivers": [{"name": "office", "discord": {"webhook": "env:X"}}],
            **given,
        }
    )


@pytest.fixture
def stage(database: Database, site: Site) -> Stage:
    return Stage(database, site)


async def test_answer_of_before_a_silence_was_made_undoes_nothing(stage: Stage) -> None:
    now = stage.clock.now()
    await stage.open()
    stage.alertmanager.on_its_way = arrives = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(stage.holder.poll())
        await asyncio.sleep(0)
        stage.alertmanager.known = [silence(now, now + 60)]
        made = group.create_task(stage.holder.poll())
        await asyncio.wait({made}, timeout=0.1)
        arrives.set()
    assert [one.id for one in stage.holder.silences] == ["s1"]
    assert await stage.held() == [["s1"]]


async def test_silence_begins_and_ends_when_it_says(stage: Stage) -> None:
    now = stage.clock.now()
    await stage.open()
    stage.alertmanager.known = [silence(now + 3, now + 8)]
    await stage.holder.poll()
    assert await stage.holder.step() == 3.0
    assert await stage.held() == [[]]
    stage.clock.step(3)
    assert await stage.holder.step() == 5.0
    assert await stage.held() == [["s1"]]
    # Away meanwhile: what was known of it holds until its own end.
    stage.alertmanager.known = None
    with pytest.raises(Unavailable):
        await stage.holder.poll()
    stage.clock.step(4.9)
    await stage.holder.step()
    assert await stage.held() == [["s1"]]
    stage.clock.step(0.1)
    woken = stage.woken
    await stage.holder.step()
    assert await stage.held() == [[]]
    assert stage.woken > woken


def declared(stage: Stage, scope: Scope) -> Any:
    now = stage.clock.now()
    period = Period(now + 1, now + 60)
    return stage.database.write(lambda c: windows.declare(c, scope, period, by="Ada", reason="move"))


async def test_declared_window_holds_from_the_second_on_at_which_it_begins(stage: Stage) -> None:
    await stage.open()
    await declared(stage, Scope())
    assert await stage.holder.step() == 1.0
    assert await stage.held() == [[]]
    stage.clock.step(1)
    await stage.holder.step()
    assert await stage.held() == [["1"]]
    await stage.open()
    assert await stage.held() == [["1"], ["1"]]


async def test_holds_that_end_while_the_hub_is_down_are_over_when_it_starts(stage: Stage, site: Site) -> None:
    await declared(stage, Scope(nodes=("pve-02",)))
    stage.clock.step(1)
    now = stage.clock.now()
    stage.alertmanager.known = [silence(now - 10, now + 100)]
    await stage.holder.poll()
    await stage.open()
    assert await stage.held() == [["1", "s1"]]
    again = Stage(stage.database, site)
    again.alertmanager.known = None
    # Of the declared one the end has passed; of the silence not, and nobody can tell whether somebody ended it.
    again.clock.step(70)
    await again.holder.review()
    assert await again.held() == [["s1"]]
    again.alertmanager.known = []
    await again.holder.poll()
    assert await again.held() == [[]]


_AGAIN = {"every": "daily 00:00", "for": "1d", "timezone": "Etc/UTC"}
_ONCE = {"from": "2023-11-01 00:00", "until": "2023-12-01 00:00"}


@pytest.mark.parametrize(
    ("site", "scope"),
    [
        ({}, Scope()),
        ({}, Scope(nodes=("pve-02",))),
        ({"maintenance": [_AGAIN]}, None),
        ({"maintenance": [{**_AGAIN, "nodes": ["pve-02"]}]}, None),
        ({"maintenance": [_ONCE]}, None),
        ({"maintenance": [{**_ONCE, "nodes": ["pve-02"]}]}, None),
    ],
    ids=["declared", "declared, of a node", "again", "again, of a node", "once", "once, of a node"],
    indirect=["site"],
)
async def test_no_maintenance_holds_what_is_about_hune_itself(stage: Stage, scope: Scope | None) -> None:
    names = ["CpuHot", "Watchdog", "DailyTest", "TestAlert", "ChainBroken", *own.FAULTS]
    if scope is not None:
        await declared(stage, scope)
        await stage.holder.step()
    stage.clock.step(1)
    await stage.holder.step()
    for name in names:
        await stage.open(name)
    held = [name for name, by in zip(names, await stage.held(), strict=True) if by]
    assert held == ["CpuHot"]
    # A later look finds it so too.
    stage.clock.step(20)
    await stage.holder.poll()
    assert [name for name, by in zip(names, await stage.held(), strict=True) if by] == ["CpuHot"]


@pytest.mark.parametrize("back", [3600.0, 30 * 86400.0])
async def test_clock_that_is_set_back_moves_what_holds_with_it(stage: Stage, back: float) -> None:
    now = stage.clock.now()
    await stage.open()
    stage.alertmanager.known = [silence(now - 10, now + 600)]
    await stage.holder.poll()
    await declared(stage, Scope())
    stage.clock.step(1)
    await stage.holder.step()
    assert await stage.held() == [["1", "s1"]]
    stage.clock.step(-back)
    assert await stage.holder.step() <= Timing().reconcile
    assert await stage.held() == [[]]
    stage.clock.step(back + 58)
    await stage.holder.step()
    assert await stage.held() == [["1", "s1"]]
    stage.clock.step(1)
    await stage.holder.step()
    assert await stage.held() == [["s1"]]


async def test_alert_that_opens_on_terms_of_a_moment_ago_is_held_all_the_same(stage: Stage) -> None:
    terms = stage.holder.terms(stage.clock.now())
    stage.alertmanager.known = [silence(0.0, stage.clock.now() + 600)]
    await stage.holder.poll()
    alert = make_alert()
    held = terms.holds(alert.labels)
    await stage.database.write(lambda c: book.open_episode(c, alert, now=stage.clock.now(), held=held))
    assert await stage.held() == [[]]
    stage.clock.step(2)
    await stage.holder.poll()
    assert await stage.held() == [["s1"]]


_OFFICE = {"receivers": ["office"], "hours": {"days": "mon-fri", "from": "08:00", "to": "18:00"}}


@pytest.mark.parametrize("site", [{"routes": [_OFFICE]}], indirect=True)
async def test_couriers_are_woken_at_the_second_at_which_hours_begin(stage: Stage) -> None:
    monday = datetime(2026, 11, 23, 7, 59, 55, tzinfo=PARIS).timestamp()
    stage.clock.step(monday - stage.clock.now())
    await stage.holder.step()
    woken = stage.woken
    assert await stage.holder.step() == pytest.approx(5.0)
    assert stage.woken == woken
    due = stage.holder.terms(stage.clock.now()).due
    assert due({"alertname": "CpuHot"}, "office") == pytest.approx(monday + 5)
    # What says that the way to people works waits for nobody's hours.
    assert due({"alertname": "DailyTest"}, "office") == 0.0
    stage.clock.step(5.0)
    await stage.holder.step()
    assert stage.woken == woken + 1
    assert stage.holder.terms(stage.clock.now()).due({"alertname": "CpuHot"}, "office") == 0.0


@pytest.mark.parametrize("site", [{"routes": [_OFFICE]}], indirect=True)
async def test_hours_that_could_not_be_asked_for_at_the_start_are_as_soon_as_the_disk_takes_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    sunday = datetime(2026, 11, 22, 12, tzinfo=PARIS).timestamp()
    stage.clock.step(sunday - stage.clock.now())
    await stage.open()
    of_another_site = sunday + 7 * 86400
    await stage.database.write(
        lambda c: book.address(c, 1, ["office"], now=sunday, due=lambda _receiver: of_another_site)
    )

    async def due() -> list[float]:
        [deliveries] = (await stage.database.read(lambda c: book.deliveries_of(c, [1]))).values()
        return [one.due_at for one in deliveries]

    async def full(_work: Any) -> None:
        raise Unavailable("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(stage.database, "write", full)
        with pytest.raises(Unavailable):
            await stage.holder.review()
    assert await due() == [of_another_site]
    await stage.holder.step()
    assert await due() == [datetime(2026, 11, 23, 8, tzinfo=PARIS).timestamp()]
