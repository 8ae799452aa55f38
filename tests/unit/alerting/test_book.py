"""The alert book: what opens an episode, what belongs to it, what ends it."""

import sqlite3
from collections.abc import Iterable
from functools import partial

import pytest

from hune.alerting.state import book, outbox, past
from hune.alerting.state.book import Taken, take
from hune.alerting.state.episode import Dead, Ending, Incoming, State
from support.alerts import make_alert

LATER = 1e10


def enter(
    connection: sqlite3.Connection, *alerts: Incoming, now: float = 1001.0, to: Iterable[str] = ("discord",)
) -> Taken:
    receivers = list(to)
    return take(
        connection,
        alerts,
        receivers_of=lambda _: receivers,
        is_known=lambda name: name == "CpuHot",
        is_checked=lambda labels: labels["alertname"] == "CpuHot",
        is_told_once=lambda name: name == "DailyTest",
        now=now,
        test_alert_seconds=300.0,
    )


def test_first_word_opens_an_episode(connection: sqlite3.Connection) -> None:
    taken = enter(connection, make_alert())
    [episode] = book.open_episodes(connection)
    assert taken.opened == [episode.id]
    assert (episode.state, episode.starts_at, episode.value, episode.peak) == (State.FIRING, 1000.0, 78.0, 78.0)
    assert [item.episode.id for item in outbox.pending(connection, "discord", now=LATER)] == [episode.id]


def test_repetition_is_no_news_and_keeps_the_peak(connection: sqlite3.Connection) -> None:
    enter(connection, make_alert(value="78"))
    enter(connection, make_alert(value="81"))
    taken = enter(connection, make_alert(value="75"))
    [episode] = book.open_episodes(connection)
    assert taken.opened == []
    assert (episode.value, episode.peak) == (75.0, 81.0)


def test_another_receiver_of_the_same_episode_is_told_too(connection: sqlite3.Connection) -> None:
    enter(connection, make_alert(), to=["discord"])
    enter(connection, make_alert(), to=["console"])
    [episode] = book.open_episodes(connection)
    for receiver in ("discord", "console"):
        assert [item.episode.id for item in outbox.pending(connection, receiver, now=LATER)] == [episode.id]


def test_declared_end_of_a_known_alert_is_only_a_claim(connection: sqlite3.Connection) -> None:
    enter(connection, make_alert())
    taken = enter(connection, make_alert(firing=False, ends_at=1050.0), now=1051.0)
    [episode] = book.open_episodes(connection)
    assert taken.claimed == [episode.id]
    assert (episode.state, episode.claimed_at, episode.doubted_at) == (State.FIRING, 1050.0, 1051.0)


def test_declared_end_of_a_foreign_alert_ends_it(connection: sqlite3.Connection) -> None:
    enter(connection, make_alert(name="Foreign"))
    enter(connection, make_alert(name="Foreign", firing=False, ends_at=1050.0), now=1051.0)
    assert book.open_episodes(connection) == []
    [(episode, _)] = book.list_episodes(connection, since=0, limit=10)
    assert (episode.ending, episode.resolved_at) == (Ending.DECLARED, 1050.0)


def test_end_of_an_earlier_episode_does_not_end_this_one(connection: sqlite3.Connection) -> None:
    enter(connection, make_alert(name="Foreign", starts_at=2000.0), now=2001.0)
    enter(connection, make_alert(name="Foreign", firing=False, starts_at=1000.0, ends_at=1500.0), now=2002.0)
    assert len(book.open_episodes(connection)) == 1


def test_end_of_an_unheard_alert_is_no_news(connection: sqlite3.Connection) -> None:
    taken = enter(connection, make_alert(firing=False))
    assert taken == Taken()
    assert book.list_episodes(connection, since=0, limit=10) == []


def test_repetition_after_the_measured_end_opens_nothing(connection: sqlite3.Connection) -> None:
    enter(connection, make_alert())
    [episode] = book.open_episodes(connection)
    book.resolve(connection, episode.id, at=1060.0, ending=Ending.MEASURED, now=1060.0)
    assert enter(connection, make_alert(), now=1070.0).opened == []
    assert book.open_episodes(connection) == []


def test_end_of_the_same_beginning_is_its_end_though_the_clock_was_set_back(connection: sqlite3.Connection) -> None:
    enter(connection, make_alert(name="Foreign", starts_at=9000.0), now=9001.0)
    enter(connection, make_alert(name="Foreign", firing=False, starts_at=9000.0, ends_at=5000.0), now=5001.0)
    assert book.open_episodes(connection) == []


@pytest.mark.parametrize(
    ("ending", "now", "reopened"),
    [
        (Ending.MEASURED, 9000.0, False),
        (Ending.DECLARED, 1070.0, False),
        (Ending.DECLARED, 1130.0, True),
        (Ending.EXPIRED, 1070.0, True),
    ],
)
def test_what_nobody_measured_as_over_may_fire_on(
    connection: sqlite3.Connection, ending: Ending, now: float, reopened: bool
) -> None:
    """Cut off from Prometheus for long Alertmanager declares an end, and goes on where it was."""
    enter(connection, make_alert())
    [episode] = book.open_episodes(connection)
    book.resolve(connection, episode.id, at=1060.0, ending=ending, now=1060.0)
    assert len(enter(connection, make_alert(), now=now).opened) == reopened


def test_one_of_two_alertmanagers_that_has_not_heard_of_the_end_brings_nothing_back_at_once(
    connection: sqlite3.Connection,
) -> None:
    """The other declares the end again and again; people would hear of both each time."""
    foreign = partial(make_alert, name="Foreign")
    enter(connection, foreign())
    opened = 0
    for second in range(1051, 1231, 2):
        enter(connection, foreign(firing=False, ends_at=1050.0), now=float(second))
        opened += len(enter(connection, foreign(), now=second + 1.0).opened)
    assert opened <= 2


def test_end_that_is_declared_late_is_not_taken_back_by_who_is_later_still(connection: sqlite3.Connection) -> None:
    foreign = partial(make_alert, name="Foreign")
    enter(connection, foreign())
    enter(connection, foreign(firing=False, ends_at=1050.0), now=1111.0)
    assert enter(connection, foreign(), now=1112.0).opened == []
    assert len(enter(connection, foreign(), now=1172.0).opened) == 1


def test_forgotten_alert_that_fires_on_may_be_opened_again(connection: sqlite3.Connection) -> None:
    enter(connection, make_alert())
    [episode] = book.open_episodes(connection)
    book.resolve(connection, episode.id, at=1060.0, ending=Ending.EXPIRED, now=1060.0)
    assert not book.was_over_since(connection, episode.fingerprint, 1000.0)


def test_end_is_not_believed_of_what_was_heard_of_meanwhile(connection: sqlite3.Connection) -> None:
    enter(connection, make_alert())
    [known] = book.open_episodes(connection)
    enter(connection, make_alert(starts_at=1050.0), now=1051.0)
    end = partial(book.resolve, connection, known.id, at=1050.5, ending=Ending.MEASURED, now=1051.5)
    end(heard_at=known.heard_at)
    [known] = book.open_episodes(connection)
    end(heard_at=known.heard_at)
    assert book.open_episodes(connection) == []


def test_receiver_that_hears_only_after_the_end_is_told_that_it_was(connection: sqlite3.Connection) -> None:
    enter(connection, make_alert(), to=["console"])
    [episode] = book.open_episodes(connection)
    book.resolve(connection, episode.id, at=1060.0, ending=Ending.MEASURED, now=1060.0)
    enter(connection, make_alert(), now=1061.0, to=["discord"])
    [item] = outbox.pending(connection, "discord", now=LATER)
    assert item.came_and_went


def test_new_crossing_is_a_new_episode(connection: sqlite3.Connection) -> None:
    enter(connection, make_alert())
    [first] = book.open_episodes(connection)
    book.resolve(connection, first.id, at=1060.0, ending=Ending.MEASURED, now=1060.0)
    enter(connection, make_alert(starts_at=1100.0), now=1101.0)
    [second] = book.open_episodes(connection)
    assert second.id != first.id


def test_new_beginning_while_still_open_is_the_same_episode(connection: sqlite3.Connection) -> None:
    """So it goes when Prometheus starts anew: nobody has measured an end."""
    enter(connection, make_alert())
    assert enter(connection, make_alert(starts_at=1100.0), now=1101.0).opened == []
    assert len(book.open_episodes(connection)) == 1


def test_alert_without_beginning_is_new_each_time_and_ends_together(connection: sqlite3.Connection) -> None:
    test_alert = make_alert(name="TestAlert", starts_at=None)
    enter(connection, test_alert)
    enter(connection, test_alert)
    assert [episode.expires_at for episode in book.open_episodes(connection)] == [1301.0, 1301.0]
    taken = enter(connection, make_alert(name="TestAlert", starts_at=None, firing=False))
    assert len(taken.resolved) == 2
    assert book.open_episodes(connection) == []


def test_expired_episode_is_closed_without_a_word(connection: sqlite3.Connection) -> None:
    enter(connection, make_alert(name="TestAlert", starts_at=None))
    [item] = outbox.pending(connection, "discord", now=LATER)
    outbox.mark_sent(connection, "discord", item, message="1", edited=True, now=1002.0)
    book.resolve(connection, item.episode.id, at=1301.0, ending=Ending.EXPIRED, now=1301.0)
    assert outbox.pending(connection, "discord", now=LATER) == []


def test_expired_episode_that_nobody_was_told_of_came_and_went(connection: sqlite3.Connection) -> None:
    enter(connection, make_alert(name="TestAlert", starts_at=None))
    [episode] = book.open_episodes(connection)
    book.resolve(connection, episode.id, at=1301.0, ending=Ending.EXPIRED, now=1301.0)
    [item] = outbox.pending(connection, "discord", now=LATER)
    assert item.came_and_went


def test_resolving_twice_tells_once(connection: sqlite3.Connection) -> None:
    enter(connection, make_alert())
    [episode] = book.open_episodes(connection)
    book.resolve(connection, episode.id, at=1060.0, ending=Ending.MEASURED, now=1060.0)
    book.resolve(connection, episode.id, at=1099.0, ending=Ending.DECLARED, now=1099.0)
    [(resolved, _)] = book.list_episodes(connection, since=0, limit=10)
    assert (resolved.resolved_at, resolved.ending) == (1060.0, Ending.MEASURED)


def test_doubt_becomes_unknown_and_confirmation_ends_it(connection: sqlite3.Connection) -> None:
    enter(connection, make_alert())
    [episode] = book.open_episodes(connection)
    book.doubt(connection, episode.id, since=1010.0)
    book.doubt(connection, episode.id, since=1020.0)
    book.mark_unknown(connection, episode.id, now=1070.0)
    [unknown] = book.open_episodes(connection)
    assert (unknown.state, unknown.doubted_at) == (State.UNKNOWN, 1010.0)
    assert book.count_by_state(connection) == {"unknown": 1}
    book.confirm(connection, episode.id, now=1070.0)
    [confirmed] = book.open_episodes(connection)
    assert (confirmed.state, confirmed.doubted_at) == (State.FIRING, None)


def test_unknown_is_not_told(connection: sqlite3.Connection) -> None:
    enter(connection, make_alert())
    [item] = outbox.pending(connection, "discord", now=LATER)
    outbox.mark_sent(connection, "discord", item, message="1", edited=True, now=1002.0)
    book.mark_unknown(connection, item.episode.id, now=1070.0)
    assert outbox.pending(connection, "discord", now=LATER) == []


def test_no_flood_of_others_hides_what_fires_of_our_own(connection: sqlite3.Connection) -> None:
    enter(connection, make_alert())
    enter(connection, *(make_alert(name="Flood", node=f"n{number}") for number in range(30)))
    [(episode, _)] = book.list_episodes(connection, since=0, limit=1, first=["CpuHot"])
    assert episode.alertname == "CpuHot"


def test_no_flood_of_warnings_hides_what_is_critical(connection: sqlite3.Connection) -> None:
    enter(connection, make_alert(name="Strange", severity="critical"))
    enter(connection, *(make_alert(name="Flood", node=f"n{number}", severity="warning") for number in range(30)))
    enter(connection, make_alert(name="OfNoSeverity", severity=""))
    [(episode, _), *others] = book.list_episodes(connection, since=0, limit=3)
    assert episode.alertname == "Strange"
    assert [other.alertname for other, _ in others] == ["OfNoSeverity", "Flood"]


def test_list_shows_open_ones_and_the_recently_resolved(connection: sqlite3.Connection) -> None:
    enter(connection, make_alert(node="a"), make_alert(node="b"), make_alert(node="c"))
    a, b, _ = book.open_episodes(connection)
    book.resolve(connection, a.id, at=1100.0, ending=Ending.MEASURED, now=1100.0)
    book.resolve(connection, b.id, at=5000.0, ending=Ending.MEASURED, now=5000.0)
    shown = book.list_episodes(connection, since=4000.0, limit=10)
    assert [episode.labels["node"] for episode, _ in shown] == ["c", "b"]
    assert [[delivery.receiver for delivery in told] for _, told in shown] == [["discord"], ["discord"]]


def test_old_episodes_are_forgotten_with_all_that_hangs_on_them(connection: sqlite3.Connection) -> None:
    enter(connection, make_alert(node="a"), make_alert(node="b"))
    items = outbox.pending(connection, "discord", now=LATER)
    digest, _ = outbox.open_digest(connection, "discord", items, now=1002.0)
    outbox.mark_digest_sent(connection, "discord", items, digest, now=5000.0)
    for item in items:
        book.resolve(connection, item.episode.id, at=1100.0, ending=Ending.MEASURED, now=1100.0)
    # However lately it was sent: of a digest without alerts there is nothing to show.
    assert past.forget(connection, before=1101.0, most=100, waiting_since=2000.0) == 2
    for table in ("episode", "delivery", "digest", "digest_item"):
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == 0


def test_what_waits_is_not_forgotten_however_long_ago_it_ended(connection: sqlite3.Connection) -> None:
    """The sender's clock may be years behind."""
    enter(connection, make_alert(), now=9_000.0)
    [episode] = book.open_episodes(connection)
    book.resolve(connection, episode.id, at=1100.0, ending=Ending.MEASURED, now=9_001.0)
    assert past.forget(connection, before=2000.0, most=100, waiting_since=2000.0) == 0
    assert past.forget(connection, before=9_002.0, most=100, waiting_since=9_002.0) == 1


def test_history_is_bounded_in_number_too(connection: sqlite3.Connection) -> None:
    for number in range(5):
        enter(connection, make_alert(node=f"n{number}"))
        [episode] = book.open_episodes(connection)
        book.resolve(connection, episode.id, at=1100.0, ending=Ending.MEASURED, now=1100.0)
        for item in outbox.pending(connection, "discord", now=LATER):
            outbox.mark_sent(connection, "discord", item, message=None, edited=False, now=1101.0)
    assert past.forget(connection, before=0.0, most=3, waiting_since=0.0) == 2
    left = [episode.labels["node"] for episode, _ in book.list_episodes(connection, since=0, limit=9)]
    assert left == ["n4", "n3", "n2"]


def test_what_is_never_told_is_kept_no_longer_than_other_history(connection: sqlite3.Connection) -> None:
    for number, dead in enumerate((Dead.WITHHELD, Dead.DISCARDED, Dead.LETTER)):
        enter(connection, make_alert(node=f"n{number}"))
        [episode] = book.open_episodes(connection)
        book.resolve(connection, episode.id, at=1100.0, ending=Ending.MEASURED, now=1100.0)
        connection.execute("UPDATE delivery SET dead = ? WHERE episode = ?", (dead, episode.id))
    assert past.forget(connection, before=0.0, most=0, waiting_since=0.0) == 2
    [(left, _)] = book.list_episodes(connection, since=0, limit=9)
    assert left.labels["node"] == "n2"


def test_missed_alert_is_not_reopened_while_or_after_its_episode(connection: sqlite3.Connection) -> None:
    enter(connection, make_alert())
    [episode] = book.open_episodes(connection)
    assert book.was_over_since(connection, episode.fingerprint, 1000.0)
    book.resolve(connection, episode.id, at=1060.0, ending=Ending.MEASURED, now=1060.0)
    assert book.was_over_since(connection, episode.fingerprint, 1000.0)
    assert not book.was_over_since(connection, episode.fingerprint, 1100.0)


def test_daily_test_is_told_once_and_its_end_is_no_news(connection: sqlite3.Connection) -> None:
    came = make_alert(name="DailyTest", receiver="mail", severity="info")
    assert len(enter(connection, came).opened) == 1
    # Alertmanager repeats what it forgot that it told.
    assert enter(connection, came).opened == []
    over = make_alert(name="DailyTest", receiver="mail", severity="info", firing=False, ends_at=1060.0)
    assert enter(connection, over, now=1061.0).resolved == []
    [item] = outbox.pending(connection, "discord", now=LATER)
    assert (item.delivery.wanted, item.episode.expires_at) == (State.FIRING, 1301.0)
    assert (
        len(enter(connection, make_alert(name="DailyTest", receiver="mail", severity="info", starts_at=87400)).opened)
        == 1
    )
