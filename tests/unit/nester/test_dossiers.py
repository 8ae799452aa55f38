"""What is known of one alert: asked for seldom, never waited for long, never older than what somebody did."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from hune.core.errors import Unavailable
from hune.nester.hub.client import HubClient
from hune.nester.hub.dossiers import MOST_KEPT, Dossiers
from hune.nester.hub.model import Dossier
from support.snapshots import alert
from support.stepped_clock import SteppedClock

FIRST, LATER = (Dossier(alert(id="7", value=value), (), ()) for value in (78.0, 91.0))


class ToldHub:
    """A hub that answers as told, when it is let."""

    def __init__(self) -> None:
        self.found: Any = FIRST
        self.asked = 0
        self.answers = asyncio.Event()
        self.answers.set()

    async def dossier(self, _alert_id: str) -> Any:
        self.asked += 1
        found = self.found
        await self.answers.wait()
        if isinstance(found, Exception):
            raise found
        return found

    async def why(self, _alert_id: str, language: str) -> Any:
        self.asked += 1
        return {"language": language}


@pytest.fixture
def hub() -> ToldHub:
    return ToldHub()


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
async def dossiers(hub: ToldHub, clock: SteppedClock) -> AsyncIterator[Dossiers]:
    async with asyncio.TaskGroup() as group:
        yield Dossiers(cast("HubClient", hub), clock, group)
        hub.answers.set()


async def test_many_looks_are_one_question(hub: ToldHub, clock: SteppedClock, dossiers: Dossiers) -> None:
    for _ in range(5):
        assert await dossiers.look("7") == FIRST
    assert hub.asked == 1
    clock.step(2)
    hub.found = LATER
    assert await dossiers.look("7") == LATER


async def test_unknown_alert_is_told_apart_from_a_silent_hub(
    hub: ToldHub, clock: SteppedClock, dossiers: Dossiers
) -> None:
    hub.found = Unavailable("silent")
    assert await dossiers.look("7") is None
    clock.step(2)
    hub.found = None
    with pytest.raises(KeyError):
        await dossiers.look("7")


async def test_what_was_known_is_shown_while_the_hub_is_silent(
    hub: ToldHub, clock: SteppedClock, dossiers: Dossiers
) -> None:
    await dossiers.look("7")
    clock.step(60)
    hub.found = Unavailable("silent")
    assert await dossiers.look("7") == FIRST


async def test_answer_from_before_somebody_did_something_is_not_kept(
    hub: ToldHub, clock: SteppedClock, dossiers: Dossiers
) -> None:
    hub.answers.clear()
    looking = asyncio.create_task(dossiers.look("7"))
    await asyncio.sleep(0)
    dossiers.forget("7")
    hub.found = LATER
    hub.answers.set()
    await looking
    assert await dossiers.look("7") == LATER
    assert hub.asked == 2
    clock.step(1)
    assert await dossiers.look("7") == LATER


async def test_why_is_asked_in_the_language_of_the_page(hub: ToldHub, dossiers: Dossiers) -> None:
    assert await dossiers.why(FIRST, "fr") == {"language": "fr"}
    assert await dossiers.why(FIRST, "en") == {"language": "en"}
    assert await dossiers.why(FIRST, "en") == {"language": "en"}
    assert hub.asked == 2


async def test_whoever_tries_all_numbers_fills_nothing(hub: ToldHub, dossiers: Dossiers) -> None:
    hub.found = None
    for number in range(MOST_KEPT + 20):
        with pytest.raises(KeyError):
            await dossiers.look(str(number))
        if number == 10:
            hub.found = FIRST
            assert await dossiers.look("seven") == FIRST
            hub.found = None
        assert number < 10 or await dossiers.look("seven") == FIRST
    assert len(dossiers._kept) == MOST_KEPT
