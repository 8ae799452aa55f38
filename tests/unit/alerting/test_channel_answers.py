"""What each answer of a service means: every status has a next step, and no error repeats a secret."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import aiosmtplib
import pytest
import pytest_asyncio

from hune.alerting.notifiers import ContentRefused, ReceiverRefused, TryLater, discord, mail, slack, teams
from hune.alerting.notifiers.apprised import AppriseService, Words
from hune.alerting.notifiers.calling import Answer, Endpoint
from hune.alerting.notifiers.webhook import SignedWebhook, sign
from hune.core.errors import HuneError

SECRET = "s3cr3t-key"
RETRIED = {408, 425, 429, *range(500, 600)}
GONE = {*range(300, 400), 401, 402, 403, 404, 405, 407, 410}


@pytest_asyncio.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with aiohttp.ClientSession() as session:
        yield Endpoint(
            session, f"https://x.example/{SECRET}", what="the webhook", remedy="make a new one", timeout_seconds=1.0
        )


def answer(status: int, text: str = "", document: Any = None, **headers: str) -> Answer:
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, text, document)


def expected(status: int) -> type[HuneError]:
    if status in RETRIED:
        return TryLater
    return ReceiverRefused if status in GONE else ContentRefused


JUDGES: dict[str, Callable[[Endpoint, Answer], HuneError | None]] = {
    "any": lambda endpoint, given: endpoint.judge(given),
    "slack": lambda endpoint, given: slack._judge(endpoint, given, given.text),
    "teams": teams._problem,
}


@pytest.mark.parametrize("name", JUDGES)
async def test_every_status_says_what_to_do_next(name: str, endpoint: Endpoint) -> None:
    for status in [*range(300, 600), 999]:
        error = JUDGES[name](endpoint, answer(status, f"text with {SECRET}"))
        assert type(error) is (expected(status) if status < 600 else TryLater), status
        assert SECRET not in str(error)


async def test_patience_is_had_as_long_as_it_is_asked_for(endpoint: Endpoint) -> None:
    limited = endpoint.judge(answer(429, Retry_After="30"))
    assert isinstance(limited, TryLater)
    assert (limited.limited, limited.after_seconds) == (True, 30.0)
    busy = endpoint.judge(answer(503, Retry_After="7"))
    assert isinstance(busy, TryLater)
    assert (busy.limited, busy.after_seconds) == (False, 7.0)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("ratelimited", TryLater),
        ("internal_error", TryLater),
        ("fatal_error", TryLater),
        ("invalid_auth", ReceiverRefused),
        ("token_revoked", ReceiverRefused),
        ("channel_not_found", ReceiverRefused),
        ("not_in_channel", ReceiverRefused),
        ("is_archived", ReceiverRefused),
        ("missing_scope", ReceiverRefused),
        ("invalid_blocks", ContentRefused),
        ("msg_too_long", ContentRefused),
        ("msg_blocks_too_long", ContentRefused),
        (f"an error of {SECRET}", ContentRefused),
    ],
)
async def test_slack_refuses_with_status_200(endpoint: Endpoint, error: str, kind: type[HuneError]) -> None:
    given = answer(200, document={"ok": False, "error": error})
    found = slack._error(given)
    assert found == error
    judged = slack._judge(endpoint, given, found)
    assert type(judged) is kind
    assert SECRET not in str(judged)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("1", None),
        ("", None),
        ("Webhook message delivery failed with error: Teams returned HTTP error 429", TryLater),
        (
            "Webhook message delivery failed with error: Teams returned HTTP error 413",
            ContentRefused,
        ),
        (
            "Webhook message delivery failed with error: Teams returned HTTP error 404",
            ReceiverRefused,
        ),
        ("Webhook message delivery failed with error: no idea", TryLater),
    ],
)
async def test_webhooks_of_teams_refuse_in_words(endpoint: Endpoint, text: str, kind: type[HuneError] | None) -> None:
    problem = teams._problem(endpoint, answer(200, text))
    assert problem is None if kind is None else type(problem) is kind


async def test_forum_of_discord_that_wants_a_thread_is_a_receiver_that_refuses(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def call(*_given: Any, **_named: Any) -> Answer:
        return answer(400, document={"code": 220001, "message": SECRET})

    monkeypatch.setattr(endpoint, "call", call)
    with pytest.raises(ReceiverRefused, match="names no thread in its URL"):
        await discord.DiscordWebhook(endpoint).post({})


@pytest.mark.parametrize(
    ("status", "document", "kept"),
    [
        (200, {"id": "7"}, True),
        (404, {"code": 10008}, False),
        (404, None, False),
        (403, {"code": 50005}, False),
        (400, {"code": 50083}, False),
        (404, {"code": 10015}, ReceiverRefused),
        (429, {"code": 30046, "retry_after": 9}, TryLater),
        (400, {"code": [10008]}, ContentRefused),
    ],
)
async def test_edit_that_can_never_be_made_is_told_from_one_that_has_to_wait(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, status: int, document: Any, kept: bool | type[HuneError]
) -> None:
    async def call(*_given: Any, **_named: Any) -> Answer:
        return answer(status, document=document)

    monkeypatch.setattr(endpoint, "call", call)
    webhook = discord.DiscordWebhook(endpoint)
    if isinstance(kept, bool):
        assert await webhook.patch("7", {}) is kept
    else:
        with pytest.raises(kept):
            await webhook.patch("7", {})


@pytest.mark.parametrize("status", [400, 404])
async def test_workflow_that_is_deleted_or_turned_off_is_a_receiver_that_refuses(
    endpoint: Endpoint, status: int
) -> None:
    """Power Automate answers 400: it is no fault of the message."""
    document = {"error": {"code": "WorkflowTriggerIsNotEnabled", "message": f"state 'Deleted' {SECRET}"}}
    problem = teams._problem(endpoint, answer(status, document=document))
    assert type(problem) is ReceiverRefused
    assert str(problem).startswith("the webhook is deleted or turned off")


def refused_by(code: int) -> list[tuple[str, Exception]]:
    """Return the errors of an SMTP server that answers with a code, by where it does."""
    said = f"no {SECRET}"
    return [
        ("greeting", aiosmtplib.SMTPConnectResponseError(code, said)),
        ("hello", aiosmtplib.SMTPHeloError(code, said)),
        ("sign-in", aiosmtplib.SMTPAuthenticationError(code, said)),
        ("sender", aiosmtplib.SMTPSenderRefused(code, said, "hune@example.com")),
        ("addresses", aiosmtplib.SMTPRecipientsRefused([aiosmtplib.SMTPRecipientRefused(code, said, "a@example.com")])),
        ("message", aiosmtplib.SMTPDataError(code, said)),
    ]


def test_every_reply_of_a_mail_server_says_what_to_do_next() -> None:
    for code in range(400, 600):
        for where, error in refused_by(code):
            judged = mail._judge(error)
            wanted = TryLater if code < 500 else ContentRefused if where == "message" else ReceiverRefused
            assert type(judged) is wanted, (code, where)
            assert SECRET not in str(judged)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (aiosmtplib.SMTPConnectError(f"connecting to {SECRET}"), TryLater),
        (aiosmtplib.SMTPServerDisconnected(SECRET), TryLater),
        (aiosmtplib.SMTPReadTimeoutError(SECRET), TryLater),
        (ConnectionRefusedError(), TryLater),
        (aiosmtplib.SMTPException("SMTP STARTTLS extension not supported by server."), ReceiverRefused),
        (ssl.SSLCertVerificationError(SECRET), ReceiverRefused),
        (TimeoutError(SECRET), TryLater),
        (UnicodeEncodeError("ascii", SECRET, 0, 1, SECRET), TryLater),
    ],
)
def test_connection_that_fails_says_what_to_do_next(error: Exception, kind: type[HuneError]) -> None:
    judged = mail._judge(error)
    assert type(judged) is kind
    assert SECRET not in str(judged)


def test_name_that_does_not_resolve_is_called_so() -> None:
    error = aiosmtplib.SMTPConnectError("Error connecting to smtp.example.com on port 587")
    error.__cause__ = socket.gaierror(-2, "Name or service not known")
    assert str(mail._judge(error)) == "its name does not resolve"


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("pve-01.example.com", "pve-01.example.com"),
        ("pve-01", "[127.0.0.1]"),
        ("my_host.example.com", "[127.0.0.1]"),
        ("hôte.example.com", "[127.0.0.1]"),
    ],
)
def test_greeting_names_a_host_as_servers_want_it(host: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hune.alerting.notifiers.mail.socket.gethostname", lambda: host)
    assert mail._own_name() == name


def test_signature_is_that_of_the_specification() -> None:
    """The example of https://github.com/standard-webhooks/standard-webhooks."""
    endpoint: Any = None
    webhook = SignedWebhook(endpoint, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    assert webhook._key is not None
    signature = sign(webhook._key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_secret_that_cannot_be_a_key_is_refused_unseen(endpoint: Endpoint) -> None:
    with pytest.raises(ReceiverRefused) as refused:
        SignedWebhook(endpoint, f"whsec_{SECRET}")
    assert SECRET not in str(refused.value)


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
def test_address_that_apprise_does_not_know_is_refused_unseen() -> None:
    with pytest.raises(ReceiverRefused) as refused:
        AppriseService(f"nothing://{SECRET}", timeout_seconds=1.0)
    assert SECRET not in str(refused.value)


class SlowService:
    """Stands for Apprise: it answers when it is told to, and counts what was begun."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.answers: list[asyncio.Future[bool]] = []

    async def async_notify(self, *, title: str, **_rest: str) -> bool:
        self.begun.append(title)
        self.answers.append(asyncio.get_running_loop().create_future())
        return await self.answers[-1]


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
async def test_slow_apprise_is_waited_for_and_never_begun_twice() -> None:
    """It sleeps between targets: what outlasts our patience is still being sent."""
    apprise = await asyncio.to_thread(AppriseService, f"json://127.0.0.1:9/{SECRET}", timeout_seconds=0.01)
    service = apprise._service = SlowService()
    words = Words("1", "failure", "first", "")
    for _ in range(3):
        with pytest.raises(TryLater) as waiting:
            await apprise.post(words)
        assert not waiting.value.unexplained
    service.answers[0].set_result(True)
    # Each time it is written its link has another key.
    assert await apprise.post(Words("1", "failure", "first", "?key=2")) is None
    assert service.begun == ["first"]
    # What is told meanwhile is another message: it is sent after that.
    with pytest.raises(TryLater):
        await apprise.post(words)
    service.answers[1].set_result(False)
    with pytest.raises(TryLater):
        await apprise.post(Words("2", "failure", "second", ""))
    assert service.begun == ["first", "first", "second"]
    service.answers[2].set_exception(RuntimeError(SECRET))
    with pytest.raises(TryLater) as refused:
        await apprise.post(Words("2", "failure", "second", ""))
    assert refused.value.unexplained
    assert SECRET not in str(refused.value)
