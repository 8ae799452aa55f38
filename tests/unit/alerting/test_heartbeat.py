"""The heartbeat to the outside: what is sent to whom, and when nothing is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, cast

import pytest
from yarl import URL

from hune.alerting.chain.heartbeat import Heartbeat, beat
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


@pytest.mark.parametrize("path", ["/x", "/api/push/x"])
def test_who_asks_for_a_password_is_given_it_in_trouble_too(path: str) -> None:
    url = URL(f"https://hune:p%40ss@[fd00::1]:8443{path}")
    for trouble in ("", "no mail"):
        made = beat(url, trouble).url
        assert (made.user, made.password, made.host, made.port) == ("hune", "p@ss", "fd00::1", 8443)


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


class AtOnce(ThreadPoolExecutor):
    """Does at once what others leave to a thread, which a clock that is stepped doesn't wait for."""

    def submit(self, work: Callable[..., Any], /, *given: Any, **named: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(work(*given, **named))
        return done


class Subject:
    """A heartbeat, what is wrong, and how often its secret was read."""

    def __init__(self, service: Service, trouble: str | None = "") -> None:
        self.trouble, self.opened, self.clock = trouble, 0, SteppedClock()
        self._service = service
        self._task: asyncio.Task[None] | None = None
        self.heartbeat = Heartbeat(self._open, self._now, every_seconds=60.0, clock=self.clock, count=lambda _: None)

    def _open(self) -> Endpoint:
        self.opened += 1
        return cast("Endpoint", self._service)

    async def _now(self) -> str | None:
        return self.trouble

    async def live(self, seconds: float) -> None:
        """Let it beat for so long."""
        asyncio.get_running_loop().set_default_executor(AtOnce())
        self._task = self._task or asyncio.create_task(self.heartbeat.run())
        for _ in range(round(seconds)):
            await self.clock.advance(1.0)


async def test_no_beat_is_sent_while_the_chain_is_silent() -> None:
    service = Service([200])
    subject = Subject(service, None)
    await subject.live(5)
    assert service.called == []
    assert "not heard" in subject.heartbeat.report()["problem"]
    subject.trouble = ""
    await subject.live(50)
    assert service.called == ["GET /secret"]
    assert subject.heartbeat.report()["problem"] == ""
    assert subject.heartbeat.accepted_at


async def test_what_is_wrong_is_said_at_once_and_that_it_is_mended_too() -> None:
    service = Service([200] * 9)
    subject = Subject(service)
    await subject.live(10)
    subject.trouble = "alerts can't be stored"
    await subject.live(10)
    subject.trouble = ""
    await subject.live(10)
    assert service.called == ["GET /secret", "POST /secret/fail", "GET /secret"]


@pytest.mark.parametrize(("answer", "times"), [(404, 2), (302, 2), (TryLater("no answer in time"), 1)])
async def test_a_beat_that_is_not_accepted_is_tried_again_and_a_refused_url_read_anew(
    answer: int | Exception, times: int
) -> None:
    service = Service([answer, 200])
    subject = Subject(service)
    assert not await subject.heartbeat.round("")
    assert subject.heartbeat.report()["problem"]
    assert "secret" not in subject.heartbeat.report()["problem"]
    assert await subject.heartbeat.round("")
    assert subject.opened == times
