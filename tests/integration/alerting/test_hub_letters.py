"""Dead letters are kept, shown and sent again, and tests are real messages: by the command, against a running hub."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from typing import Any

from starlette.requests import Request

from hune.alerting.doors.access import is_from_here
from hune.alerting.state.episode import Incoming
from support.alerts import make_alert
from support.discord_server import DiscordServer, Fault
from support.hub_process import SRC, HubProcess

SINCE = round(time.time()) - 200.0


def hot(node: str, *, firing: bool = True) -> Incoming:
    """Return an alert of somebody else's rules: Prometheus is not asked about it."""
    return make_alert(name="Hot", node=node, firing=firing, starts_at=SINCE, ends_at=None if firing else SINCE + 9)


async def hune(hub: HubProcess, *arguments: str) -> tuple[int, Any]:
    """Return how `hune alert` ended, and its JSON."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hune", "alert", *arguments, "--json", "--data-dir", str(hub.layout.root)),
        env={**os.environ, "PYTHONPATH": str(SRC)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, json.loads(out) if out else err.decode()


async def turn(hub: HubProcess, **wanted: Any) -> Any:
    async with hub.session.post(hub.url + "/dead", json=wanted) as response:
        return await response.json(content_type=None)


async def is_refused(hub: HubProcess, count: int) -> None:
    async def counted() -> bool:
        return bool((await hub.receiver("discord"))["letters"] == count)

    await hub.until(counted, f"{count} dead letters")


async def test_refused_messages_are_kept_shown_and_sent_again(hub: HubProcess, discord: DiscordServer) -> None:
    discord.fail(Fault("refuse"))
    await hub.notify(hot("n001"))
    await hub.notify(hot("n002"))
    await is_refused(hub, 2)
    # The rich message, and then the bare text of each.
    assert discord.requests == 4
    report = await hub.get("/health")
    assert not report["healthy"]
    assert "discord: refused 2 messages; see hune alert dead" in report["detail"]

    code, listed = await hune(hub, "dead")
    assert code == 0
    rows = [(row["receiver"], row["node"], row["refuses"], row["problem"]) for row in listed["dead"]]
    assert rows == [("discord", node, "this message", "answered 400") for node in ("n001", "n002")]

    assert await hune(hub, "resend", "999") == (2, {"action": "resend", "count": 0})
    discord.fail(None)
    assert await turn(hub, action="discard", ids=[listed["dead"][0]["id"]]) == {"action": "discard", "count": 1}
    assert await hune(hub, "resend") == (0, {"action": "resend", "count": 1})
    await discord.wait(lambda server: len(server.accepted) == 1)
    assert "n002" in discord.accepted[0].text
    assert (await hub.get("/dead"))["dead"] == []

    async def healthy() -> bool:
        return bool((await hub.get("/health"))["healthy"])

    await hub.until(healthy, "healthy again")
    told = await turn(hub, action="resend", receiver="nobody")
    assert "receiver: no such receiver; there are: discord, other, console" in told["detail"]


async def test_end_of_a_refused_alert_is_told_and_a_start_tries_again(hub: HubProcess, discord: DiscordServer) -> None:
    discord.fail(Fault("refuse"))
    await hub.notify(hot("n001"))
    await hub.notify(hot("n002"))
    await is_refused(hub, 2)
    discord.fail(None)
    await hub.notify(hot("n001", firing=False))
    await discord.wait(lambda server: len(server.accepted) == 1)
    assert "CAME AND WENT" in discord.accepted[0].text
    await hub.stop()
    await hub.start()
    await discord.wait(lambda server: len(server.accepted) == 2)
    assert "n002" in discord.accepted[1].text


async def test_test_message_goes_out_at_once_and_says_what_came_of_it(
    hub: HubProcess, discord: DiscordServer, other_discord: DiscordServer
) -> None:
    other_discord.fail(Fault("deleted"))
    code, rows = await hune(hub, "test")
    states = {row["receiver"]: (row["state"], row["detail"]) for row in rows}
    assert code == 1
    assert states["discord"] == states["console"] == ("sent", "")
    assert states["other"] == ("dead", "answered 404: the webhook is gone or not permitted")
    assert "messages of Hune reach this receiver" in discord.accepted[0].text
    # It is mended: nobody waits until the next try is due.
    other_discord.fail(None)
    async with hub.session.post(hub.url + "/test", json={"receiver": "other"}) as response:
        assert response.status == 200
    await other_discord.wait(lambda server: len(server.accepted) >= 1)


async def test_page_of_another_site_cannot_send_or_discard(hub: HubProcess) -> None:
    for path in ("/dead", "/test"):
        for headers in ({"Content-Type": "text/plain"}, {}):
            async with hub.session.post(hub.url + path, data=b'{"action":"discard"}', headers=headers) as response:
                assert response.status == 415
    for body in (b"[]", b"{", b'{"action":"burn"}', b'{"action":"resend","ids":["x"]}'):
        async with hub.session.post(
            hub.url + "/dead", data=body, headers={"Content-Type": "application/json"}
        ) as response:
            assert response.status == 400


def test_only_this_machine_is_from_here() -> None:
    def asked(client: str | None, server: str = "192.0.2.5") -> bool:
        scope: dict[str, Any] = {
            "type": "http",
            "headers": [],
            "server": (server, 9094),
            "client": client and (client, 40000),
        }
        return is_from_here(Request(scope))

    assert asked("127.0.0.1")
    assert asked("::1")
    assert asked("192.0.2.5")
    assert not asked("192.0.2.6")
    assert not asked("2001:db8::1")
    assert not asked(None)
