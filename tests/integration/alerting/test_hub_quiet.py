"""What people do so that nobody is told: silences and maintenance, by HTTP and by `hune alert`."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

import pytest

from hune.alerting.doors import keys
from hune.promapi.alertmanager import SilenceMatcher
from support.alerts import make_alert
from support.discord_server import DiscordServer
from support.hub_process import SRC, HubProcess
from support.prometheus_server import PrometheusServer

SINCE = round(time.time()) - 200.0
HOT = make_alert(site="home", starts_at=SINCE)
OTHER = make_alert(node="pve-01", site="home", starts_at=SINCE)


@pytest.fixture
def timing(timing: dict[str, float]) -> dict[str, float]:
    """Return how long the hub waits for what; nothing here is in doubt, however late Prometheus answers."""
    return {**timing, "doubt": 300.0}


async def call(
    hub: HubProcess, method: str, path: str, document: Mapping[str, Any] | None, headers: Mapping[str, str]
) -> tuple[int, Any]:
    async with hub.session.request(method, hub.url + path, json=document, headers=headers) as response:
        return response.status, await response.json()


async def command(hub: HubProcess, *arguments: str) -> tuple[int, Any, str]:
    """Return how `hune alert` ended, its JSON, and what it said of errors."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hune", "alert", *arguments, "--json", "--data-dir", str(hub.layout.root)),
        env={**os.environ, "PYTHONPATH": str(SRC)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode or 0, json.loads(out) if out else None, err.decode()


async def is_told(discord: DiscordServer, *nodes: str) -> None:
    """Wait until Discord was told of so many alerts, in this order."""
    await discord.wait(lambda server: len(server.posts) == len(nodes))
    assert all(node in post.text for node, post in zip(nodes, discord.posts, strict=True))


async def test_alert_is_silenced_and_unsilenced_by_command(
    hub: HubProcess, discord: DiscordServer, prometheus: PrometheusServer
) -> None:
    reason = ("--for", "2h", "--reason", "new fan", "--by", "Ada")
    code, made, _ = await command(hub, "silence", "pve-02", 'severity=~"crit.*"', *reason)
    assert code == 0
    [silence] = prometheus.silences
    assert silence.matchers == (SilenceMatcher("node", "pve-02"), SilenceMatcher("severity", "crit.*", is_regex=True))
    assert (silence.by, silence.reason, round(silence.ends_at - silence.starts_at)) == ("Ada", "new fan", 7200)
    prometheus.firing = prometheus.active = [HOT]

    async def held() -> bool:
        listed = await hub.get("/silences")
        return [row["alerts"] for row in listed["silences"]] == [[1]]

    await hub.until(held, "the alert is held")
    listed = await hub.get("/silences")
    assert [(row["id"], row["state"], row["by"], row["reason"]) for row in listed["silences"]] == [
        (made["id"], "active", "Ada", "new fan")
    ]
    assert discord.requests == 0
    assert (await command(hub, "unsilence", made["id"]))[0] == 0
    await is_told(discord, "pve-02")


async def test_maintenance_is_declared_listed_and_ended(
    hub: HubProcess, discord: DiscordServer, prometheus: PrometheusServer
) -> None:
    given = ("--node", "pve-02", "--for", "2h", "--reason", "new fan", "--by", "Ada")
    code, made, _ = await command(hub, "maintenance", "add", *given)
    assert code == 0
    prometheus.firing = [HOT, OTHER]
    await hub.notify(HOT, OTHER)
    await is_told(discord, "pve-01")

    async def marked() -> bool:
        return [[row["state"] for row in alert["deliveries"]] for alert in await hub.alerts()] == [["held"], ["sent"]]

    assert [[hold["by"] for hold in alert["holds"]] for alert in await hub.alerts()] == [["Ada"], []]
    await hub.until(marked, "it is noted as told")
    # What was declared outlives the hub.
    await hub.kill()
    await hub.start()
    listed = await hub.get("/maintenance")
    assert [(row["id"], row["active"], row["scope"]["nodes"]) for row in listed["maintenance"]] == [
        (made["id"], True, ["pve-02"])
    ]
    prometheus.firing, prometheus.clear = [OTHER], {"pve-02"}

    async def over() -> bool:
        return await hub.states() == ["resolved", "firing"]

    await hub.until(over, "the end is measured")
    prometheus.firing, prometheus.clear = [again := make_alert(site="home", starts_at=time.time()), OTHER], set()
    await hub.notify(again)
    assert len(discord.posts) == 1
    assert (await command(hub, "maintenance", "end", made["id"]))[0] == 0
    # What came and went isn't told, what fires is.
    await is_told(discord, "pve-01", "pve-02")
    kinds = [event["kind"] for event in (await hub.get("/alerts/1"))["events"]]
    assert kinds == ["opened", "held", "resolved", "withheld", "released"]


async def test_who_may_do_what(hub: HubProcess, discord: DiscordServer, prometheus: PrometheusServer) -> None:
    prometheus.firing = [HOT, OTHER]
    await hub.notify(HOT, OTHER)
    await is_told(discord, "pve-02", "pve-01")
    ring = await asyncio.to_thread(keys.load, keys.path(hub.layout))
    link = {"Authorization": f"Bearer {ring.for_alert(1, 'discord', now=time.time())}", "X-Hune-Page": "1"}
    operator = {"Authorization": f"Bearer {ring.for_operator(now=time.time())}", "X-Hune-Page": "1"}
    nobody = {"X-Hune-Page": "1"}
    wish = {"seconds": 600, "reason": "known", "by": "Ada"}
    everything = [{"name": "site", "value": "home"}]
    scope = {"scope": {}, "ends": time.time() + 600, "reason": "known", "by": "Ada"}
    refused = [
        (401, nobody, "POST", "/silences", {**wish, "alert": 1}),
        (401, nobody, "DELETE", "/silences/silence-1", None),
        (401, nobody, "POST", "/maintenance", scope),
        (403, link, "POST", "/silences", {**wish, "alert": 2}),
        (403, link, "POST", "/silences", {**wish, "matchers": everything}),
        (400, link, "POST", "/silences", {**wish, "seconds": 8 * 86400}),
        (403, link, "POST", "/maintenance", scope),
        (403, link, "DELETE", "/maintenance/1", None),
        (403, link, "DELETE", "/silences/silence-1", None),
        (404, operator, "POST", "/silences", {**wish, "alert": 99}),
        (404, operator, "DELETE", "/silences/no-such", None),
        (404, operator, "DELETE", "/silences/%2e%2e", None),
        (400, operator, "POST", "/silences", {**wish, "alert": 2**70}),
        (404, operator, "DELETE", "/maintenance/1", None),
        (404, operator, "DELETE", "/maintenance/site-1", None),
        (400, operator, "POST", "/silences", {**wish, "matchers": [{"name": "a b", "value": ""}]}),
        (400, operator, "POST", "/silences", {"seconds": 600, "by": "Ada", "matchers": everything}),
        (400, operator, "POST", "/silences", {**wish, "matchers": everything, "seconds": True}),
        (400, operator, "POST", "/maintenance", {**scope, "scope": {"nodes": ["nowhere"]}}),
        (400, operator, "POST", "/maintenance", {**scope, "scope": None}),
        (400, operator, "POST", "/maintenance", {**scope, "ends": time.time() - 1}),
        (400, operator, "POST", "/maintenance", {**scope, "ends": 1e300}),
    ]
    for status, headers, method, path, document in refused:
        answered, answer = await call(hub, method, path, document, headers)
        assert answered == status, (method, path, document, answer)
    assert prometheus.silences == []
    status, made = await call(hub, "POST", "/silences", wish, link)
    assert (status, made["alerts"]) == (200, [1])
    assert (await call(hub, "POST", "/silences", wish, link))[0] == 409
    assert set(prometheus.silences[0].matchers) == {SilenceMatcher(*pair) for pair in HOT.labels.items()}
    status, made = await call(hub, "POST", "/maintenance", scope, operator)
    assert status == 200
    assert [len(alert["holds"]) for alert in await hub.alerts()] == [2, 1]
    assert (await call(hub, "DELETE", f"/maintenance/{made['id']}", None, operator))[0] == 200
    assert [len(alert["holds"]) for alert in await hub.alerts()] == [1, 0]
