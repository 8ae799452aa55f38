"""Which message is sent when: what is new is posted, whatever becomes of the message that told of it before."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from hune.alerting.notifiers import ContentRefused, Digest, Notice, ReceiverRefused, TryLater
from hune.alerting.notifiers.telling import MessageNotifier
from hune.alerting.state.episode import Again
from support.notices import notice


class Words:
    """A composer whose messages are words."""

    def alert(self, told: Notice) -> str:
        return f"alert {told.told}"

    def reply(self, told: Notice) -> str:
        return f"reply to {told.message}"

    def digest(self, _digest: Digest) -> str:
        return "digest"

    def plain(self, text: str) -> str:
        return f"plain {text}"

    def headline(self, _told: Notice) -> str:
        return "headline"

    def digest_line(self, _digest: Digest) -> str:
        return "digest line"


class Service:
    """A channel that notes what it is given."""

    def __init__(self, *, edits: bool = True) -> None:
        self.edits = edits
        self.given: list[str] = []
        self.edit: bool | Exception = True
        self.refused: set[str] = set()

    @property
    def pause_seconds(self) -> float:
        return 0.0

    async def post(self, payload: str) -> str | None:
        self.given.append(payload)
        if payload in self.refused:
            raise ContentRefused("answered 400")
        return "m2"

    async def patch(self, message: str, payload: str) -> bool:
        self.given.append(f"edit {message}: {payload}")
        if isinstance(self.edit, Exception):
            raise self.edit
        return self.edit


OVER = notice(over=True, is_news=False, message="m1")
REMINDER = replace(notice(is_news=False, message="m1"), again=Again.REMINDER)


@pytest.mark.parametrize(
    ("edit", "reply", "message", "edited"),
    [
        (True, "reply to m1", "m1", True),
        (TryLater("answered 429", limited=True), "reply to m1", "m1", False),
        (TryLater("no answer in time"), "reply to m1", "m1", False),
        (False, "reply to None", None, True),
        (ContentRefused("answered 400"), "reply to None", None, True),
        (ReceiverRefused("answered 403"), "reply to None", None, True),
    ],
)
async def test_end_is_posted_whatever_becomes_of_the_edit(
    edit: bool | Exception, reply: str, message: str | None, edited: bool
) -> None:
    service = Service()
    service.edit = edit
    receipt = await MessageNotifier(service, Words()).tell(OVER)
    assert service.given == ["edit m1: alert resolved", reply]
    assert (receipt.message, receipt.edited) == (message, edited)


@pytest.mark.parametrize(("edit", "message"), [(True, "m1"), (TryLater("answered 500"), "m1"), (False, "m2")])
async def test_reminder_becomes_the_message_of_an_alert_whose_own_is_gone(edit: bool | Exception, message: str) -> None:
    service = Service()
    service.edit = edit
    receipt = await MessageNotifier(service, Words()).tell(REMINDER)
    assert service.given[1].startswith("reply")
    assert receipt.message == message


async def test_channel_that_cannot_edit_is_not_asked_to() -> None:
    service = Service(edits=False)
    receipt = await MessageNotifier(service, Words()).tell(OVER)
    assert service.given == ["reply to m1"]
    assert receipt.message is None
    assert (await MessageNotifier(service, Words()).tell(REMINDER)).message == "m2"


async def test_message_that_is_refused_is_said_in_bare_words() -> None:
    service = Service()
    service.refused = {"alert firing"}
    await MessageNotifier(service, Words()).tell(notice())
    assert service.given == ["alert firing", "plain headline"]
    with pytest.raises(ContentRefused):
        await MessageNotifier(service, Words(), has_plain=False).tell(notice())


class StrictService(Service):
    """One between whose messages a pause has to lie, as `Endpoint` sees to."""

    free_at = 0.0

    @property
    def pause_seconds(self) -> float:
        return max(0.0, self.free_at - time.monotonic())

    async def post(self, payload: str) -> str | None:
        if self.pause_seconds:
            raise TryLater("asks for a pause", limited=True)
        self.free_at = time.monotonic() + 0.02
        return await super().post(payload)


async def test_bare_words_wait_for_the_pause_that_a_service_wants_between_messages() -> None:
    """Else the message would be refused, and put off, again and again."""
    service = StrictService()
    service.refused = {"alert firing"}
    await MessageNotifier(service, Words()).tell(notice())
    assert service.given == ["alert firing", "plain headline"]
