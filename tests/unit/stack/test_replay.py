"""Until when a store is complete, and what is sent again when that is not known."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest

from hune.core.errors import Unavailable
from hune.stack import replay
from hune.stack.monitor import Monitor
from hune.stack.replay import CHUNK_SECONDS, INTERVAL_SECONDS, LONGEST_SECONDS, MARGIN_SECONDS, Replayer
from support.stepped_clock import SteppedClock

PROMETHEUS, STORE = "http://127.0.0.1:9090", "http://127.0.0.1:8428"
OUTAGE = 1000.0


class Stand:
    """A replayer whose surroundings are told what to be; `sent` are the windows that were sent again."""

    def __init__(self, record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.record = record
        self.clock = SteppedClock()
        self.working = {"prometheus", "victoriametrics"}
        self.sent: list[tuple[float, float]] = []
        self.fails: Callable[[float], bool] = lambda _start: False
        monkeypatch.setattr(replay, "replay", self._replay)

    def works(self, name: str) -> bool:
        return name in self.working

    async def replayer(self) -> Replayer:
        session = cast("aiohttp.ClientSession", None)
        made = await Replayer.opened("victoriametrics", session, self.clock, cast("Monitor", self), self.record)
        made.target(PROMETHEUS, STORE)
        return made

    async def _replay(self, _session: object, *urls: str, start: float, end: float) -> int:
        assert urls == (PROMETHEUS, STORE)
        if self.fails(start):
            raise Unavailable("store: remote write answers 503")
        self.sent.append((start, end))
        return 1000

    def remembered(self) -> Any:
        return json.loads(self.record.read_text())["complete_until"]

    def remember(self, moment: float) -> None:
        self.record.write_text(json.dumps({"complete_until": moment}))


@pytest.fixture
def stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stand:
    return Stand(tmp_path / "run" / "store.json", monkeypatch)


async def test_what_happened_while_nobody_watched_is_sent_again_in_parts(stand: Stand) -> None:
    now = stand.clock.now()
    stand.record.parent.mkdir()
    stand.remember(now - OUTAGE)
    one = await stand.replayer()
    assert one.has_gap
    await one.step("first")
    start = int(now - OUTAGE - MARGIN_SECONDS)
    assert stand.sent[0][0] == start
    assert stand.sent[-1][1] == now
    assert all(end == begin for (_, end), (begin, _) in itertools.pairwise(stand.sent))
    assert max(end - begin for begin, end in stand.sent) == CHUNK_SECONDS
    assert not one.has_gap
    assert one.complete_until == stand.remembered() == now - MARGIN_SECONDS


async def test_while_both_work_the_mark_moves_on_and_nothing_is_sent(stand: Stand) -> None:
    one = await stand.replayer()
    await one.step("same")
    stand.sent.clear()
    for _ in range(3):
        stand.clock.step(OUTAGE)
        await one.step("same")
    assert stand.sent == []
    assert stand.remembered() == stand.clock.now() - MARGIN_SECONDS


@pytest.mark.parametrize("what", ["prometheus", "victoriametrics", "generation"])
async def test_an_outage_of_either_or_a_restart_opens_a_gap(stand: Stand, what: str) -> None:
    one = await stand.replayer()
    await one.step("before")
    mark = one.complete_until
    stand.sent.clear()
    if what != "generation":
        stand.working.discard(what)
        stand.clock.step(OUTAGE)
        await one.step("before")
        assert one.has_gap
        assert stand.sent == []
        assert one.complete_until == mark
        stand.working.add(what)
    stand.clock.step(INTERVAL_SECONDS)
    await one.step("before" if what != "generation" else "after")
    assert not one.has_gap
    assert stand.sent[0][0] == int(mark - MARGIN_SECONDS)
    assert stand.sent[-1][1] == stand.clock.now()


async def test_what_was_sent_before_a_failure_is_not_sent_again_and_the_failure_is_told_once(
    stand: Stand, caplog: pytest.LogCaptureFixture
) -> None:
    now = stand.clock.now()
    stand.record.parent.mkdir()
    stand.remember(now - OUTAGE)
    one = await stand.replayer()
    stand.fails = lambda start: start > now - OUTAGE + CHUNK_SECONDS
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            await one.step("same")
    assert one.has_gap
    assert len([record for record in caplog.records if "incomplete" in record.message]) == 1
    reached = one.complete_until
    assert now - OUTAGE < reached < now
    stand.fails = lambda _start: False
    stand.sent.clear()
    await one.step("same")
    assert stand.sent[0][0] == int(reached - MARGIN_SECONDS)
    assert not one.has_gap


async def test_of_time_that_comes_again_nothing_is_known(stand: Stand) -> None:
    one = await stand.replayer()
    await one.step("same")
    stand.clock.step(-OUTAGE)
    await one.step("same")
    assert one.complete_until <= stand.clock.now()


async def test_a_machine_that_began_without_a_clock_is_not_looked_through_since_1970(stand: Stand) -> None:
    stand.record.parent.mkdir()
    stand.remember(0.0)
    one = await stand.replayer()
    await one.step("same")
    assert stand.sent[0][0] == int(stand.clock.now() - LONGEST_SECONDS)
    assert not one.has_gap


async def test_a_record_that_cant_be_read_begins_now(stand: Stand) -> None:
    stand.record.parent.mkdir()
    for text in ("", "{", "[]", '{"complete_until": "soon"}', '{"complete_until": null}', '{"complete_until": NaN}'):
        stand.record.write_text(text)
        assert (await stand.replayer()).complete_until == stand.clock.now()


async def test_a_store_that_is_not_wanted_is_left_alone_and_caught_up_when_it_is(stand: Stand) -> None:
    one = await stand.replayer()
    one.target(PROMETHEUS, "")
    assert not one.is_wanted
    stand.clock.step(OUTAGE)
    await one.step("same")
    assert stand.sent == []
    one.target(PROMETHEUS, STORE)
    assert one.has_gap
    await one.step("same")
    assert stand.sent
    assert not one.has_gap


async def test_another_address_opens_a_gap(stand: Stand) -> None:
    one = await stand.replayer()
    await one.step("same")
    one.target(PROMETHEUS, STORE)
    assert not one.has_gap
    one.target(PROMETHEUS, "http://127.0.0.1:1")
    assert one.has_gap


async def test_it_looks_again_and_again(stand: Stand) -> None:
    one = await stand.replayer()
    asked: list[float] = []

    def generation() -> object:
        asked.append(stand.clock.now())
        if len(asked) > 3:
            raise KeyError
        return "same"

    async def let_time_pass() -> None:
        while True:
            await stand.clock.advance(INTERVAL_SECONDS)
            await asyncio.sleep(0)

    passing = asyncio.create_task(let_time_pass())
    with pytest.raises(KeyError):
        await one.run(generation)
    passing.cancel()
    assert all(later - earlier >= INTERVAL_SECONDS for earlier, later in itertools.pairwise(asked))
