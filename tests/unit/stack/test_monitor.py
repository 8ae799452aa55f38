"""What works is judged of the processes that run, never of those before."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import pytest

from hune.core.clock import SystemClock
from hune.stack import monitor
from hune.stack.child import Child, State
from hune.stack.model import Watched


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
