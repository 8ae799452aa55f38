"""A service with as many connections as it takes still says whether it works."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from hune.core.clock import SystemClock
from hune.http import bounded
from hune.http.call import open_session
from hune.http.serve import HttpService, create_app
from hune.stack.checkup import Checkup
from hune.stack.health import check_own
from support.ports import free_port


async def healthy() -> Mapping[str, Any]:
    return {"healthy": True, "detail": "fine"}


async def test_crowd_is_no_death(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "MOST_CONNECTIONS", 20)
    # However busy the machine, nobody is sent away for being slow.
    monkeypatch.setattr(bounded, "ARRIVAL_SECONDS", 90.0)
    monkeypatch.setattr(bounded, "RESERVE_SECONDS", 90.0)
    port = free_port()
    app = create_app(routes=[], registry=CollectorRegistry(), health=healthy)
    ready = asyncio.Event()
    serving = asyncio.create_task(HttpService("crowded", app, host="127.0.0.1", port=port).run(ready))
    await asyncio.wait_for(ready.wait(), 90)
    try:
        with ExitStack() as crowd:
            for _ in range(20):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                crowd.callback(writer.close)
            async with open_session() as session:
                url = f"http://127.0.0.1:{port}"
                for _ in range(10):
                    assert await check_own(Checkup(session, url, SystemClock(), timeout_seconds=90.0)) == "fine"
                with pytest.raises(aiohttp.ClientError):
                    await session.get(f"{url}/metrics")
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
