"""The heartbeat to the outside: what is sent to whom, and when nothing is sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest
from yarl import URL

from hune.alerting.heartbeat import Heartbeat, beat
from hune.alerting.notifiers import ReceiverRefused, TryLater
from hune.alerting.notifiers.calling import Answer, Endpoint
from support.stepped_clock import SteppedClock


def said(url: str, trouble: str = "") -> tuple[str, str, bytes]:
    made = beat(URL(url, encoded=True), trouble)
    return made.method, str(made.url), made.body


def test_healthchecks_are_called_as_they_want_it() -> None:
    url = "https://hc-ping.com/key/hune?create=1"
    assert said(url) == ("GET", url, b"")
    assert said(url, "alerts can't be\nstored") == (
        "POST",
        "https://hc-ping.com/key/hune/fail?create=1",
        b"alerts can't be stored",
    )


def test_uptime_kuma_is_told_in_the_query() -> None:
    url = "https://kuma.example/api/push/Secret1?status=up&msg=OK&ping="
    assert said(url) == ("GET", "https://kuma.example/api/push/Secret1?status=up&msg=OK", b"")
    assert said(url, "no & more") == (
        "GET",
        "https://kuma.example/api/push/Secret1?status=down&msg=no%20%26%20more",
        b"",
    )


def test_a_reason_is_short() -> None:
    assert len(said("https://hc.example/x", "y" * 9999)[2]) == 400


class Service:
    """An endpoint that answers as told."""

    def __init__(self, answers: Sequence[int | Exception]) -> None:
        self.url = URL("https://hc.example/secret")
        self.answers = list(answers)
        self.called: list[str] = []

    async def call(self, _kind: str, _body: bytes, *, method: str, url: URL, **_: Any) -> Answer:
        self.called.append(f"{method} {url.path}")
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Answer(answer, {}, "", None)

    def judge(self, answer: Answer) -> Exception:
        return ReceiverRefused(f"answered {answer.status}", remedy="")


def heartbeat(service: Service, trouble: list[str | None], opened: list[int]) -> Heartbeat:
    def reopen() -> Endpoint:
        opened.append(1)
        return cast("Endpoint", service)

    async def now() -> str | None:
        return trouble[0]

    return Heartbeat(reopen, now, every_seconds=60.0, clock=SteppedClock(), count=lambda _: None)


async def test_no_beat_is_sent_while_the_chain_is_silent() -> None:
    service, trouble = Service([200]), [None]
    beating = heartbeat(service, cast("list[str | None]", trouble), [])
    assert not await beating.round()
    assert service.called == []
    assert "not heard" in beating.report()["problem"]
    trouble[0] = cast("None", "")
    assert await beating.round()
    assert service.called == ["GET /secret"]
    assert beating.report()["problem"] == ""
    assert beating.report()["accepted_at"] == beating.accepted_at


async def test_what_is_wrong_is_said() -> None:
    service = Service([200])
    await heartbeat(service, ["alerts can't be stored"], []).round()
    assert service.called == ["POST /secret/fail"]


@pytest.mark.parametrize(("answer", "times"), [(404, 2), (302, 2), (TryLater("no answer in time"), 1)])
async def test_a_beat_that_is_not_accepted_is_tried_again_and_a_refused_url_read_anew(
    answer: int | Exception, times: int
) -> None:
    service, opened = Service([answer, 200]), list[int]()
    beating = heartbeat(service, [""], opened)
    assert not await beating.round()
    assert beating.report()["problem"]
    assert "secret" not in beating.report()["problem"]
    assert await beating.round()
    assert len(opened) == times
