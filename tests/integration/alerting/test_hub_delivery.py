"""Every accepted alert reaches people, whatever the receiver answers, and none of them twice."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from pathlib import Path

import aiohttp
import pytest

from hune.alerting.hub.deliver import SINGLE_LIMIT
from hune.alerting.state.episode import Incoming
from support.alerts import make_alert, payload
from support.discord_server import TOKEN, DiscordServer, Fault
from support.hub_process import HubProcess
from support.prometheus_server import PrometheusServer

SINCE = round(time.time()) - 200.0


def hot(node: str, number: int = 0) -> Incoming:
    """Return an alert of somebody else's rules: Prometheus is not asked about it."""
    return make_alert(name="Hot", node=node, starts_at=SINCE + number)


def cool(node: str, number: int = 0) -> Incoming:
    return make_alert(name="Hot", node=node, firing=False, starts_at=SINCE + number, ends_at=SINCE + 192)


async def messages(hub: HubProcess, discord: DiscordServer) -> list[list[str]]:
    """Return the nodes that each message told: by itself, or by the list behind a digest's link."""
    found = []
    for message in discord.posts:
        digest = re.search(r"/alerts\?digest=(\d+)", message.text)
        if digest:
            listed = await hub.get(f"/digests/{digest[1]}")
            found.append([alert["labels"]["node"] for alert in listed["alerts"]])
        else:
            found.append(re.findall(r"\bn\d{3}\b", message.payload["content"]))
    return found


async def told(hub: HubProcess, discord: DiscordServer) -> Counter[str]:
    """Return how often people were told of each node."""
    return Counter(node for nodes in await messages(hub, discord) for node in nodes)


async def all_told(hub: HubProcess, discord: DiscordServer, nodes: list[str]) -> Counter[str]:
    """Wait until nothing is pending and return how often each node was told."""

    async def done() -> bool:
        return (await hub.receiver("discord"))["pending"] == 0 and len(await told(hub, discord)) >= len(nodes)

    await hub.until(done, "everything is delivered")
    return await told(hub, discord)


NODES = [f"n{number:03}" for number in range(300)]


async def test_300_alerts_in_one_group_arrive_once_each(hub: HubProcess, discord: DiscordServer) -> None:
    await hub.notify(*(hot(node) for node in NODES))
    assert await all_told(hub, discord, NODES) == Counter(NODES)
    assert discord.refused == []
    assert len(discord.posts) == 1
    assert "300 firing" in discord.posts[0].payload["content"]


async def test_300_notifications_at_once_arrive_once_each(hub: HubProcess, discord: DiscordServer) -> None:
    # What comes while one message is under way waits for the next, and goes out as one.
    discord.hold()
    await asyncio.gather(*(hub.notify(hot(node)) for node in NODES))
    discord.release()
    assert await all_told(hub, discord, NODES) == Counter(NODES)
    assert discord.refused == []
    assert len(discord.posts) <= 1 + SINGLE_LIMIT


async def test_one_alert_is_one_message_then_an_edit_and_a_reply(hub: HubProcess, discord: DiscordServer) -> None:
    await hub.notify(hot("pve-02"))
    await discord.wait(lambda server: len(server.accepted) == 1)
    await hub.notify(cool("pve-02"))
    await discord.wait(lambda server: len(server.accepted) == 3)
    first, edit, reply = discord.accepted
    assert [first.method, edit.method, reply.method] == ["POST", "PATCH", "POST"]
    assert edit.id == first.id
    assert "PVE-02" in first.text.upper()
    assert "RESOLVED" in edit.text
    assert reply.payload["content"].startswith("✅ **RESOLVED** pve-02: ")
    assert "3 min 12 s" in reply.payload["content"]

    async def marked() -> bool:
        [alert] = await hub.alerts()
        rows = [(row["receiver"], row["state"], row["told"]) for row in alert["deliveries"]]
        return alert["state"] == "resolved" and rows == [("discord", "sent", "resolved")]

    await hub.until(marked, "shown as resolved, and told")


async def test_429_is_obeyed_and_nothing_is_lost_or_told_twice(hub: HubProcess, discord: DiscordServer) -> None:
    discord.fail(Fault("status", status=429, retry_after=0.8, times=2))
    nodes = NODES[:3]
    await hub.notify(*(hot(node) for node in nodes))
    assert await all_told(hub, discord, nodes) == Counter(nodes)
    # Refused twice: the second and the third request come no sooner than asked.
    first, second, third, *_ = discord.request_times
    assert second - first >= 0.8
    assert third - second >= 0.8
    assert (await hub.get("/health"))["healthy"]


async def test_limit_that_the_answers_announce_is_never_run_into(hub: HubProcess, discord: DiscordServer) -> None:
    discord.rate_limit = (2, 1.0)
    for node in NODES[:5]:
        await hub.notify(hot(node))
    assert await all_told(hub, discord, NODES[:5]) == Counter(NODES[:5])
    assert discord.over_limit == 0


@pytest.mark.parametrize(
    ("fault", "request_seconds"),
    [
        pytest.param(Fault("status", status=500, times=3), 60.0, id="status"),
        pytest.param(Fault("hang_up", times=2), 60.0, id="hang_up"),
        pytest.param(Fault("silent", times=1), 5.0, id="silent"),
    ],
)
async def test_passing_fault_is_survived(hub: HubProcess, discord: DiscordServer, fault: Fault) -> None:
    discord.fail(Fault(fault.kind, fault.status, fault.retry_after, fault.times))
    await hub.notify(*(hot(node) for node in NODES[:3]))
    assert await all_told(hub, discord, NODES[:3]) == Counter(NODES[:3])


async def test_answer_that_is_no_json_still_counts_as_accepted(hub: HubProcess, discord: DiscordServer) -> None:
    discord.fail(Fault("garbage"))
    await hub.notify(hot("n001"))
    await discord.wait(lambda server: len(server.accepted) == 1)
    await hub.notify(cool("n001"))
    # Without an id there is nothing to edit; the word that it is over comes all the same.
    await discord.wait(lambda server: len(server.accepted) == 2)
    assert [accepted.method for accepted in discord.accepted] == ["POST", "POST"]


async def test_deleted_message_is_replaced_by_the_reply(hub: HubProcess, discord: DiscordServer) -> None:
    await hub.notify(hot("n001"))
    await discord.wait(lambda server: len(server.accepted) == 1)
    discord.fail(Fault("lose"))
    await hub.notify(cool("n001"))
    await discord.wait(lambda server: len(server.accepted) == 2)
    assert "RESOLVED" in discord.accepted[1].payload["content"]


async def test_dead_receiver_delays_no_other_and_gets_the_state_as_a_digest_when_it_is_back(
    hub: HubProcess, discord: DiscordServer, other_discord: DiscordServer
) -> None:
    await discord.stop()
    for node in ("n001", "n002", "n003"):
        await hub.notify(hot(node))
        await hub.notify(hot(node), receiver="other")
    await other_discord.wait(lambda server: len(server.accepted) == 3)
    await hub.notify(cool("n001"))
    await hub.notify(cool("n001"), receiver="other")
    await other_discord.wait(lambda server: len(server.accepted) == 5)

    async def says_so() -> bool:
        report: dict[str, object] = await hub.get("/health")
        return "discord: connection refused (3 alerts wait)" in str(report["detail"]) and not report["healthy"]

    await hub.until(says_so, "health names the dead receiver")
    await discord.start()
    await discord.wait(lambda server: len(server.accepted) == 1)
    [digest] = discord.accepted
    assert "2 firing · 1 came and went" in digest.payload["content"]
    assert await all_told(hub, discord, NODES[1:4]) == Counter(NODES[1:4])
    await hub.until(lambda: _healthy(hub), "healthy again")


async def _healthy(hub: HubProcess) -> bool:
    return bool((await hub.get("/health"))["healthy"])


@pytest.mark.parametrize("kind", ["deleted", "redirect"])
async def test_webhook_that_is_gone_is_named_and_its_alerts_are_kept(
    hub: HubProcess, discord: DiscordServer, kind: str
) -> None:
    discord.fail(Fault(kind))
    await hub.notify(*(hot(node) for node in NODES[:2]))

    async def broken() -> bool:
        return bool((await hub.receiver("discord"))["state"] == "broken")

    await hub.until(broken, "the receiver is called broken")
    report = await hub.get("/health")
    assert not report["healthy"]
    assert "the webhook is gone or not permitted" in report["detail"]

    async def kept() -> bool:
        return [row["state"] for alert in await hub.alerts() for row in alert["deliveries"]] == ["dead", "dead"]

    await hub.until(kept, "both are kept")
    discord.fail(None)
    assert await all_told(hub, discord, NODES[:2]) == Counter(NODES[:2])


async def test_kill_between_send_and_mark_repeats_that_message_and_no_other(
    hub: HubProcess, discord: DiscordServer
) -> None:
    await hub.notify(hot("n001"))
    await discord.wait(lambda server: len(server.accepted) == 1)
    discord.fail(Fault("withhold", times=1))
    await hub.notify(hot("n002"))
    await discord.wait(lambda server: len(server.accepted) == 2)
    await hub.notify(hot("n003"))
    await hub.kill()
    await hub.start()
    assert await all_told(hub, discord, NODES[1:4]) == Counter({"n001": 1, "n002": 2, "n003": 1})
    assert "may be told twice" in hub.log()


async def test_kills_at_any_moment_lose_nothing_that_was_accepted(hub: HubProcess, discord: DiscordServer) -> None:
    accepted: list[str] = []
    moments = {count: asyncio.Event() for count in (8, 20, 33, 47)}

    async def send_all() -> None:
        for number, node in enumerate(NODES[:60]):
            while True:
                try:
                    status = await hub.post(payload([hot(node, number)]))
                except aiohttp.ClientError:
                    await asyncio.sleep(0.02)
                    continue
                assert status == 200
                accepted.append(node)
                if moment := moments.get(len(accepted)):
                    moment.set()
                break

    async def kill_often() -> None:
        for moment in moments.values():
            await moment.wait()
            await hub.kill()
            await hub.start()

    async with asyncio.TaskGroup() as group:
        group.create_task(send_all())
        group.create_task(kill_often())
    assert set(await all_told(hub, discord, NODES[:60])) == set(NODES[:60])
    # A kill can repeat only what was being sent at that moment: one message.
    before, repeated = set[str](), 0
    for nodes in await messages(hub, discord):
        repeated += not before.isdisjoint(nodes)
        before.update(nodes)
    assert repeated <= len(moments)


async def test_orderly_end_finishes_the_message_under_way(hub: HubProcess, discord: DiscordServer) -> None:
    await hub.notify(*(hot(node) for node in NODES[:3]))
    await discord.wait(lambda server: len(server.accepted) >= 1)
    await hub.stop()
    await hub.start()
    assert await all_told(hub, discord, NODES[:3]) == Counter(NODES[:3])


async def test_the_secret_appears_nowhere(hub: HubProcess, discord: DiscordServer, tmp_path: Path) -> None:
    for fault in (Fault("status", 500), Fault("deleted"), Fault("hang_up"), Fault("silent")):
        seen = discord.requests
        discord.fail(fault)
        await hub.notify(hot(f"n{fault.status + len(fault.kind)}"))
        await discord.wait(lambda server, seen=seen: server.requests > seen)  # type: ignore[misc]
    await discord.stop()
    await hub.notify(hot("n999"))
    shown = [str(await hub.get(path)) for path in ("/health", "/alerts")]
    async with hub.session.get(f"{hub.url}/metrics") as response:
        shown.append(await response.text())
    await hub.stop()
    assert all(TOKEN not in text for text in [*shown, hub.log()])
    assert _files_with(TOKEN, tmp_path) == []


def _files_with(text: str, root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


async def test_flood_of_an_hour_stays_bounded(
    hub: HubProcess, discord: DiscordServer, prometheus: PrometheusServer
) -> None:
    """A receiver that is away while thousands of alerts come and go."""
    await discord.stop()
    nodes = [f"n{number:03}" for number in range(900)]
    for first in range(0, 900, 300):
        await hub.notify(*(hot(node, 1) for node in nodes[first : first + 300]))
        await hub.notify(*(cool(node, 1) for node in nodes[first : first + 300]))
    # A message leased before the last of them went may be under way: it fails, and the next tells how things stand.
    discord.fail(Fault("status", 500))
    await discord.start()
    tried = discord.requests
    await discord.wait(lambda server: server.requests >= tried + 2)
    discord.fail(None)
    assert await all_told(hub, discord, nodes) == Counter(nodes)
    assert len(discord.posts) == 1
    assert "900 came and went" in discord.posts[0].payload["content"]
