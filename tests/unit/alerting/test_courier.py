"""Couriers: what goes into a message."""

from __future__ import annotations

import asyncio

import pytest

from hune.alerting.hub.deliver import SINGLE_LIMIT
from hune.alerting.notifiers import Notice, Receipt
from support.courier_bench import Bench


@pytest.mark.parametrize("number", [1, 7])
async def test_what_ends_before_its_message_is_leased_is_told_once_as_it_is(bench: Bench, number: int) -> None:
    """A flood goes while the message about it waits for its turn to be written down."""
    episodes = await bench.fire(*(f"n{index}" for index in range(number)))
    loop = asyncio.get_running_loop()
    bench.meanwhile = lambda: asyncio.run_coroutine_threadsafe(bench.resolve(*episodes), loop).result(120)
    assert await bench.rounds() is None
    [told] = bench.notifier.told
    assert told.count("came and went") == number
    assert "firing" not in told
    assert [delivery.state for delivery in await bench.deliveries()] == ["sent"] * number


async def test_few_alerts_get_a_message_each_in_order(bench: Bench) -> None:
    await bench.fire("a", "b", "c")
    assert await bench.rounds() is None
    assert bench.notifier.told == ["a firing", "b firing", "c firing"]
    assert [delivery.state for delivery in await bench.deliveries()] == ["sent"] * 3


async def test_many_alerts_become_one_digest_with_a_link(bench: Bench) -> None:
    await bench.fire(*"abcdef")
    await bench.rounds()
    names = ", ".join(f"{node} firing" for node in "abcdef")
    assert bench.notifier.told == [f"digest of {names} at http://hune/alerts?digest=1"]
    assert {delivery.digest for delivery in await bench.deliveries()} == {1}


async def test_limit_of_single_messages_is_kept(bench: Bench) -> None:
    await bench.fire(*"abcde"[:SINGLE_LIMIT])
    await bench.rounds()
    assert len(bench.notifier.told) == SINGLE_LIMIT


async def test_resolution_follows_its_message(bench: Bench) -> None:
    [episode] = await bench.fire("a")
    await bench.rounds()
    await bench.resolve(episode)
    await bench.rounds()
    assert bench.notifier.told == ["a firing", "a resolved"]
    [delivery] = await bench.deliveries()
    assert delivery.message == f"m{episode}"


async def test_alert_over_before_it_was_told_is_one_message(bench: Bench) -> None:
    [episode] = await bench.fire("a")
    await bench.resolve(episode)
    await bench.rounds()
    assert bench.notifier.told == ["a came and went"]


async def test_end_during_sending_is_told_next(bench: Bench) -> None:
    [episode] = await bench.fire("a")
    tell = bench.notifier.tell

    async def tell_slowly(notice: Notice) -> Receipt:
        await bench.resolve(episode)
        return await tell(notice)

    bench.notifier.tell = tell_slowly  # type: ignore[method-assign]
    await bench.courier.round()
    bench.notifier.tell = tell  # type: ignore[method-assign]
    await bench.rounds()
    assert bench.notifier.told == ["a firing", "a resolved"]


async def test_resolutions_in_a_digest_also_edit_the_messages(bench: Bench) -> None:
    early = await bench.fire("a", "b", "c")
    await bench.rounds()
    late = await bench.fire("d", "e", "f")
    await bench.rounds()
    await bench.resolve(*early, *late)
    bench.notifier.told.clear()
    assert await bench.rounds() is None
    assert bench.notifier.told[0].startswith("digest of a resolved, b resolved")
    assert bench.notifier.told[1:] == [f"edit m{n}: {node} resolved" for n, node in enumerate("abcdef", 1)]


async def test_deleted_message_is_not_edited_for_ever(bench: Bench) -> None:
    episodes = await bench.fire("a", "b", "c")
    await bench.rounds()
    episodes += await bench.fire("d", "e", "f")
    await bench.rounds()
    bench.notifier.deleted = {"m1"}
    await bench.resolve(*episodes)
    assert await bench.rounds() is None
    assert (await bench.deliveries())[0].message is None
