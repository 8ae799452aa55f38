"""What works is judged of the processes that run, never of those before."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import pytest

from hune.core.clock import SystemClock
from hune.stack import monitor
from hune.stack.checkup import Checkup
from hune.stack.child import Child, State
from hune.stack.model import Watched
from support.stepped_clock import SteppedClock


async def test_process_that_was_started_again_is_not_what_was_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fine(*_: Any) -> tuple[bool, str]:
        return True, "fine"

    async def tell(text: str) -> None:
        raise AssertionError(text)

    monkeypatch.setattr(monitor, "judge", fine)
    child = SimpleNamespace(state=State.READY, pid=7, detail="")
    watched = Watched("prometheus", "prometheus", "http://127.0.0.1:9", "127.0.0.1:9", "prometheus")
    async with aiohttp.ClientSession() as session:
        watching = monitor.Monitor(session, SystemClock(), tell)
        watching.watch([watched], {"prometheus": cast("Child", child)})
        await watching.judge_all()
        assert watching.is_healthy()
        child.state, child.pid = State.STARTING, 8
        assert not watching.is_healthy()
        await watching.judge_all()
        assert [row["healthy"] for row in watching.report()["services"]] == [False]
        child.state = State.READY
        await watching.judge_all()
        assert watching.is_healthy()


@pytest.mark.parametrize(
    ("chain", "told"),
    [
        ([{"state": "silent"}], []),
        ([{"state": "broken"}], []),
        ([{"state": "unheard"}], ["prometheus does not work since 31 s: dead. Alerts may not reach you."]),
        ([None], ["prometheus does not work since 31 s: dead. Alerts may not reach you."]),
        ([{"state": "working"}], []),
        ([{"state": "working"}, {"state": "broken"}], []),
        ([{"state": "working"}] * 2, ["prometheus does not work since 91 s: dead. Alerts may not reach you."]),
    ],
)
async def test_what_the_hub_tells_is_left_to_it(
    monkeypatch: pytest.MonkeyPatch, chain: list[dict[str, str] | None], told: list[str]
) -> None:
    said: list[str] = []

    async def judged(*_: Any) -> tuple[bool, str]:
        return False, "dead"

    async def health(*_: Any, **__: Any) -> str:
        return json.dumps({"chain": chain[0] if clock.monotonic() < 1080.0 else chain[-1]})

    async def tell(text: str) -> None:
        said.append(text)

    monkeypatch.setattr(monitor, "judge", judged)
    monkeypatch.setattr(Checkup, "get", health)
    clock = SteppedClock()
    watched = [Watched(name, "own", "http://127.0.0.1:9", "127.0.0.1:9") for name in ("prometheus", "hub")]
    async with aiohttp.ClientSession() as session:
        watching = monitor.Monitor(session, clock, tell)
        watching.watch(watched, {})
        for seconds in (0.0, 31.0, 60.0)[: len(chain) + 1]:
            clock.step(seconds)
            await watching.judge_all()
            await watching._act()
    assert [text for text in said if text.startswith("prometheus")] == told


async def test_one_of_a_pair_is_left_to_what_comes_through_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    async def judged(_: Any, checkup: Checkup) -> tuple[bool, str]:
        return checkup.url in alive, "as it is"

    async def tell(text: str) -> None:
        said.append(text)

    monkeypatch.setattr(monitor, "judge", judged)
    clock, alive = SteppedClock(), {"http://127.0.0.1:2"}
    watched = [
        Watched("alertmanager", "alertmanager", "http://127.0.0.1:1", "127.0.0.1:1"),
        Watched("alertmanager 192.0.2.2:9093", "alertmanager", "http://127.0.0.1:2", "192.0.2.2:9093"),
    ]
    async with aiohttp.ClientSession() as session:
        watching = monitor.Monitor(session, clock, tell)
        watching.watch(watched, {})
        for _ in range(9):
            await watching.judge_all()
            await watching._act()
            clock.step(31.0)
        assert said == []
        alive.clear()
        for _ in range(3):
            await watching.judge_all()
            await watching._act()
            clock.step(31.0)
    assert [text.partition(" does")[0] for text in said] == ["alertmanager", "alertmanager 192.0.2.2:9093"]


@pytest.mark.parametrize(("answer", "killed"), [("connection reset by peer", []), ("does not answer", ["hub"])])
async def test_service_that_hangs_up_lives_and_one_that_says_nothing_does_not(
    monkeypatch: pytest.MonkeyPatch, answer: str, killed: list[str]
) -> None:
    ended: list[str] = []

    async def judged(*_: Any) -> tuple[bool, str]:
        return False, answer

    async def tell(_: str) -> None: ...

    monkeypatch.setattr(monitor, "judge", judged)
    clock = SteppedClock()
    child = SimpleNamespace(state=State.READY, pid=7, detail="", kill=lambda _reason: ended.append("hub"))
    watched = Watched("hub", "own", "http://127.0.0.1:9", "127.0.0.1:9", "services")
    async with aiohttp.ClientSession() as session:
        watching = monitor.Monitor(session, clock, tell)
        watching.watch([watched], {"services": cast("Child", child)})
        for _ in range(3):
            await watching.judge_all()
            await watching._act()
            clock.step(31.0)
    assert ended == killed
