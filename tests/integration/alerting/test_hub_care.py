"""Looking after alerts: by a message's link, by a page, by the command; and who is called if nobody does."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
import stat
import time
from typing import Any

import pytest
from typer.testing import CliRunner

from hune.alerting.doors import keys
from hune.alerting.state.episode import Incoming
from hune.cli.app import build
from hune.core.errors import HuneError
from hune.site.models import Site
from support.alerts import make_alert
from support.discord_server import DiscordServer
from support.hub_process import HubProcess

SINCE = round(time.time()) - 200.0
PAGE = {"X-Hune-Page": "1"}


@pytest.fixture
def attend() -> float:
    """Return how often the hub looks whether somebody looks after what fires."""
    return 0.1


@pytest.fixture
def timing(timing: dict[str, float], attend: float) -> dict[str, float]:
    return {**timing, "attend": attend}


@pytest.fixture
def site(site: Site) -> Site:
    """Return the site; of node n9 another receiver is called when nobody has looked after an alert for a second."""
    document = site.model_dump(mode="json")
    document["routes"] += [
        {
            "match": {"node": "n9"},
            "receivers": ["discord"],
            "escalate": [{"after": "1s", "receivers": ["other", "discord"]}],
        }
    ]
    return Site.model_validate(document)


def hot(node: str = "n1", *, firing: bool = True, severity: str = "critical") -> Incoming:
    """Return an alert of somebody else's rules: Prometheus is not asked about it."""
    ended = None if firing else SINCE + 9
    return make_alert(name="Hot", node=node, firing=firing, starts_at=SINCE, ends_at=ended, severity=severity)


def link_in(message: Any) -> tuple[int, str]:
    """Return number and key of the alert that a message links to."""
    found = re.search(r"/alerts/(\d+)\?key=([\w.-]+)", json.dumps(message.payload))
    assert found is not None
    return int(found[1]), found[2]


async def post(hub: HubProcess, path: str, document: Any, **headers: str) -> tuple[int, Any]:
    given = {name.replace("_", "-"): text for name, text in headers.items()}
    async with hub.session.post(hub.url + path, json=document, headers=given) as response:
        return response.status, await response.json(content_type=None)


async def hune(hub: HubProcess, *arguments: str, plain: bool = False) -> tuple[int, Any]:
    """Return how `hune alert` ended, and its JSON, or its text."""
    given = ["alert", *arguments, *(() if plain else ("--json",)), "--data-dir", str(hub.layout.root)]
    environ = {"COLUMNS": "200", "LOGNAME": "anna"}
    result = await asyncio.to_thread(CliRunner().invoke, build(), given, env=environ)
    if isinstance(result.exception, HuneError):
        return result.exception.exit_code, str(result.exception)
    return result.exit_code, result.stdout if plain else json.loads(result.stdout)


async def test_link_of_a_message_lets_its_reader_look_after_that_alert_alone(
    hub: HubProcess, discord: DiscordServer
) -> None:
    await hub.notify(hot("n1"))
    await hub.notify(hot("n2"))
    await discord.wait(lambda server: len(server.accepted) == 2)
    (number, key), (other, _) = map(link_in, discord.accepted[:2])
    bearer = {"Authorization": f"Bearer {key}", **PAGE}

    # Whoever only opens the link, as previews do, changes nothing.
    assert (await hub.get(f"/alerts/{number}?key={key}"))["care"] is None
    assert (await post(hub, f"/alerts/{number}/acknowledge", {"by": "eve"}, **PAGE))[0] == 401
    assert (await post(hub, f"/alerts/{other}/acknowledge", {"by": "eve"}, **bearer))[0] == 403
    assert (await post(hub, f"/alerts/{number}/acknowledge", {"by": 5}, **bearer))[0] == 400
    assert (await post(hub, "/dead", {"action": "resend"}, **bearer))[0] == 403

    status, answer = await post(hub, f"/alerts/{number}/acknowledge", {"by": "anna", "note": "on it"}, **bearer)
    assert (status, answer["care"]["by"]) == (200, "anna")
    await discord.wait(lambda server: server.accepted[-1].method == "PATCH")
    assert "anna: on it" in json.dumps(discord.accepted[-1].payload)
    alert = await hub.get(f"/alerts/{number}")
    assert (alert["care"]["state"], alert["care"]["by"]) == ("acknowledged", "anna")
    assert [(one["kind"], one["by"], one["receiver"]) for one in alert["events"]][-1] == (
        "acknowledged",
        "anna",
        "discord",
    )

    # Its end is told at once, as always; then it can't be looked after any more.
    await hub.notify(hot("n1", firing=False))
    await discord.wait(lambda server: any("RESOLVED" in one.text for one in server.accepted))
    assert (await post(hub, f"/alerts/{number}/release", {"by": "anna"}, **bearer))[0] == 409
    # The key itself is on no log.
    assert key not in hub.log()
    async with hub.session.get(hub.url + "/key", headers=bearer) as response:
        assert (await response.json())["alert"] == number


async def test_snooze_that_is_over_is_told_once_more(hub: HubProcess, discord: DiscordServer) -> None:
    await hub.notify(hot("n1"))
    await discord.wait(lambda server: len(server.accepted) == 1)
    number, key = link_in(discord.accepted[0])
    document = {"by": "anna", "seconds": 1}
    status, _ = await post(hub, f"/alerts/{number}/snooze", document, Authorization=f"Bearer {key}")
    assert status == 200
    await discord.wait(lambda server: any("the snooze is over" in one.text for one in server.accepted))
    assert (await hub.get(f"/alerts/{number}"))["care"] is None
    # Its own message shows how things stand; beside it there is one more.
    said = {(one.method, "the snooze is over" in one.text) for one in discord.accepted}
    assert said == {("POST", False), ("PATCH", False), ("POST", True)}


@pytest.mark.parametrize("attend", [600.0])
async def test_others_are_called_once_if_nobody_looks_after_it_also_by_a_hub_that_was_killed(
    hub: HubProcess, discord: DiscordServer, other_discord: DiscordServer
) -> None:
    await hub.notify(hot("n9"))
    await discord.wait(lambda server: len(server.accepted) == 1)
    number, _ = link_in(discord.accepted[0])

    async def told() -> bool:
        return bool({one["receiver"] for one in (await hub.get(f"/alerts/{number}"))["deliveries"] if one["told"]})

    await hub.until(told, "the book says so")
    # It dies before it has looked once.
    await hub.kill()
    hub.retime(attend=0.1)
    await hub.start()
    await other_discord.wait(lambda server: len(server.accepted) == 1)
    assert "nobody has looked after it for" in other_discord.accepted[0].text
    await discord.wait(lambda server: any("nobody has looked after it for" in one.text for one in server.accepted))

    async def done() -> bool:
        [step] = (await hub.get(f"/alerts/{number}"))["escalation"]
        return bool(step["receivers"] == ["discord", "other"] and step["done_at"] >= step["due_at"])

    await hub.until(done, "the step is done")
    await hub.all_marked()
    await hub.kill()
    await hub.start()
    await hub.notify(hot("n9", firing=False))
    await other_discord.wait(
        lambda server: any("RESOLVED" in one.text for one in server.accepted if one.method == "POST")
    )
    assert sum(one.method == "POST" for one in other_discord.accepted) == 2


async def test_command_shows_and_looks_after_alerts(hub: HubProcess, discord: DiscordServer) -> None:
    await hub.notify(hot("n1"))
    await hub.notify(hot("n2", severity="warning"))
    await discord.wait(lambda server: len(server.accepted) == 2)
    code, listed = await hune(hub, "list")
    assert code == 0
    first, second = sorted(row["id"] for row in listed["alerts"])
    assert (await hune(hub, "ack", str(first), str(second), "--note", "on it"))[1][1]["care"]["by"] == "anna"
    _, text = await hune(hub, "list", plain=True)
    assert "anna" in text
    assert "▲ warning" in text
    assert (await hune(hub, "snooze", str(first), "2h", "--by", "bob"))[1][0]["care"]["state"] == "snoozed"
    code, error = await hune(hub, "snooze", str(first), "soon")
    assert (code, error) == (2, "'soon': not a duration; write a number and s, m, h, d or w: 2h")
    assert (await hune(hub, "release", str(first)))[1] == [{"id": first, "care": None, "released": True}]
    _, text = await hune(hub, "show", str(first), plain=True)
    assert re.search(r"care_ended +– +anna +reason=released", text)
    # One that is refused holds up none of the others.
    assert await hune(hub, "ack", "999", str(first), plain=True) == (2, "alert 999: unknown, or too long ago")

    _, exported = await hune(hub, "history", "--csv", "--node", "n1", plain=True)
    rows = list(csv.DictReader(io.StringIO(exported)))
    assert [row["event"] for row in rows] == [
        *("opened", "told", "acknowledged", "snoozed", "care_ended", "acknowledged"),
    ]
    code, lines = await hune(hub, "history", "--since", "1h", "--json", plain=True)
    assert [json.loads(line)["id"] for line in lines.splitlines()] == [second, first]

    code, signing = await hune(hub, "link")
    operator = signing["url"].partition("/sign-in?key=")[2]
    status, _ = await post(hub, f"/alerts/{second}/release", {"by": "x"}, Authorization=f"Bearer {operator}", **PAGE)
    assert status == 200
    assert stat.S_IMODE(keys.path(hub.layout).stat().st_mode) == 0o600
