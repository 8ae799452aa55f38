"""The outbox: what waits, what is leased, what was told."""

import sqlite3

import pytest

from hune.alerting.state import book, care, outbox
from hune.alerting.state.episode import Again, Dead, Ending, State
from hune.alerting.state.schema import WAITING
from support.alerts import make_alert

LATER = 1e10


def fill(connection: sqlite3.Connection, *nodes: str) -> list[outbox.Item]:
    for number, node in enumerate(nodes):
        episode = book.open_episode(connection, make_alert(node=node), now=1000.0 + number)
        book.address(connection, episode, ["discord"], now=1000.0 + number)
    return waiting(connection)


def waiting(connection: sqlite3.Connection) -> list[outbox.Item]:
    return outbox.pending(connection, "discord", now=LATER)


def test_told_alert_waits_no_more(connection: sqlite3.Connection) -> None:
    first, second = fill(connection, "a", "b")
    outbox.mark_sent(connection, "discord", first, message="7", edited=True, now=1010.0)
    assert [item.episode.id for item in waiting(connection)] == [second.episode.id]
    assert outbox.backlog(connection, "discord", now=LATER) == outbox.Backlog(
        pending=1, oldest=1001.0, dead=0, letters=0
    )


def test_resolution_waits_with_the_message_to_edit(connection: sqlite3.Connection) -> None:
    [item] = fill(connection, "a")
    outbox.mark_sent(connection, "discord", item, message="7", edited=True, now=1010.0)
    book.resolve(connection, item.episode.id, at=1020.0, ending=Ending.MEASURED, now=1020.0)
    [item] = waiting(connection)
    assert (item.delivery.wanted, item.delivery.told, item.delivery.message) == (State.RESOLVED, State.FIRING, "7")
    assert not item.is_news


def test_what_was_being_sent_at_a_crash_waits_again(connection: sqlite3.Connection) -> None:
    items = fill(connection, "a", "b")
    outbox.lease(connection, "discord", items[:1], now=1010.0)
    assert len(waiting(connection)) == 2
    assert outbox.release(connection) == 1
    assert outbox.release(connection) == 0


def test_digest_lists_what_it_counted(connection: sqlite3.Connection) -> None:
    items = fill(connection, "a", "b")
    number, _ = outbox.open_digest(connection, "discord", items, now=1010.0)
    outbox.mark_digest_sent(connection, "discord", items, number, now=1011.0)
    assert waiting(connection) == []
    found = book.list_digest(connection, number)
    assert found is not None
    head, listed = found
    assert head["sent_at"] == 1011.0
    assert [episode.labels["node"] for episode, _ in listed] == ["a", "b"]
    assert book.list_digest(connection, number + 1) is None


def test_digest_that_may_have_arrived_is_continued_under_its_number(connection: sqlite3.Connection) -> None:
    first, _ = outbox.open_digest(connection, "discord", fill(connection, "a", "b"), now=1010.0)
    items = fill(connection, "c")
    second, _ = outbox.open_digest(connection, "discord", items, now=1020.0)
    assert second == first
    found = book.list_digest(connection, first)
    assert found is not None
    assert len(found[1]) == 3
    outbox.mark_digest_sent(connection, "discord", items, second, now=1021.0)
    assert outbox.open_digest(connection, "discord", fill(connection, "d"), now=1030.0)[0] != first


def test_refused_message_is_a_dead_letter_until_somebody_sends_it_again(connection: sqlite3.Connection) -> None:
    first, second = fill(connection, "a", "b")
    outbox.mark_refused(connection, "discord", [first], problem="answered 400", now=1010.0)
    assert [item.episode.id for item in waiting(connection)] == [second.episode.id]
    assert len(waiting(connection)) == 1
    assert [item.delivery.state for item in outbox.dead(connection, limit=9)] == ["dead"]
    assert outbox.revive(connection, outbox.Which([first.episode.id], "elsewhere"), now=1030.0) == 0
    assert outbox.revive(connection, outbox.Which([first.episode.id], "discord"), now=1030.0) == 1
    assert len(waiting(connection)) == 2
    outbox.mark_refused(connection, "discord", [first], problem="answered 400", now=1010.0)
    assert outbox.backlog(connection, "discord", now=LATER).dead == 1
    states = [delivery.state for _, told in book.list_episodes(connection, since=0, limit=9) for delivery in told]
    assert states == ["pending", "dead"]


@pytest.mark.parametrize(("broken", "state"), [(False, "failed"), (True, "dead")])
def test_reason_of_waiting_is_shown(connection: sqlite3.Connection, broken: bool, state: str) -> None:
    fill(connection, "a")
    outbox.mark_waiting(connection, "discord", problem="answered 503", broken=broken, now=1010.0)
    [(_, [delivery])] = book.list_episodes(connection, since=0, limit=9)
    assert (delivery.state, delivery.problem, delivery.at) == (state, "answered 503", 1010.0)


def test_message_that_a_digest_made_outdated_is_edited(connection: sqlite3.Connection) -> None:
    [item] = fill(connection, "a")
    outbox.mark_sent(connection, "discord", item, message="7", edited=True, now=1010.0)
    assert outbox.outdated(connection, "discord", limit=5) == []
    book.resolve(connection, item.episode.id, at=1020.0, ending=Ending.MEASURED, now=1020.0)
    items = waiting(connection)
    number, _ = outbox.open_digest(connection, "discord", items, now=1021.0)
    outbox.mark_digest_sent(connection, "discord", items, number, now=1022.0)
    [outdated] = outbox.outdated(connection, "discord", limit=5)
    outbox.mark_edited(connection, "discord", outdated, gone=False)
    assert outbox.outdated(connection, "discord", limit=5) == []


def test_what_is_over_and_waited_for_too_long_is_given_up(connection: sqlite3.Connection) -> None:
    first, _ = fill(connection, "a", "b")
    book.resolve(connection, first.episode.id, at=1020.0, ending=Ending.MEASURED, now=1020.0)
    assert outbox.give_up(connection, before=1020.0, now=2000.0) == 0
    assert outbox.give_up(connection, before=1021.0, now=2000.0) == 1
    assert outbox.give_up(connection, before=1021.0, now=2000.0) == 0
    assert [item.episode.labels["node"] for item in waiting(connection)] == ["b"]


def test_failure_is_written_down_where_it_is_news(connection: sqlite3.Connection) -> None:
    items = fill(connection, "a", "b")
    for moment in (1010.0, 1020.0):
        outbox.lease(connection, "discord", items[:1], now=moment)
        outbox.mark_waiting(connection, "discord", problem="answered 503", broken=False, now=moment)
    tried = dict(connection.execute("SELECT episode, at FROM delivery").fetchall())
    assert tried == {items[0].episode.id: 1020.0, items[1].episode.id: 1010.0}


@pytest.mark.parametrize("give_up", ["discard", "acknowledge"])
def test_whoever_refused_a_reminder_is_called_again_and_told_of_the_end(
    connection: sqlite3.Connection, give_up: str
) -> None:
    [item] = fill(connection, "a")
    episode = item.episode.id
    outbox.mark_sent(connection, "discord", item, message=None, edited=False, now=1010.0)
    care.repeat(connection, episode, "discord", Again.REMINDER, now=2000.0, due_at=0.0)
    outbox.mark_refused(connection, "discord", waiting(connection), problem="answered 400", now=2001.0)
    if give_up == "discard":
        outbox.discard(connection, outbox.Which(), now=2002.0)
    else:
        care.call_off(connection, episode)
    assert outbox.dead(connection, limit=9) == []
    assert care.repeat(connection, episode, "discord", Again.ESCALATION, now=3000.0, due_at=0.0)
    [item] = waiting(connection)
    assert item.delivery.again is Again.ESCALATION
    book.resolve(connection, episode, at=4000.0, ending=Ending.MEASURED, now=4000.0)
    [item] = waiting(connection)
    assert (item.delivery.wanted, item.delivery.told) == (State.RESOLVED, State.FIRING)


def test_what_is_never_told_leaves_with_its_receiver_nothing_behind_that_waits(connection: sqlite3.Connection) -> None:
    first, second = fill(connection, "a", "b")
    connection.execute("UPDATE delivery SET dead = ? WHERE episode = ?", (Dead.WITHHELD, first.episode.id))
    assert [item.episode.id for item in waiting(connection)] == [second.episode.id]
    assert outbox.retire(connection, ["console"], now=1030.0) == 1
    assert [row["episode"] for row in connection.execute("SELECT episode FROM delivery")] == [first.episode.id]


def test_receiver_that_left_the_site_takes_its_backlog_along(connection: sqlite3.Connection) -> None:
    fill(connection, "a", "b")
    assert outbox.retire(connection, ["console", "discord"], now=1030.0) == 0
    assert outbox.retire(connection, ["console"], now=1030.0) == 2
    assert waiting(connection) == []


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (f"SELECT * FROM delivery WHERE receiver = 'x' AND {WAITING}", "delivery_waiting"),
        (
            "SELECT * FROM delivery WHERE receiver = 'x' AND message IS NOT NULL AND shown IS NOT told",
            "delivery_outdated",
        ),
    ],
)
def test_history_costs_nothing(connection: sqlite3.Connection, query: str, index: str) -> None:
    plan = " ".join(row["detail"] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}"))
    assert index in plan
