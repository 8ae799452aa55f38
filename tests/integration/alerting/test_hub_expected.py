"""Those who must report to the hub: its doors, what it remembers, and two hubs that watch each other."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest_asyncio
from prometheus_client import CollectorRegistry

from hune.alerting.state.episode import Incoming
from hune.core.service import start
from hune.http.serve import HttpService, create_app
from hune.nester import heartbeats
from hune.nester.guard import Guard
from hune.site.models import Site
from support.hub_process import HubProcess, running_hub
from support.ports import free_port

KEY = "a-key-that-nobody-guesses"
SLOW = {"listen": 0.2}


def make_site(name: str, hub_port: int, **more: Any) -> Site:
    nowhere = {"url": f"http://127.0.0.1:{free_port()}"}
    return Site.model_validate(
        {
            "name": name,
            "engines": {"prometheus": nowhere, "alertmanager": nowhere},
            "services": {"hub": {"port": hub_port}, "nester": {"port": free_port()}},
            **more,
        }
    )


@pytest_asyncio.fixture
async def hub(tmp_path: Path) -> AsyncIterator[HubProcess]:
    expects = [{"name": "paris", "every": "60s", "key": "env:KEY"}, {"name": "weak", "key": "env:WEAK"}]
    site = make_site("home", free_port(), expects=expects)
    async with running_hub(tmp_path, site, environ={"KEY": KEY, "WEAK": "short"}, timing=SLOW) as process:
        yield process


async def knock(url: str, method: str = "GET", *, key: str = "", body: bytes = b"") -> int:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, headers=headers, data=body) as answer,
    ):
        await answer.read()
        return answer.status


async def paris(hub: HubProcess) -> dict[str, Any]:
    return next(one for one in (await hub.get("/health"))["expected"] if one["name"] == "paris")


async def test_a_door_opens_to_its_key_alone(hub: HubProcess) -> None:
    door = f"{hub.url}/heartbeats/paris"
    for url, key in (
        (door, ""),
        (door, "wrong"),
        (f"{door}/wrong", ""),
        (f"{door}/wrong/fail", ""),
        (f"{hub.url}/heartbeats/nobody/{KEY}", ""),
        (f"{hub.url}/heartbeats/nobody", KEY),
        # A key that is too short to be one opens nothing.
        (f"{hub.url}/heartbeats/weak/short", ""),
        (f"{door}/{KEY}/nonsense", ""),
    ):
        assert await knock(url, key=key) == 404, url
    assert (await paris(hub))["heard_at"] is None
    for method in ("GET", "POST", "HEAD"):
        assert await knock(door, method, key=KEY) == 200
        assert await knock(f"{door}/{KEY}", method) == 200
    assert (await paris(hub))["heard_at"]
    assert "expects weak" in (await hub.get("/health"))["detail"]
    assert KEY not in hub.log()


async def test_who_says_that_something_is_wrong_is_overdue_at_once_and_after_a_restart_too(hub: HubProcess) -> None:
    door = f"{hub.url}/heartbeats/paris/{KEY}"
    await knock(f"{door}/start")
    assert (await paris(hub))["heard_at"] is None
    await knock(door)
    assert await knock(f"{door}/fail", "POST", body=b"the disk\nis full \x1b[31m" + b"x" * 100_000) == 200
    said = await paris(hub)
    assert said["silence_seconds"] > said["limit_seconds"] == 120
    assert said["detail"].startswith("the disk is full [31mx")
    assert len(said["detail"]) < 500
    await knock(f"{door}/0")
    said = await paris(hub)
    assert said["silence_seconds"] < said["limit_seconds"]
    assert said["detail"] == ""
    await knock(f"{hub.url}/heartbeats/paris/7", key=KEY)
    assert (await paris(hub))["detail"] == "exit status 7"
    # Else it is written with the hub's own sign of life, every 15 s.
    await hub.stop()
    await hub.start()
    after = await paris(hub)
    assert after["silence_seconds"] >= 121


@contextlib.asynccontextmanager
async def nester(hub: str, names: list[str]) -> AsyncIterator[str]:
    async def health() -> dict[str, Any]:
        return {"healthy": True}

    port = free_port()
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        app = create_app(routes=heartbeats.routes(session, hub, names), registry=CollectorRegistry(), health=health)
        task = await start(group, HttpService("nester", Guard(app), host="127.0.0.1", port=port))
        yield f"http://127.0.0.1:{port}"
        task.cancel()


async def test_who_reaches_the_pages_alone_reports_through_them(hub: HubProcess) -> None:
    async with nester(hub.url, ["paris"]) as pages:
        assert await knock(f"{pages}/heartbeats/paris/{KEY}") == 200
        assert await knock(f"{pages}/heartbeats/paris", "POST", key=KEY) == 200
        assert (await paris(hub))["heard_at"]
        assert await knock(f"{pages}/heartbeats/paris/{KEY}/fail", "POST", body=b"trouble") == 200
        assert (await paris(hub))["detail"] == "trouble"
        for path in ("paris", "paris/wrong", "nobody/x", "paris/..%2f..%2falerts", "paris/%2e%2e/%2e%2e"):
            assert await knock(f"{pages}/heartbeats/{path}") == 404, path
        await hub.stop()
        assert await knock(f"{pages}/heartbeats/paris/{KEY}") == 503
    async with nester(hub.url, []) as pages:
        assert await knock(f"{pages}/heartbeats/paris/{KEY}") == 404


async def test_two_hubs_watch_each_other(tmp_path: Path) -> None:
    ports = {"paris": free_port(), "lyon": free_port()}
    other = {"paris": "lyon", "lyon": "paris"}
    async with contextlib.AsyncExitStack() as stack:
        hubs = {}
        for name, port in ports.items():
            site = make_site(
                name,
                port,
                heartbeat={"url": "env:URL", "every": "10s"},
                expects=[{"name": other[name], "every": "10s", "key": "env:KEY"}],
            )
            url = f"http://127.0.0.1:{ports[other[name]]}/heartbeats/{name}/{KEY}"
            (tmp_path / name).mkdir()
            hubs[name] = await stack.enter_async_context(
                running_hub(tmp_path / name, site, environ={"KEY": KEY, "URL": url}, timing=SLOW)
            )

        watchdog = {"alertname": "Watchdog", "severity": "none"}

        async def heard() -> bool:
            # As Alertmanager repeats it.
            for name, hub in hubs.items():
                await hub.notify(Incoming(True, {**watchdog, "site": name}, {}, 1.0), receiver="_chain")
            found = [(await hub.get("/health"))["expected"][0] for hub in hubs.values()]
            return all(one["heard_at"] is not None for one in found)

        await hubs["paris"].until(heard, "each hears the other")
        # The one whose chain is dead is as silent as one that is dead itself.
        await hubs["lyon"].kill()
        metrics = aiohttp.ClientSession()
        async with metrics, metrics.get(hubs["paris"].url + "/metrics") as answer:
            assert 'hune_hub_heartbeat_silence_seconds{heartbeat="lyon"}' in await answer.text()
