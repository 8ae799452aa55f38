"""E-mail: text and HTML through an SMTP server. What follows an alert's message refers to it: they are one thread.

SMTP and its replies: https://www.rfc-editor.org/rfc/rfc5321 (4yz passes, 5yz stays; a line has at most 998 characters)
Enhanced codes: https://www.rfc-editor.org/rfc/rfc3463; signing in: https://www.rfc-editor.org/rfc/rfc4954
Threads: https://www.rfc-editor.org/rfc/rfc5322#section-3.6.4; no automatic answers: https://www.rfc-editor.org/rfc/rfc3834
"""

from __future__ import annotations

import asyncio
import html
import logging
import re
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as POLICY
from email.utils import format_datetime, make_msgid

import aiosmtplib

from hune.alerting.notifiers import ContentRefused, Digest, Link, Notice, ReceiverRefused, TryLater
from hune.alerting.notifiers.content import Content, Fact, Many, Writer, written
from hune.alerting.notifiers.phrasing import clean, cut
from hune.core.errors import HuneError, InputError, why
from hune.site.receivers import Email

log = logging.getLogger(__name__)

_REMEDY = "see host, security, user and password of this receiver"
_SUBJECT = 200
_FAREWELL_SECONDS = 1.0
# A server may look at a message for long before it takes it: who doesn't wait for that sends it again and again.
_PATIENCE = 6
_COLOURS = {
    "critical": "#d6336c",
    "warning": "#f59f00",
    "info": "#228be6",
    "alert": "#228be6",
    "resolved": "#2f9e44",
    "passed": "#2f9e44",
    "unwatched": "#868e96",
}


class MailComposer:
    """Messages of one receiver. `receiver` is its name: the ids of messages tell receivers apart."""

    def __init__(self, writer: Writer, receiver: str, settings: Email) -> None:
        self._writer = writer
        self._receiver = receiver
        self._settings = settings
        self._domain = settings.sender.rpartition("@")[2]

    def alert(self, notice: Notice) -> EmailMessage:
        content = self._writer.alert(notice)
        message = self._message(content.title, now=notice.now, urgent=content.kind == "critical")
        # The same news has the same id, however often it is sent.
        news = f"{notice.episode.id}.{round(notice.episode.starts_at)}.{notice.told}"
        message["Message-ID"] = self._id(f"{news}.{notice.repetition}" if notice.repetition else news)
        if notice.message is not None and not notice.is_news:
            message["In-Reply-To"] = message["References"] = clean(notice.message)
        return _filled(message, self._text(content), self._html(content))

    def reply(self, notice: Notice) -> EmailMessage:
        return self.alert(notice)

    def digest(self, digest: Digest) -> EmailMessage:
        many = self._writer.digest(digest)
        message = self._message(f"{many.icon} {many.title}", now=digest.now, urgent=many.kind == "critical")
        message["Message-ID"] = self._id(f"digest.{digest.identity}")
        away = self._writer.away(many, written)
        rows = [row.line() for row in many.rows]
        say = self._writer.wording.say
        more = say("more", many.total - len(rows)) if len(rows) < many.total else ""
        listed = f"{say('list', many.total)}: {many.link}" if many.link else ""
        text = "\n\n".join(part for part in (away, "\n".join(rows), more, listed, f"-- \n{many.footer}") if part)
        return _filled(message, text, _digest_html(many, away, rows, more, say("list", many.total)))

    def plain(self, text: str) -> EmailMessage:
        message = self._message(cut(clean(text), 100), now=None, urgent=True)
        message["Message-ID"] = make_msgid("hune", self._domain)
        message.set_content(cut(clean(text), 2000) + "\n", cte="quoted-printable")
        return message

    def headline(self, notice: Notice) -> str:
        return self._writer.alert(notice).headline()

    def digest_line(self, digest: Digest) -> str:
        many = self._writer.digest(digest)
        return f"{many.icon} {many.title} {digest.link}"

    def _message(self, subject: str, *, now: float | None, urgent: bool) -> EmailMessage:
        message = EmailMessage(policy=POLICY)
        message["Subject"] = cut(clean(subject), _SUBJECT)
        message["From"] = Address(f"Hune {self._writer.site}", addr_spec=self._settings.sender)
        message["To"] = [Address(addr_spec=address) for address in self._settings.to]
        moment = datetime.now(UTC) if now is None else datetime.fromtimestamp(now, UTC)
        message["Date"] = format_datetime(moment)
        message["Auto-Submitted"] = "auto-generated"
        message["X-Auto-Response-Suppress"] = "All"
        if urgent:
            message["Importance"] = "high"
        return message

    def _id(self, news: str) -> str:
        return f"<hune.{self._writer.site}.{self._receiver}.{news}@{self._domain}>"

    def _text(self, content: Content) -> str:
        say = self._writer.wording.say
        facts = [f"{fact.name}: {fact.line}" for fact in content.facts]
        next_step = f"{say('next')}: {cut(content.next_step, 700)}" if content.next_step else ""
        links = "\n".join(f"{link.text}: {link.url}" for link in content.links)
        paragraphs = (content.headline(), "\n".join(facts), cut(content.description, 1500), next_step, links)
        return "\n\n".join(part for part in (*paragraphs, f"-- \n{content.footer}") if part)

    def _html(self, content: Content) -> str:
        say = self._writer.wording.say
        rows = "".join(
            f"<tr><td style='color:#666;padding:2px 16px 2px 0'>{_safe(fact.name)}</td>"
            f"<td style='padding:2px 0'>{_fact_html(fact)}</td></tr>"
            for fact in content.facts
        )
        parts = [
            f"<p style='font-size:17px;margin:0 0 12px'>{_safe(content.headline())}</p>",
            f"<table style='border-collapse:collapse'>{rows}</table>" if rows else "",
            f"<p>{_safe(cut(content.description, 1500))}</p>" if content.description else "",
            f"<p><b>{_safe(say('next'))}:</b> {_code(content)}</p>" if content.next_step else "",
            _links_html(content.links),
        ]
        return _page(content.title, _COLOURS[content.kind], "\n".join(part for part in parts if part), content.footer)


class MailServer:
    """One SMTP server; a connection for each message, since most are hours apart."""

    edits = False

    def __init__(self, settings: Email, password: str | None, *, timeout_seconds: float) -> None:
        """Read the authorities' certificates (blocking). Raises InputError if their file can't be read."""
        self._settings = settings
        self._password = password
        self._timeout = timeout_seconds
        try:
            self._context = ssl.create_default_context(cafile=settings.ca_file)
        except OSError as error:
            reason = error.strerror or "holds no certificate"
            raise InputError(f"{settings.ca_file}: {reason}", remedy="name a file of certificates (PEM)") from None

    @property
    def pause_seconds(self) -> float:
        return 0.0

    async def post(self, payload: EmailMessage) -> str | None:
        client = self._client()
        try:
            async with asyncio.timeout(self._timeout * _PATIENCE):
                await client.connect()
                refused = await self._send(client, payload.as_bytes())
        except (OSError, aiosmtplib.SMTPException, ValueError) as error:
            # Its text may repeat what was sent: the user, or what the server says of the password.
            raise _judge(error) from None
        else:
            # It has the message; how it says farewell changes nothing.
            with suppress(OSError, aiosmtplib.SMTPException):
                await client.quit(timeout=_FAREWELL_SECONDS)
        finally:
            client.close()
        for address, code in refused.items():
            log.error("%s: refused by its server (%d); the others were told", address, code)
        return str(payload["Message-ID"])

    async def patch(self, _message: str, _payload: EmailMessage) -> bool:
        return False

    def _client(self) -> aiosmtplib.SMTP:
        settings = self._settings
        return aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.submission_port,
            timeout=self._timeout,
            use_tls=settings.security == "tls",
            start_tls=settings.security == "starttls",
            tls_context=self._context if settings.security != "none" else None,
            local_hostname=_own_name(),
            username=settings.user,
            password=self._password,
        )

    async def _send(self, client: aiosmtplib.SMTP, message: bytes) -> dict[str, int]:
        """Hand over the message; return who of the addresses was refused, and with which code.

        A server takes so many addresses a message and asks for the rest in another one.
        """
        refused: dict[str, int] = {}
        waiting = list(self._settings.to)
        while waiting:
            try:
                answers, _ = await client.sendmail(
                    self._settings.sender, waiting, message, timeout=self._timeout * _PATIENCE
                )
            except (OSError, aiosmtplib.SMTPException, ValueError):
                if len(waiting) == len(self._settings.to):
                    raise
                # The others have it: once more would tell them twice.
                break
            known = {address: code for address, code in refused.items() if address not in waiting}
            refused = known | {address: answer.code for address, answer in answers.items()}
            waiting = [address for address, answer in answers.items() if 400 <= answer.code < 500]
        return refused


def _own_name() -> str:
    """Return what to call ourselves (RFC 5321, 4.1.3), without asking a name server that may be down."""
    name = socket.gethostname()
    return name if re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", name) else "[127.0.0.1]"


def _judge(error: Exception) -> HuneError:
    """Return what a failure of sending means; https://www.rfc-editor.org/rfc/rfc5321#section-4.2.1."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        codes = [one.code for one in error.recipients]
        return _of_code(min(codes, default=550), "every address")
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return _of_code(error.code, "the user or its password")
    if isinstance(error, aiosmtplib.SMTPSenderRefused):
        return _of_code(error.code, "the sender")
    if isinstance(error, aiosmtplib.SMTPDataError):
        if error.code >= 500:
            return ContentRefused(f"answered {error.code}", remedy="see the server's log for why")
        return TryLater(f"answered {error.code}")
    if isinstance(error, aiosmtplib.SMTPResponseException) and error.code >= 500:
        return _of_code(error.code, "this client")
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return TryLater(f"answered {error.code}" if error.code > 0 else "answered what is not SMTP")
    return _of_connection(error)


def _of_code(code: int, what: str) -> HuneError:
    if code >= 500:
        return ReceiverRefused(f"answered {code}: the server refuses {what}", remedy=_REMEDY)
    return TryLater(f"answered {code}")


def _of_connection(error: BaseException) -> HuneError:
    if type(error) in (aiosmtplib.SMTPException, aiosmtplib.SMTPNotSupported):
        return ReceiverRefused("the server offers no STARTTLS, or no way to sign in", remedy=_REMEDY)
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            reason = getattr(cause, "verify_message", "") or "no chain to an authority"
            return ReceiverRefused(f"its certificate is not trusted ({reason})", remedy="give ca_file")
        # What the client raises of its own says where it failed, in words that repeat what was said.
        if isinstance(cause, OSError) and not isinstance(cause, aiosmtplib.SMTPException):
            return TryLater(why(cause))
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, TimeoutError):
        return TryLater("no answer in time")
    return TryLater("hung up" if isinstance(error, ConnectionError) else type(error).__name__)


def _filled(message: EmailMessage, text: str, page: str) -> EmailMessage:
    message.set_content(text + "\n", cte="quoted-printable")
    message.add_alternative(page, subtype="html", cte="quoted-printable")
    return message


def _digest_html(many: Many, away: str, rows: Sequence[str], more: str, listed: str) -> str:
    parts = [
        f"<p>{_safe(away)}</p>" if away else "",
        "<ul style='padding-left:18px'>" + "".join(f"<li>{_safe(row)}</li>" for row in rows) + "</ul>" if rows else "",
        f"<p><b>{_safe(more)}</b></p>" if more else "",
        _links_html([Link(listed, many.link)] if many.link else []),
    ]
    title = f"{many.icon} {many.title}"
    return _page(title, _COLOURS[many.kind], "\n".join(part for part in parts if part), many.footer)


def _page(title: str, colour: str, body: str, footer: str) -> str:
    return (
        "<!DOCTYPE html>\n"
        f"<html><head><meta charset='utf-8'><title>{_safe(title)}</title></head>\n"
        "<body style='font-family:sans-serif;font-size:15px;color:#222'>\n"
        f"<div style='border-left:6px solid {colour};padding:4px 0 4px 16px;max-width:640px'>\n"
        f"<h1 style='font-size:20px;margin:0 0 12px'>{_safe(title)}</h1>\n{body}\n"
        f"<p style='color:#666;font-size:13px'>{_safe(footer)}</p>\n</div>\n</body></html>"
    )


def _links_html(links: Sequence[Link]) -> str:
    shown = " · ".join(f'<a href="{html.escape(link.url)}">{_safe(link.text)}</a>' for link in links)
    return f"<p>{shown}</p>" if shown else ""


def _code(content: Content) -> str:
    text = _safe(cut(content.next_step, 700))
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", text) if content.next_step_is_ours else text


def _fact_html(fact: Fact) -> str:
    if not fact.strong:
        return _safe(fact.line)
    return f"<b>{_safe(fact.strong)}</b> {_safe(fact.line.removeprefix(fact.strong))}"


def _safe(text: str) -> str:
    return html.escape(clean(text))
