"""Those who must report: how many are heard at once."""

from __future__ import annotations

from collections.abc import Iterator

from starlette.applications import Starlette
from starlette.types import Message

from hune.alerting.chain.expected import Bucket, Expectations
from hune.alerting.hub.metrics import HubMetrics
from hune.site.heartbeats import Expected
from support.stepped_clock import SteppedClock


def test_so_many_at_once_and_so_many_more_each_second() -> None:
    bucket = Bucket(burst=3.0, per_second=0.5)
    assert [bucket.takes(100.0) for _ in range(4)] == [True, True, True, False]
    assert not bucket.takes(101.0)
    assert bucket.takes(102.0)
    assert not bucket.takes(102.0)
    # However long nobody comes, not more than so many come at once.
    assert [bucket.takes(9000.0) for _ in range(4)] == [True, True, True, False]


def test_grace_is_as_long_as_the_interval_unless_it_is_given() -> None:
    assert Expected(name="paris", key="env:KEY").limit_seconds == 120
    assert Expected(name="nas", key="env:KEY", every="1d", grace="2h").limit_seconds == 26 * 3600


async def test_a_failure_whose_words_break_off_is_one_all_the_same() -> None:
    wanted = [Expected(name="nas", key="env:KEY")]
    expected = Expectations(wanted, lambda _: "a-key-that-nobody-guesses", clock=SteppedClock(), metrics=HubMetrics())
    await expected.begin({})
    came: Iterator[Message] = iter(
        [{"type": "http.request", "body": b"disk fu", "more_body": True}, {"type": "http.disconnect"}]
    )

    async def receive() -> Message:
        return next(came)

    async def send(_message: Message) -> None:
        pass

    path = "/heartbeats/nas/a-key-that-nobody-guesses/fail"
    scope = {"type": "http", "method": "POST", "path": path, "root_path": "", "query_string": b"", "headers": []}
    await Starlette(routes=expected.routes())(scope, receive, send)
    [nas] = expected.report()
    assert (nas["detail"], nas["silence_seconds"]) == ("disk fu", 121.0)
