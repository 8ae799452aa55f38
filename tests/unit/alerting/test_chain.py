"""The chain to the hub: when it is called broken, and when nothing may be said."""

from __future__ import annotations

from typing import Any, cast

import pytest

from hune.alerting.chain import silence
from hune.alerting.chain.silence import Silence
from hune.alerting.chain.watchdog import Chain
from hune.alerting.holds import AT_ONCE
from hune.alerting.hub.timing import Timing
from hune.alerting.state import book
from hune.alerting.state.database import Database
from hune.alerting.state.episode import State
from hune.core.errors import Unavailable
from hune.promapi.alertmanager import ActiveAlert, AlertmanagerClient
from hune.promapi.prometheus import PrometheusClient, Sample
from hune.site.models import Site
from support.stepped_clock import SteppedClock

SITE = Site.model_validate({"name": "home", "receivers": [{"name": "discord", "discord": {"webhook": "env:A"}}]})
LABELS = {"alertname": "Watchdog", "severity": "none", "site": "home"}


class Engines:
    """Prometheus and Alertmanager, as they would answer."""

    def __init__(self) -> None:
        self.prometheus_lives = self.alertmanager_lives = True
        self.tick_age: float | None = 0.5
        self.fires = True
        self.silenced: bool | None = False

    async def call(self, *_: Any, **__: Any) -> Any:
        if not self.prometheus_lives:
            raise Unavailable("http://127.0.0.1:9090: refused")
        return {"alerts": [{"labels": {"alertname": "Watchdog"}}] if self.fires else []}

    async def query(self, *_: Any, **__: Any) -> list[Sample]:
        return [] if self.tick_age is None else [Sample({}, self.tick_age, 0.0)]

    async def alerts(self) -> list[ActiveAlert]:
        if not self.alertmanager_lives:
            raise Unavailable("http://127.0.0.1:9093: refused")
        if self.silenced is None:
            return []
        return [ActiveAlert(LABELS, {}, ("_chain",), ("some-silence",) if self.silenced else ())]


@pytest.fixture
def engines() -> Engines:
    return Engines()


@pytest.fixture
def chain(database: Database, engines: Engines) -> Chain:
    return make_chain(database, engines)


def make_chain(database: Database, engines: Engines) -> Chain:
    return Chain(
        database,
        cast("PrometheusClient", engines),
        cast("AlertmanagerClient", engines),
        SITE,
        receivers=["console", "discord"],
        timing=Timing(),
        clock=SteppedClock(),
        terms=lambda _: AT_ONCE,
        on_change=lambda: None,
    )


async def listen(chain: Chain, seconds: float) -> None:
    for _ in range(round(seconds / 5)):
        chain.silence.listened(5.0, every=5.0)
        await chain.round()


async def states(database: Database) -> list[State]:
    rows = await database.read(lambda connection: book.list_episodes(connection, since=0.0, limit=10))
    return [episode.state for episode, _ in rows]


async def test_a_watchdog_that_stays_away_is_told_to_everybody_once_and_its_return_too(
    chain: Chain, engines: Engines, database: Database
) -> None:
    chain.heard()
    engines.alertmanager_lives = False
    await listen(chain, 40)
    assert (await states(database), chain.is_working, chain.state) == ([], True, "silent")
    await listen(chain, 300)
    [(episode, deliveries)] = await database.read(lambda c: book.list_episodes(c, since=0.0, limit=10))
    assert (episode.alertname, episode.severity, episode.state) == ("ChainBroken", "critical", "firing")
    assert [one.receiver for one in deliveries] == ["console", "discord"]
    assert (
        "Prometheus evaluates its rules. Alertmanager can't be asked (http://127.0.0.1:9093: refused)."
        in (episode.annotations["description"])
    )
    assert (chain.is_working, chain.state) == (False, "broken")
    chain.heard()
    await chain.round()
    assert await states(database) == [State.RESOLVED]
    assert chain.state == "working"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"prometheus_lives": False}, "Prometheus can't be asked"),
        ({"tick_age": None}, "evaluates no rules"),
        ({"tick_age": 60.0}, "evaluates no rules"),
        ({"fires": False}, "the Watchdog is none of them"),
        ({"silenced": None}, "knows nothing of the Watchdog"),
        ({}, "doesn't send it here"),
    ],
)
async def test_it_says_what_it_found(chain: Chain, engines: Engines, changes: dict[str, Any], words: str) -> None:
    for name, value in changes.items():
        setattr(engines, name, value)
    chain.heard()
    await listen(chain, 50)
    assert words in chain.report()["detail"]


async def test_a_hub_that_never_heard_it_misses_nothing(chain: Chain, database: Database) -> None:
    await listen(chain, 1000)
    assert (await states(database), chain.state, chain.is_working) == ([], "unheard", False)


async def test_after_a_start_everything_has_time_to_start_too(chain: Chain, database: Database) -> None:
    chain.remember(Silence(chain._clock.now() - 60.0, 40.0))
    await listen(chain, 115)
    assert await states(database) == []
    await listen(chain, 10)
    assert await states(database) == [State.FIRING]


async def test_what_was_not_heard_for_a_week_is_not_expected(chain: Chain, database: Database) -> None:
    chain.remember(Silence(chain._clock.now() - 8 * 86400.0, 40.0))
    await listen(chain, 1000)
    assert (await states(database), chain.state) == ([], "unheard")


async def test_a_machine_that_slept_heard_nothing_and_missed_nothing(chain: Chain, database: Database) -> None:
    chain.heard()
    chain.silence.listened(30_000.0, every=5.0)
    await chain.round()
    assert await states(database) == []


async def test_who_silences_the_watchdog_too_wants_quiet(chain: Chain, engines: Engines, database: Database) -> None:
    engines.silenced = True
    chain.heard()
    await listen(chain, 300)
    assert (await states(database), chain.is_working) == ([], True)


async def test_a_hub_that_is_started_anew_goes_on_with_what_it_told(
    chain: Chain, engines: Engines, database: Database
) -> None:
    engines.fires = False
    chain.heard()
    await listen(chain, 50)
    await database.write(lambda connection: silence.write(connection, {"": chain.silence}))
    again = make_chain(database, engines)
    again.remember((await database.read(silence.read))[""])
    await listen(again, 300)
    assert await states(database) == [State.FIRING]
    assert again.state == "broken"
    again.heard()
    await again.round()
    assert await states(database) == [State.RESOLVED]


async def test_what_was_told_and_could_not_be_read_again_is_told_once(
    chain: Chain, engines: Engines, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    engines.fires = False
    chain.heard()
    await listen(chain, 40)
    read, fails = database.read, [False, True]

    async def read_or_fail(work: Any) -> Any:
        if fails and fails.pop(0):
            raise Unavailable("the disk hangs")
        return await read(work)

    chain._has_looked = False
    monkeypatch.setattr(database, "read", read_or_fail)
    chain.silence.listened(5.0, every=5.0)
    with pytest.raises(Unavailable):
        await chain.round()
    await listen(chain, 120)
    assert (await states(database), chain.state) == ([State.FIRING], "broken")


def test_the_watchdog_of_another_site_is_not_ours(chain: Chain) -> None:
    assert chain.takes(LABELS)
    assert chain.takes({"alertname": "Watchdog"})
    assert not chain.takes({**LABELS, "site": "paris"})
    assert not chain.takes({**LABELS, "alertname": "CpuHot"})
