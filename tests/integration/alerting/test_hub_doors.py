"""The hub's doors: what is let in, what is refused and how, what is shown."""

from __future__ import annotations

import resource
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hune.site.models import Site
from support.alerts import make_alert, payload
from support.discord_server import DiscordServer
from support.hub_process import HubProcess, running_hub

MINIMAL = b'{"alerts":[{"status":"firing","labels":{"alertname":"TestAlert"}}]}'


async def test_minimal_payload_reaches_console_and_people(hub: HubProcess, discord: DiscordServer) -> None:
    assert await hub.post(MINIMAL) == 200
    await discord.wait(lambda server: len(server.accepted) == 1)
    assert "TestAlert" in discord.accepted[0].text

    async def printed() -> bool:
        return "🔔 ALERT TestAlert" in hub.log()

    await hub.until(printed, "printed")


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (MINIMAL, {"Content-Type": "application/json; charset=utf-8"}, 200),
        (MINIMAL, {"Content-Type": "text/plain"}, 415),
        (MINIMAL, {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        (MINIMAL, {"Host": "evil.example"}, 421),
        (b"{", {}, 400),
        (b'{"alerts":[{"labels":{"alertname":"A"}},{"labels":{}}]}', {}, 400),
        (b'{"alerts":[]}', {}, 200),
        (b" " * (17 << 20), {}, 413),
    ],
)
async def test_what_is_let_in(hub: HubProcess, body: bytes, headers: dict[str, str], status: int) -> None:
    assert await hub.post(body, **headers) == status
    if status != 200:
        assert await hub.alerts() == []


async def test_refusal_says_where_and_what(hub: HubProcess) -> None:
    body = b'{"alerts":[{"labels":{"alertname":"A"}},{"labels":{"node":"b"}}]}'
    async with hub.session.post(
        f"{hub.url}/webhook", data=body, headers={"Content-Type": "application/json"}
    ) as answer:
        assert answer.content_type == "application/problem+json"
        assert (await answer.json())["detail"].startswith("alerts[1].labels.alertname: missing")


async def test_large_body_without_a_length_is_refused_as_it_comes(hub: HubProcess) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * (1 << 20)

    async with hub.session.post(
        f"{hub.url}/webhook", data=endless(), headers={"Content-Type": "application/json"}
    ) as answer:
        assert answer.status == 413


async def test_only_posting_is_possible_at_the_webhook(hub: HubProcess) -> None:
    async with hub.session.get(f"{hub.url}/webhook") as answer:
        assert answer.status == 405


async def test_hostile_labels_are_stored_and_told(hub: HubProcess, discord: DiscordServer) -> None:
    hostile = make_alert(name="A", node="@everyone **x**\u202e\x00\ud83d", starts_at=None, evil="<@1>" * 25_000)
    assert await hub.post(payload([hostile])) == 200
    await discord.wait(lambda server: len(server.accepted) + len(server.refused) >= 1)
    assert discord.refused == []
    [alert] = await hub.alerts()
    assert alert["labels"]["evil"].startswith("<@1><@1>")


async def test_alert_of_an_unknown_receiver_follows_the_routes(hub: HubProcess, discord: DiscordServer) -> None:
    await hub.notify(make_alert(name="A", starts_at=None), receiver="somebody-else")
    await discord.wait(lambda server: len(server.accepted) == 1)


async def test_documents_that_make_no_sense_are_refused_in_a_line(hub: HubProcess) -> None:
    await hub.notify(make_alert(name="A", starts_at=1000.0))
    digits = "1" + "0" * 400
    said = '"by":"anna","reason":"fan"'
    for path, body in (
        ("/silences", f'{{"alert":1,"seconds":{digits},{said}}}'),
        ("/silences", f'{{"alert":{digits},"seconds":60,{said}}}'),
        ("/silences", f'{{"alert":1,"seconds":NaN,{said}}}'),
        ("/maintenance", f'{{"scope":{{}},"ends":{digits},{said}}}'),
        ("/maintenance", f'{{"scope":{{}},"ends":1e999,{said}}}'),
        ("/maintenance", f'{{"scope":{{"nodes":[]}},"ends":9e9,{said}}}'),
        ("/maintenance", f'{{"scope":{{"nodes":[{{}}]}},"ends":9e9,{said}}}'),
        ("/alerts/1/snooze", f'{{"seconds":{digits},{said}}}'),
        ("/alerts/1/acknowledge", "[" * 60_000),
        ("/alerts/1/acknowledge", '{"by":"\\ud800"}'),
        ("/dead", '{"action":"resend","receiver":[]}'),
        ("/test", '{"receiver":{}}'),
    ):
        given = {"Content-Type": "application/json"}
        async with hub.session.post(hub.url + path, data=body, headers=given) as answer:
            assert answer.status == 400, (path, body[:60])
            assert "; " in (await answer.json())["detail"]
    for path in ("/alerts/", "/digests/"):
        assert (await hub.get(path + "9" * 5000))["status"] == 404
    assert (await hub.get("/maintenance"))["maintenance"] == []
    assert "Traceback" not in hub.log()


async def test_book_can_be_asked_in_parts(hub: HubProcess) -> None:
    await hub.notify(*(make_alert(name="A", node=f"n{number}", starts_at=1000.0) for number in range(5)))
    assert len((await hub.get("/alerts?limit=2"))["alerts"]) == 2
    for query, where in (("limit=x", "limit"), ("since=nan", "since")):
        assert (await hub.get(f"/alerts?{query}"))["detail"].startswith(f"{where}: not a number")
    for number in (77, 10**30):
        assert (await hub.get(f"/digests/{number}"))["status"] == 404


async def test_health_and_metrics_tell_how_the_hub_is(hub: HubProcess, discord: DiscordServer) -> None:
    await hub.notify(make_alert(name="A"))
    await discord.wait(lambda server: len(server.accepted) == 1)

    async def done() -> bool:
        report = await hub.get("/health")
        noted = next(row for row in report["receivers"] if row["name"] == "discord")["last_success"]
        return bool(noted is not None and report["prometheus"]["reachable"])

    await hub.until(done, "delivery is noted, and Prometheus asked")
    report = await hub.get("/health")
    assert report["healthy"]
    assert report["outbox"]["writable"]
    assert [row["name"] for row in report["receivers"]] == ["discord", "other", "console"]
    async with hub.session.get(f"{hub.url}/metrics") as answer:
        text = await answer.text()
    assert 'hune_hub_deliveries_total{outcome="sent",receiver="discord"} 1.0' in text
    assert 'hune_hub_alerts_received_total{status="firing"} 1.0' in text
    assert 'hune_hub_delivery_seconds_count{receiver="discord"} 1.0' in text
    assert "hune_hub_outbox_pending" in text


async def test_unreadable_secret_is_one_clear_line_and_stops_nobody_else(
    tmp_path: Path, site: Site, other_discord: DiscordServer, timing: dict[str, float]
) -> None:
    environ = {"SECOND_WEBHOOK": other_discord.url}
    async with running_hub(tmp_path, site, environ=environ, timing=timing) as hub:
        for receiver in ("discord", "other"):
            await hub.notify(make_alert(name="A"), receiver=receiver)
        await other_discord.wait(lambda server: len(server.accepted) == 1)

        async def says_so() -> bool:
            return "discord: env:FIRST_WEBHOOK: not set" in str(await hub.get("/health"))

        await hub.until(says_so, "health names the secret")
        assert "Traceback" not in hub.log()


async def test_second_hub_on_the_same_data_is_refused(hub: HubProcess, tmp_path: Path, site: Site) -> None:
    other = HubProcess(tmp_path, site, environ={})
    try:
        with pytest.raises(AssertionError, match="another hub works here"):
            await other.start()
    finally:
        await other.close()


async def test_without_room_to_grow_alerts_are_taken_and_delivered_from_the_reserve(
    hub: HubProcess, discord: DiscordServer, tmp_path: Path
) -> None:
    # The kernel refuses every write that makes a file larger, as a full disk does.
    largest = _largest_file(tmp_path)
    resource.prlimit(hub.pid, resource.RLIMIT_FSIZE, (largest, largest))
    alerts = [make_alert(name="A", node=f"n{number}", starts_at=1000.0) for number in range(200)]
    for alert in alerts:
        await hub.notify(alert)

    async def delivered() -> bool:
        return bool((await hub.receiver("discord"))["pending"] == 0)

    await hub.until(delivered, "delivered")
    assert len(await hub.alerts()) == 200
    assert (await hub.get("/health"))["outbox"]["writable"]


async def test_notification_that_cannot_be_stored_is_answered_with_503_and_nothing_of_it_stays(
    hub: HubProcess, discord: DiscordServer, tmp_path: Path
) -> None:
    await hub.notify(make_alert(name="A", node="early"))
    await discord.wait(lambda server: len(server.accepted) == 1)
    largest = _largest_file(tmp_path)
    resource.prlimit(hub.pid, resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))
    huge = [make_alert(name="A", node=f"n{number}", filler="x" * 4_000) for number in range(3000)]

    async def said() -> bool:
        assert await hub.post(payload(huge)) == 503
        report = await hub.get("/health")
        # The hub's own sign of life, every 15 s, is small enough: it ends the trouble until the next large one.
        return not report["healthy"] and "nothing can be stored" in report["detail"]

    await hub.until(said, "health says that nothing can be stored")
    assert [alert["labels"]["node"] for alert in await hub.alerts()] == ["early"]
    resource.prlimit(hub.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert await hub.post(payload(huge)) == 200
    assert (await hub.get("/health"))["healthy"]


def _largest_file(root: Path) -> int:
    return max(path.stat().st_size for path in root.rglob("outbox.db*"))


async def test_damaged_outbox_is_replaced_and_said(hub: HubProcess, discord: DiscordServer) -> None:
    await hub.stop()
    path = hub.layout.data("hub") / "outbox.db"
    path.write_bytes(b"\x00garbage" * 1000)
    await hub.start()
    await hub.notify(make_alert(name="A"))
    await discord.wait(lambda server: len(server.accepted) == 1)
    report = await hub.get("/health")
    assert report["healthy"]
    assert "the outbox was damaged and is new" in report["detail"]
    assert "ERROR" in hub.log()
    assert ".damaged-" in report["outbox"]["replaced"]
