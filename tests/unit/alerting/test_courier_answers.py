"""Couriers: what follows from each answer of a receiver."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable

import pytest

from hune.alerting.hub.timing import Timing
from hune.alerting.notifiers import ContentRefused, Notice, Receipt, ReceiverRefused, TryLater
from hune.alerting.state import outbox
from hune.alerting.state.episode import Dead
from hune.alerting.state.outbox import Which
from hune.core.errors import InputError
from support.courier_bench import Bench


async def test_passing_failure_is_tried_again_later_and_later(bench: Bench) -> None:
    await bench.fire("a")
    bench.notifier.answers = [TryLater("answered 503") for _ in range(12)]
    waits = [await bench.courier.round() or 0.0 for _ in range(12)]
    assert 0.25 <= waits[0] <= 0.5
    assert waits[-1] > 7.0
    assert max(waits) <= Timing().retry_ceiling
    [delivery] = await bench.deliveries()
    assert (delivery.state, delivery.problem) == ("failed", "answered 503")
    await bench.rounds()
    assert bench.notifier.told == ["a firing"]
    assert (await bench.report())["problem"] == ""


async def test_receiver_that_says_when_is_obeyed(bench: Bench) -> None:
    await bench.fire("a")
    bench.notifier.answers = [
        TryLater("answered 429", after_seconds=7.5, limited=True),
        TryLater("answered 503", after_seconds=90.0),
    ]
    assert await bench.courier.round() == pytest.approx(7.55)
    assert await bench.courier.round() == 90.0


async def test_receiver_that_asks_for_no_pause_at_all_is_not_hammered(bench: Bench) -> None:
    await bench.fire("a")
    bench.notifier.answers = [TryLater("answered 429", after_seconds=0.0, limited=True) for _ in range(9)]
    waits = [await bench.courier.round() or 0.0 for _ in range(9)]
    assert waits[0] >= 0.25
    assert waits[-1] >= 7.0


async def test_receiver_that_asks_for_patience_for_long_is_called_failing(bench: Bench) -> None:
    await bench.fire("a", "b")
    bench.notifier.answers = [TryLater("answered 429", after_seconds=90.0, limited=True)]
    await bench.courier.round()
    assert not (await bench.report())["failing"]
    bench.clock.time += 90
    assert (await bench.report())["failing"]
    await bench.rounds()
    assert bench.notifier.told == ["digest of a firing, b firing after an outage at http://hune/alerts?digest=1"]


async def test_edit_that_has_to_wait_delays_no_alert_and_calls_nobody_failing(bench: Bench) -> None:
    """Discord takes few edits of messages that are older than an hour."""
    episodes = await bench.fire(*"abcdef"[:5])
    await bench.rounds()
    episodes += await bench.fire("f")
    await bench.resolve(*episodes)
    await bench.courier.round()
    bench.notifier.told.clear()
    bench.notifier.answers = [TryLater("answered 429", after_seconds=900.0, limited=True)]
    assert await bench.rounds() is None
    assert (await bench.report())["state"] == "working"
    assert bench.courier._look_seconds() == 30.0
    await bench.fire("g")
    assert await bench.rounds() is None
    assert bench.notifier.told == ["g firing"]
    bench.clock.time += 880
    assert 19.0 < bench.courier._look_seconds() < 21.0
    bench.clock.time += 20
    await bench.rounds()
    assert bench.notifier.told[1:] == [f"edit m{n}: {node} resolved" for n, node in enumerate("abcde", 1)]


async def test_new_secret_of_a_receiver_that_worked_is_read_at_once(bench: Bench) -> None:
    await bench.fire("a")
    await bench.rounds()
    await bench.fire("b")
    bench.notifier.answers = [ReceiverRefused("answered 401: revoked")]
    assert await bench.rounds() is None
    assert bench.notifier.told == ["a firing", "b firing"]
    assert (bench.made, (await bench.report())["state"]) == (2, "working")
    # That it is refused with the secret of now is what a person has to mend.
    await bench.fire("c")
    bench.notifier.answers = [ReceiverRefused("answered 401: revoked") for _ in range(2)]
    assert await bench.rounds() == 600.0
    assert (bench.made, (await bench.report())["state"]) == (3, "broken")


async def test_edit_that_is_accepted_shows_that_a_receiver_works_again(bench: Bench) -> None:
    episodes = await bench.fire(*"abcde")
    await bench.rounds()
    episodes += await bench.fire("f")
    await bench.resolve(*episodes)
    await bench.courier.round()
    bench.notifier.answers = [ReceiverRefused("answered 401: revoked") for _ in range(2)]
    assert await bench.rounds() is None
    assert (await bench.report())["failing"]
    assert await bench.rounds() is None
    assert (await bench.report())["failing"]
    bench.clock.time += 600
    assert await bench.rounds() is None
    assert (await bench.report())["state"] == "working"


@pytest.mark.parametrize(("asked", "kept"), [(1.0, 1.0), (0.0, 0.5), (None, 15.0)])
async def test_edit_waits_no_longer_than_the_service_asks_for(bench: Bench, asked: float | None, kept: float) -> None:
    """Slack takes one a second: what hundreds of messages show is set right within minutes."""
    episodes = await bench.fire(*"abcde")
    await bench.rounds()
    episodes += await bench.fire("f")
    await bench.resolve(*episodes)
    await bench.courier.round()
    bench.notifier.answers = [TryLater("asks for a pause", after_seconds=asked)]
    assert await bench.rounds() is None
    assert bench.courier._look_seconds() == kept


async def test_edit_that_is_refused_delays_no_alert(bench: Bench) -> None:
    episodes = await bench.fire(*"abcde")
    await bench.rounds()
    episodes += await bench.fire("f")
    await bench.resolve(*episodes)
    await bench.courier.round()
    bench.notifier.told.clear()
    bench.notifier.answers = [ReceiverRefused("answered 403: may not edit") for _ in range(2)]
    await bench.rounds()
    await bench.fire("g")
    assert await bench.rounds() is None
    assert bench.notifier.told == ["g firing"]
    assert (await bench.report())["state"] == "working"
    bench.courier.hurry()
    await bench.rounds()
    assert bench.notifier.told[1:] == [f"edit m{n}: {node} resolved" for n, node in enumerate("abcde", 1)]


@pytest.mark.parametrize("refused", [False, True])
async def test_receiver_that_is_mended_at_once_gets_everything_at_once(bench: Bench, refused: bool) -> None:
    """What it refused as a whole is tried as soon as it takes something, or refuses it for what it says."""
    await bench.fire("a", "b", "c")
    bench.notifier.answers = [ReceiverRefused("answered 404")]
    assert await bench.courier.round() == 600.0
    bench.clock.time += 30
    bench.courier.hurry()
    bench.notifier.answers = [ContentRefused("answered 400")] if refused else []
    assert await bench.rounds() is None
    assert bench.notifier.told == ["a firing", "b firing", "c firing"][refused:]


async def test_message_refused_without_a_reason_is_tried_ever_more_seldom_and_not_for_ever(bench: Bench) -> None:
    """Apprise only says no: of a wrong token, of one number among several, of a network that is down."""
    bench.courier._timing = Timing(unexplained=7200.0)
    await bench.fire("a")
    tries = 0
    begun = bench.clock.time
    while True:
        bench.notifier.answers = [TryLater("not accepted", unexplained=True)]
        wait = await bench.courier.round()
        tries += not bench.notifier.answers
        if wait is None:
            break
        assert wait <= 600.0
        bench.clock.time += wait
        if (await bench.deliveries())[0].dead:
            bench.notifier.answers.clear()
    assert 7200 <= bench.clock.time - begun < 8400
    assert tries < 50
    assert bench.made >= tries
    [delivery] = await bench.deliveries()
    assert (delivery.dead, delivery.problem) == (Dead.LETTER, "not accepted")
    # What comes now is tried as long, and told as soon as it is taken.
    await bench.fire("b")
    bench.notifier.answers = [TryLater("not accepted", unexplained=True)]
    assert await bench.courier.round() == 600.0
    assert (await bench.deliveries())[1].state == "failed"
    await bench.rounds()
    assert bench.notifier.told == ["b firing"]
    assert await bench.database.write(lambda connection: outbox.revive(connection, Which(), now=bench.clock.time)) == 1
    await bench.rounds()
    assert bench.notifier.told == ["b firing", "a firing"]


async def test_pause_that_the_receiver_asks_for_is_kept(bench: Bench) -> None:
    await bench.fire("a", "b")
    bench.notifier.pause_seconds = 1.9
    assert await bench.courier.round() == 1.9
    assert bench.notifier.told == ["a firing"]


async def test_after_an_outage_the_current_state_goes_out_as_a_digest(bench: Bench) -> None:
    a, _ = await bench.fire("a", "b")
    bench.notifier.answers = [TryLater("connection refused")] * 2
    await bench.courier.round()
    bench.clock.time += 600
    await bench.courier.round()
    await bench.resolve(a)
    assert (await bench.report())["failing"]
    await bench.rounds()
    assert bench.notifier.told == ["digest of b firing, a came and went after an outage at http://hune/alerts?digest=1"]
    assert not (await bench.report())["failing"]


async def test_short_failure_leaves_single_messages(bench: Bench) -> None:
    await bench.fire("a", "b")
    bench.notifier.answers = [TryLater("answered 500")]
    await bench.courier.round()
    await bench.rounds()
    assert bench.notifier.told == ["a firing", "b firing"]


async def test_deleted_receiver_is_tried_seldom_and_keeps_its_dead_letters(bench: Bench) -> None:
    await bench.fire("a")
    bench.notifier.answers = [ReceiverRefused("answered 404: the webhook is gone")]
    assert await bench.courier.round() == 600.0
    report = await bench.report()
    assert (report["state"], report["failing"], report["dead"]) == ("broken", True, 1)
    [delivery] = await bench.deliveries()
    assert delivery.state == "dead"
    bench.clock.time += 600
    await bench.fire("b")
    await bench.rounds()
    assert bench.notifier.told == ["digest of a firing, b firing after an outage at http://hune/alerts?digest=1"]
    assert (await bench.report())["state"] == "working"
    assert bench.made == 2


@pytest.mark.parametrize("number", [1, 7])
async def test_what_is_held_before_its_message_is_leased_says_nothing_of_the_receiver(
    bench: Bench, number: int
) -> None:
    episodes = await bench.fire(*(f"n{index}" for index in range(number)))
    bench.notifier.answers = [ReceiverRefused("answered 404: the webhook is gone")]
    await bench.courier.round()

    async def hold() -> None:
        await bench.database.write(lambda c: c.execute("UPDATE episode SET held = '[]'").rowcount)

    loop = asyncio.get_running_loop()
    bench.meanwhile = lambda: asyncio.run_coroutine_threadsafe(hold(), loop).result(120)
    bench.clock.time += 600
    await bench.rounds()
    assert bench.notifier.told == []
    assert (await bench.report())["state"] == "broken"
    assert len(episodes) == number


async def test_what_is_held_meanwhile_is_not_refused_with_the_others(bench: Bench) -> None:
    held, *_ = await bench.fire(*(f"n{index}" for index in range(7)))

    async def hold() -> None:
        await bench.database.write(lambda c: c.execute("UPDATE episode SET held = '[]' WHERE id = ?", (held,)).rowcount)

    loop = asyncio.get_running_loop()
    bench.meanwhile = lambda: asyncio.run_coroutine_threadsafe(hold(), loop).result(120)
    bench.notifier.answers = [ContentRefused("answered 400")]
    await bench.courier.round()
    assert [delivery.state for delivery in await bench.deliveries()] == ["pending", *["dead"] * 6]


async def test_unreadable_secret_breaks_only_this_receiver_until_it_is_mended(bench: Bench) -> None:
    await bench.fire("a")
    bench.unmakeable = InputError("env:DISCORD_WEBHOOK_URL: not set")
    assert await bench.courier.round() == 600.0
    report = await bench.report()
    assert (report["state"], report["problem"]) == ("broken", "env:DISCORD_WEBHOOK_URL: not set")
    bench.unmakeable = None
    await bench.rounds()
    assert bench.notifier.told == ["a firing"]


@pytest.mark.parametrize("error", [ContentRefused("answered 400"), KeyError("a fault of ours")])
async def test_alert_that_is_refused_holds_nobody_up(bench: Bench, error: Exception) -> None:
    await bench.fire("a", "b")
    bench.notifier.answers = [error]
    assert await bench.rounds() is None
    assert bench.notifier.told == ["b firing"]
    assert [delivery.state for delivery in await bench.deliveries()] == ["dead", "sent"]
    bench.clock.time += 86_400
    await bench.rounds()
    assert bench.notifier.told == ["b firing"]
    assert await bench.database.write(lambda connection: outbox.revive(connection, Which(), now=1030.0)) == 1
    await bench.rounds()
    assert bench.notifier.told == ["b firing", "a firing"]


async def test_end_of_an_alert_whose_message_was_refused_is_told(bench: Bench) -> None:
    [episode] = await bench.fire("a")
    bench.notifier.answers = [ContentRefused("answered 400")]
    await bench.rounds()
    await bench.resolve(episode)
    await bench.rounds()
    assert bench.notifier.told == ["a came and went"]


@pytest.mark.parametrize("error", [ContentRefused("answered 400"), KeyError("a fault of ours")])
async def test_alert_that_ends_while_its_message_is_refused_is_told_to_be_over(bench: Bench, error: Exception) -> None:
    [episode] = await bench.fire("a")
    tell = bench.notifier.tell

    async def refuse(_notice: Notice) -> Receipt:
        await bench.resolve(episode)
        bench.notifier.tell = tell  # type: ignore[method-assign]
        raise error

    bench.notifier.tell = refuse  # type: ignore[method-assign, assignment]
    assert await bench.rounds() is None
    assert bench.notifier.told == ["a came and went"]
    assert [delivery.state for delivery in await bench.deliveries()] == ["sent"]


async def test_discarded_letter_is_never_sent_and_counts_no_more(bench: Bench) -> None:
    episodes = await bench.fire("a", "b")
    bench.notifier.answers = [ContentRefused("answered 400"), ContentRefused("answered 400")]
    await bench.rounds()
    assert (await bench.report())["letters"] == 2
    await bench.database.write(
        lambda connection: outbox.discard(connection, Which([episodes[0]], "discord"), now=1030.0)
    )
    assert [delivery.state for delivery in await bench.deliveries()] == ["discarded", "dead"]
    await bench.database.write(lambda connection: outbox.revive(connection, Which(), now=1030.0))
    await bench.resolve(episodes[0])
    await bench.rounds()
    assert bench.notifier.told == ["b firing"]
    report = await bench.report()
    assert (report["pending"], report["dead"], report["letters"]) == (0, 0, 0)


async def test_mark_is_repeated_until_the_file_takes_it_and_nothing_is_sent_twice(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.fire("a")
    write, failures = bench.database.write, 3

    async def full(operation: Callable[[sqlite3.Connection], object]) -> object:
        nonlocal failures
        if bench.notifier.told and failures:
            failures -= 1
            raise _full()
        return await write(operation)

    monkeypatch.setattr(bench.database, "write", full)
    await bench.rounds()
    assert bench.notifier.told == ["a firing"]
    assert failures == 0
    assert [delivery.state for delivery in await bench.deliveries()] == ["sent"]


def _full() -> Exception:
    from hune.core.errors import Unavailable

    return Unavailable("disk full")


async def test_order_of_one_alert_is_kept_across_episodes(bench: Bench) -> None:
    [first] = await bench.fire("a")
    await bench.rounds()
    await bench.resolve(first)
    bench.clock.time += 1
    await bench.fire("a")
    await bench.rounds()
    assert bench.notifier.told == ["a firing", "a resolved", "a firing"]


@pytest.mark.parametrize("while_trying", [True, False])
async def test_asked_for_a_try_at_once_it_waits_no_longer(bench: Bench, while_trying: bool) -> None:
    """Somebody mends a receiver that is tried every 10 minutes, and wants to see it work."""
    resting = asyncio.Event()

    async def sleep(_seconds: float) -> None:
        resting.set()
        await asyncio.Event().wait()

    bench.clock.sleep = sleep  # type: ignore[method-assign, assignment]
    bench.notifier.answers = [ReceiverRefused("answered 404")]
    if while_trying:
        bench.meanwhile = bench.courier.hurry
    await bench.fire("a")
    running = asyncio.create_task(bench.courier.run())
    if not while_trying:
        await resting.wait()
        bench.courier.hurry()
    async with asyncio.timeout(120.0):
        while bench.notifier.told != ["a firing"]:  # noqa: ASYNC110 - of the thread that stores
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
