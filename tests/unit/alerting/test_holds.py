"""What is held: nothing of it is sent, and at the end of the hold the true state is told."""

import sqlite3
from collections.abc import Mapping
from dataclasses import replace

import pytest

from hune.alerting import holds
from hune.alerting.holds import Hold, HoldKind, Terms
from hune.alerting.state import book, outbox, withholding
from hune.alerting.state.episode import Dead, Ending, State
from hune.alerting.state.outbox import Item
from support.alerts import make_alert

SILENCE = Hold(HoldKind.SILENCE, "s1", 2000.0, "Ada", "new fan")
WINDOW = Hold(HoldKind.MAINTENANCE, "site-1", 3000.0, "", "updates")
EIGHT = 8_000.0
"""When the receiver's hours begin."""


def terms(*held: Hold, due: float = 0.0) -> Terms:
    return Terms(holds=lambda _labels: held, due=lambda _labels, _receiver: due)


def open_one(connection: sqlite3.Connection, *held: Hold, now: float = 1000.0, due: float = 0.0) -> int:
    episode = book.open_episode(connection, make_alert(), now=now, held=held)
    book.address(connection, episode, ["discord"], now=now, due=lambda _receiver: due)
    return episode


def waiting(connection: sqlite3.Connection, *, now: float) -> list[Item]:
    return outbox.pending(connection, "discord", now=now)


def tell(connection: sqlite3.Connection, *, now: float) -> None:
    [item] = outbox.lease(connection, "discord", waiting(connection, now=now), now=now)
    outbox.mark_sent(connection, "discord", item, message=None, edited=False, now=now)


def end(connection: sqlite3.Connection, episode: int, *, now: float, due: float = 0.0) -> None:
    book.resolve(connection, episode, at=now, ending=Ending.MEASURED, now=now, due=lambda _receiver: due)


def state(connection: sqlite3.Connection) -> tuple[str | None, str, int]:
    return tuple(connection.execute("SELECT told, wanted, dead FROM delivery").fetchone())


def test_holds_survive_being_written() -> None:
    assert holds.read(holds.written([SILENCE, WINDOW])) == (SILENCE, WINDOW)
    assert holds.read(holds.written([])) == ()


def test_what_is_held_from_the_start_is_told_when_the_hold_ends(connection: sqlite3.Connection) -> None:
    episode = open_one(connection, SILENCE)
    assert waiting(connection, now=1001.0) == []
    assert outbox.backlog(connection, "discord", now=1001.0).pending == 0
    turned = withholding.review(connection, terms(), now=2000.0)
    assert turned.released == [episode]
    [item] = waiting(connection, now=2000.0)
    assert (item.delivery.wanted, item.delivery.queued_at) == (State.FIRING, 2000.0)


def test_what_came_and_went_while_held_is_never_told(connection: sqlite3.Connection) -> None:
    episode = open_one(connection, SILENCE)
    end(connection, episode, now=1500.0)
    withholding.review(connection, terms(), now=2000.0)
    assert waiting(connection, now=2000.0) == []
    assert state(connection) == (None, "resolved", Dead.WITHHELD)
    assert outbox.dead(connection, limit=10) == []
    assert outbox.revive(connection, outbox.Which(), now=1030.0) == 0


def test_end_under_a_hold_is_told_at_its_end_to_who_knew(connection: sqlite3.Connection) -> None:
    episode = open_one(connection)
    tell(connection, now=1001.0)
    assert withholding.review(connection, terms(SILENCE), now=1100.0).held == [episode]
    end(connection, episode, now=1200.0)
    assert waiting(connection, now=1200.0) == []
    withholding.review(connection, terms(), now=2000.0)
    [item] = waiting(connection, now=2000.0)
    assert item.delivery.wanted is State.RESOLVED
    assert not item.came_and_went


def test_hold_that_begins_and_ends_while_it_fires_repeats_nothing(connection: sqlite3.Connection) -> None:
    open_one(connection)
    tell(connection, now=1001.0)
    withholding.review(connection, terms(SILENCE), now=1100.0)
    withholding.review(connection, terms(), now=2000.0)
    assert waiting(connection, now=2000.0) == []


def test_what_ends_and_begins_again_under_a_hold_is_told_as_both(connection: sqlite3.Connection) -> None:
    episode = open_one(connection)
    tell(connection, now=1001.0)
    withholding.review(connection, terms(SILENCE, WINDOW), now=1100.0)
    for begins in (1200.0, 1300.0, 1400.0):
        end(connection, episode, now=begins)
        episode = open_one(connection, SILENCE, WINDOW, now=begins + 1)
    # The end of the first of two holds tells nothing.
    withholding.review(connection, terms(WINDOW), now=2000.0)
    assert waiting(connection, now=2000.0) == []
    withholding.review(connection, terms(), now=3000.0)
    # What was known is over, what fires now is new; those between came and went.
    told = [(item.episode.id, item.delivery.wanted) for item in waiting(connection, now=3000.0)]
    assert told == [(1, State.RESOLVED), (4, State.FIRING)]


def test_message_under_way_when_the_hold_begins_counts_as_told(connection: sqlite3.Connection) -> None:
    episode = open_one(connection)
    [item] = outbox.lease(connection, "discord", waiting(connection, now=1000.0), now=1000.0)
    withholding.review(connection, terms(SILENCE), now=1000.5)
    end(connection, episode, now=1001.0)
    outbox.mark_sent(connection, "discord", item, message=None, edited=False, now=1001.5)
    withholding.review(connection, terms(), now=2000.0)
    assert [item.delivery.wanted for item in waiting(connection, now=2000.0)] == [State.RESOLVED]


def test_message_refused_for_now_when_the_hold_begins_is_withheld_with_its_alert(
    connection: sqlite3.Connection,
) -> None:
    episode = open_one(connection)
    outbox.lease(connection, "discord", waiting(connection, now=1000.0), now=1000.0)
    withholding.review(connection, terms(SILENCE), now=1000.5)
    end(connection, episode, now=1001.0)
    outbox.mark_waiting(connection, "discord", problem="away", broken=True, now=1001.5)
    assert state(connection) == (None, "resolved", Dead.WITHHELD)
    assert outbox.release(connection) == 0


def test_what_is_held_after_it_was_read_is_not_leased(connection: sqlite3.Connection) -> None:
    open_one(connection)
    read = waiting(connection, now=1000.0)
    withholding.review(connection, terms(SILENCE), now=1000.5)
    assert outbox.lease(connection, "discord", read, now=1001.0) == []


def test_failure_of_a_receiver_does_not_mark_what_is_held(connection: sqlite3.Connection) -> None:
    open_one(connection, SILENCE)
    outbox.mark_waiting(connection, "discord", problem="away", broken=True, now=1001.0)
    assert state(connection) == (None, "firing", Dead.NO)


def test_one_hold_takes_over_from_another_without_a_word(connection: sqlite3.Connection) -> None:
    episode = open_one(connection, SILENCE)
    assert withholding.review(connection, terms(WINDOW), now=2000.0).changed == [episode]
    assert waiting(connection, now=2000.0) == []
    [open_] = book.open_episodes(connection)
    assert open_.holds == (WINDOW,)


def test_unknown_silences_hold_until_their_own_end(connection: sqlite3.Connection) -> None:
    episode = open_one(connection, SILENCE)
    assert not withholding.is_outdated(connection, terms(), now=1999.0, silences_known=False)
    turned = withholding.review(connection, terms(), now=2000.0, silences_known=False)
    assert turned.released == [episode]


def test_alert_outside_hours_waits_for_them(connection: sqlite3.Connection) -> None:
    open_one(connection, due=EIGHT)
    assert waiting(connection, now=EIGHT - 1) == []
    [item] = waiting(connection, now=EIGHT)
    assert item.delivery.queued_at == EIGHT


def test_what_is_over_outside_hours_waits_for_them_too(connection: sqlite3.Connection) -> None:
    episode = open_one(connection)
    tell(connection, now=1001.0)
    end(connection, episode, now=1500.0, due=EIGHT)
    assert waiting(connection, now=1500.0) == []
    assert [item.delivery.wanted for item in waiting(connection, now=EIGHT)] == [State.RESOLVED]


def test_what_came_and_went_outside_hours_is_never_told(connection: sqlite3.Connection) -> None:
    episode = open_one(connection, due=EIGHT)
    end(connection, episode, now=1500.0, due=EIGHT)
    assert waiting(connection, now=EIGHT) == []
    assert state(connection) == (None, "resolved", Dead.WITHHELD)


@pytest.mark.parametrize(("before", "after"), [(0.0, EIGHT), (EIGHT, 0.0)])
def test_release_asks_for_the_hours_again(connection: sqlite3.Connection, before: float, after: float) -> None:
    open_one(connection, SILENCE, due=before)
    withholding.review(connection, terms(due=after), now=2000.0)
    assert [len(waiting(connection, now=moment)) for moment in (2000.0, EIGHT)] == [int(not after), 1]


def test_hours_of_another_site_file_are_asked_for_at_the_start(connection: sqlite3.Connection) -> None:
    open_one(connection, due=EIGHT)
    withholding.reschedule(connection, terms(due=1500.0), now=1100.0)
    assert waiting(connection, now=1499.0) == []
    assert len(waiting(connection, now=1500.0)) == 1


def test_receiver_that_hears_late_of_what_ended_while_held_is_not_told(connection: sqlite3.Connection) -> None:
    def enter(receiver: str, now: float) -> None:
        book.take(
            connection,
            [make_alert()],
            receivers_of=lambda _: [receiver],
            is_known=lambda _: True,
            is_checked=lambda _: True,
            is_told_once=lambda _: False,
            now=now,
            test_alert_seconds=300.0,
            terms=terms(SILENCE),
        )

    enter("mail", 1001.0)
    [episode] = book.open_episodes(connection)
    assert episode.holds == (SILENCE,)
    end(connection, episode.id, now=1500.0)
    enter("discord", 1600.0)
    withholding.review(connection, terms(), now=2000.0)
    assert waiting(connection, now=2000.0) == []


def test_holds_are_judged_by_labels(connection: sqlite3.Connection) -> None:
    def held(labels: Mapping[str, str]) -> tuple[Hold, ...]:
        return (WINDOW,) if labels["node"] == "pve-01" else ()

    for node in ("pve-01", "pve-02"):
        episode = book.open_episode(connection, make_alert(node=node), now=1000.0)
        book.address(connection, episode, ["discord"], now=1000.0)
    withholding.review(connection, Terms(holds=held, due=lambda _labels, _receiver: 0.0), now=1001.0)
    assert [item.episode.labels["node"] for item in waiting(connection, now=1001.0)] == ["pve-02"]


def test_what_is_held_is_counted_by_reason(connection: sqlite3.Connection) -> None:
    assert withholding.count(connection, now=1000.0) == {"silence": 0, "maintenance": 0, "hours": 0}
    open_one(connection, SILENCE, WINDOW, replace(WINDOW, id="site-2"))
    open_one(connection, due=EIGHT)
    over = open_one(connection, WINDOW)
    end(connection, over, now=1001.0)
    assert withholding.count(connection, now=1001.0) == {"silence": 1, "maintenance": 1, "hours": 1}
    assert withholding.count(connection, now=EIGHT)["hours"] == 0
