"""What each answer of a service means: every status has a next step, and no error repeats a secret."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import aiosmtplib
import pytest
import pytest_asyncio

from hune.alerting.notifiers import ContentRefused, ReceiverRefused, TryLater, mail, slack, teams
from hune.alerting.notifiers.apprised import AppriseService
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
    ],
)
def test_connection_that_fails_says_what_to_do_next(error: Exception, kind: type[HuneError]) -> None:
    judged = mail._judge(error)
    assert type(judged) is kind
    assert SECRET not in str(judged)


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
