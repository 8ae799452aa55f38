"""Attendance: who looks after an alert, and who is called when nobody does."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import pytest_asyncio

from hune.alerting.holds import AT_ONCE
from hune.alerting.hub.attendance import Attendance
from hune.alerting.hub.timing import Timing
from hune.alerting.state import book, care, history, outbox
from hune.alerting.state.database import Database
from hune.alerting.state.episode import Care, Ending
from hune.alerting.state.outbox import Item
from hune.site.models import Site
from support.alerts import make_alert
from support.stepped_clock import StillClock

T = TypeVar("T")
MINUTE, HOUR = 60.0, 3600.0
SITE = Site.model_validate(
    {
        "nodes": [{"name": "pve-02", "address": "10.0.0.2"}],
        "receivers": [
            {"name": "chat", "console": True, "remind": "4h"},
            {"name": "phone", "console": True},
            {"name": "boss", "console": True, "lab": True},
        ],
        "routes": [
            {
                "receivers": ["chat"],
                "escalate": [
                    {"after": "10m", "receivers": ["chat", "phone"]},
                    {"after": "30m", "receivers": ["boss"]},
                ],
            }
        ],
    }
)


class Stand(StillClock):
    """A book at a time of its own; everything that waits is told at once when asked."""

    def __init__(self, database: Database) -> None:
        super().__init__(100_000.0)
        self.database = database
        self.attendance = self.make()

    def make(self) -> Attendance:
        return Attendance(
            self.database, SITE, timing=Timing(), clock=self, terms=lambda _now: AT_ONCE, on_change=lambda: None
        )

    async def do(self, operation: Callable[[sqlite3.Connection], T]) -> T:
        return await self.database.write(operation)

    async def fire(self, **alert: Any) -> int:
        def store(connection: sqlite3.Connection) -> int:
            episode = book.open_episode(connection, make_alert(starts_at=self.time, **alert), now=self.time)
            book.address(connection, episode, ["chat"], now=self.time)
            return episode

        return await self.do(store)

    async def waiting(self) -> list[tuple[str, Item]]:
        """Return what waits for whom."""

        def read(connection: sqlite3.Connection) -> list[tuple[str, Item]]:
            return [
                (receiver.name, item)
                for receiver in SITE.receivers
                for item in outbox.pending(connection, receiver.name, now=self.time)
            ]

        return await self.database.read(read)

    async def tell(self) -> list[str]:
        """Tell what waits; return to whom and why."""
        told = await self.waiting()

        def mark(connection: sqlite3.Connection) -> None:
            for receiver, item in told:
                outbox.lease(connection, receiver, [item], now=self.time)
                outbox.mark_sent(connection, receiver, item, message="m", edited=True, now=self.time)

        await self.do(mark)
        return [f"{receiver} {_why(item)}" for receiver, item in told]

    async def after(self, seconds: float) -> list[str]:
        """Let time pass; return who is told of what then."""
        self.time += seconds
        await self.attendance.round()
        return await self.tell()

    async def attend(self, episode: int, until: float | None = None) -> None:
        await self.do(lambda connection: care.take(connection, episode, Care(self.time, "anna", until)))


def _why(item: Item) -> str:
    if item.is_news:
        return f"step {item.delivery.step}" if item.delivery.step else str(item.delivery.wanted)
    return item.delivery.again.name if item.delivery.again else str(item.delivery.wanted)


@pytest_asyncio.fixture
async def stand(database: Database) -> AsyncIterator[Stand]:
    yield Stand(database)


async def test_each_step_of_escalation_is_taken_once_also_after_a_restart(stand: Stand) -> None:
    await stand.fire()
    assert await stand.tell() == ["chat firing"]
    assert await stand.after(9 * MINUTE) == []
    assert await stand.after(MINUTE) == ["chat ESCALATION", "phone step 1"]
    stand.attendance = stand.make()
    assert await stand.after(MINUTE) == []
    assert await stand.after(19 * MINUTE) == ["boss step 2"]
    assert await stand.after(HOUR) == []


async def test_message_of_an_escalation_knows_since_when_nobody_looks(stand: Stand) -> None:
    episode = await stand.fire()
    await stand.attend(episode)
    stand.time += HOUR
    await stand.do(lambda connection: care.end(connection, episode, by="anna", now=stand.time))
    begun = stand.time
    stand.time += 10 * MINUTE
    await stand.attendance.round()
    assert {item.alone_since for receiver, item in await stand.waiting() if receiver == "phone"} == {begun}


async def test_whoever_acknowledges_ends_escalation_and_reminders(stand: Stand) -> None:
    episode = await stand.fire()
    await stand.tell()
    await stand.attend(episode)
    assert await stand.after(24 * HOUR) == []
    stand.time += 1
    await stand.do(lambda connection: book.resolve(connection, episode, at=1.0, ending=Ending.MEASURED, now=stand.time))
    assert await stand.tell() == ["chat resolved"]


async def test_acknowledged_before_the_call_went_out_nobody_is_called(stand: Stand) -> None:
    episode = await stand.fire()
    await stand.tell()
    stand.time += 10 * MINUTE
    await stand.attendance.round()
    assert len(await stand.waiting()) == 2
    await stand.attend(episode)
    assert await stand.tell() == []


async def test_over_before_the_call_went_out_nobody_is_called(stand: Stand) -> None:
    episode = await stand.fire()
    await stand.tell()
    stand.time += 10 * MINUTE
    await stand.attendance.round()
    await stand.do(lambda connection: book.resolve(connection, episode, at=1.0, ending=Ending.MEASURED, now=stand.time))
    assert await stand.tell() == ["chat resolved"]


async def test_what_is_closed_without_a_word_reminds_nobody(stand: Stand) -> None:
    episode = await stand.fire(lab="true")
    await stand.tell()
    stand.time += 4 * HOUR
    await stand.attendance.round()
    await stand.do(lambda connection: book.resolve(connection, episode, at=1.0, ending=Ending.EXPIRED, now=stand.time))
    assert await stand.tell() == []


async def test_call_that_is_under_way_when_somebody_acknowledges_is_told_of_the_end(stand: Stand) -> None:
    episode = await stand.fire()
    await stand.tell()
    stand.time += 10 * MINUTE
    await stand.attendance.round()
    [(_, called)] = [(name, item) for name, item in await stand.waiting() if name == "phone"]
    await stand.do(lambda connection: outbox.lease(connection, "phone", [called], now=stand.time))
    await stand.attend(episode)
    await stand.do(
        lambda connection: outbox.mark_sent(connection, "phone", called, message="m", edited=True, now=stand.time)
    )
    await stand.do(lambda connection: book.resolve(connection, episode, at=1.0, ending=Ending.MEASURED, now=stand.time))
    assert await stand.tell() == ["chat resolved", "phone resolved"]


async def test_snooze_that_is_over_is_told_once_and_escalation_begins_anew(stand: Stand) -> None:
    episode = await stand.fire()
    await stand.tell()
    await stand.attend(episode, until=stand.time + HOUR)
    assert await stand.after(HOUR - 1) == []
    assert await stand.after(1) == ["chat SNOOZE_OVER"]
    assert await stand.after(1) == []
    assert await stand.after(10 * MINUTE) == ["chat ESCALATION", "phone step 1"]


async def test_snooze_of_what_is_over_ends_without_a_word(stand: Stand) -> None:
    episode = await stand.fire()
    await stand.tell()
    await stand.attend(episode, until=stand.time + HOUR)
    await stand.do(lambda connection: book.resolve(connection, episode, at=1.0, ending=Ending.MEASURED, now=stand.time))
    assert await stand.tell() == ["chat resolved"]
    assert await stand.after(2 * HOUR) == []
    events = await stand.do(lambda connection: history.of_episodes(connection, [episode])[episode])
    assert events[-1].kind == "told"


async def test_reminder_comes_each_time_that_so_long_has_passed(stand: Stand) -> None:
    episode = await stand.fire(lab="true")
    await stand.tell()
    told = [await stand.after(HOUR) for _ in range(9)]
    assert [place for place, one in enumerate(told, 1) if "chat REMINDER" in one] == [4, 8]
    await stand.attend(episode)
    assert await stand.after(9 * HOUR) == []


async def test_clock_that_is_set_back_puts_reminders_off_by_no_more_than_their_interval(stand: Stand) -> None:
    await stand.fire(lab="true")
    await stand.tell()
    stand.time -= 20 * HOUR
    assert "chat REMINDER" in await stand.after(0.0)
    assert "chat REMINDER" not in await stand.after(3.9 * HOUR)


async def test_nobody_is_reminded_of_information_or_of_what_nobody_confirms(stand: Stand) -> None:
    await stand.fire(severity="info", lab="true")
    unsure = await stand.fire(node="pve-03", lab="true")
    await stand.tell()
    await stand.do(lambda connection: book.mark_unknown(connection, unsure, now=stand.time))
    assert [one for one in await stand.after(5 * HOUR) if "REMINDER" in one] == []
    await stand.do(lambda connection: book.confirm(connection, unsure, now=stand.time))
    assert await stand.after(1) == ["chat REMINDER"]


async def test_what_is_held_calls_nobody(stand: Stand) -> None:
    episode = await stand.fire()
    await stand.tell()
    held = '[{"kind":"silence","id":"a","until":1e12,"by":"x","reason":""}]'
    await stand.do(lambda connection: connection.execute("UPDATE episode SET held = ?", (held,)))
    assert await stand.after(24 * HOUR) == []
    await stand.do(lambda connection: connection.execute("UPDATE episode SET held = ''"))
    await stand.do(lambda connection: history.record(connection, episode, history.Kind.RELEASED, at=stand.time))
    assert await stand.after(1) == ["chat REMINDER"]
    assert await stand.after(10 * MINUTE) == ["chat ESCALATION", "phone step 1"]


async def test_test_message_and_what_is_over_call_nobody(stand: Stand) -> None:
    def store(connection: sqlite3.Connection) -> None:
        alert = make_alert(starts_at=None)
        episode = book.open_episode(connection, alert, now=stand.time, expires_at=stand.time + 300)
        book.address(connection, episode, ["chat"], now=stand.time)

    await stand.do(store)
    episode = await stand.fire()
    await stand.tell()
    await stand.do(lambda connection: book.resolve(connection, episode, at=1.0, ending=Ending.MEASURED, now=stand.time))
    await stand.tell()
    assert await stand.after(24 * HOUR) == []


async def test_message_is_edited_to_show_who_looks_after_it_even_if_that_changed_meanwhile(stand: Stand) -> None:
    episode = await stand.fire()
    [(_, item)] = await stand.waiting()
    # Somebody acknowledges while the message is on its way.
    await stand.attend(episode)
    await stand.do(
        lambda connection: outbox.mark_sent(connection, "chat", item, message="m", edited=True, now=stand.time)
    )
    [outdated] = await stand.do(lambda connection: outbox.outdated(connection, "chat", limit=9))
    assert outdated.care is not None
    assert outdated.care.by == "anna"
    await stand.do(lambda connection: outbox.mark_edited(connection, "chat", outdated, gone=False))
    assert await stand.do(lambda connection: outbox.outdated(connection, "chat", limit=9)) == []
    await stand.do(lambda connection: care.end(connection, episode, by="bob", now=stand.time))
    [outdated] = await stand.do(lambda connection: outbox.outdated(connection, "chat", limit=9))
    assert outdated.care is None


async def test_why_it_was_told_again_is_in_the_history(stand: Stand) -> None:
    episode = await stand.fire()
    await stand.tell()
    await stand.after(10 * MINUTE)
    events = await stand.do(lambda connection: history.of_episodes(connection, [episode])[episode])
    assert [(one.kind, one.receiver, one.detail) for one in events][2:] == [
        ("escalated", "chat", {"step": 1, "after": 600}),
        ("escalated", "phone", {"step": 1, "after": 600}),
        ("reminded", "chat", {"why": "escalation", "message": "m"}),
        ("told", "phone", {"told": "firing", "message": "m", "step": 1}),
    ]
