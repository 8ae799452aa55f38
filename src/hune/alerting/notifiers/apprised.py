"""Everything else, through Apprise: Telegram, Pushover, Gotify, ntfy, Matrix and a hundred more. Needs hune[apprise].

Library and its URLs: https://github.com/caronc/apprise/wiki. It says only whether a service accepted, so what isn't is
tried again, but not for ever, and nothing is edited. It sends in threads, and keeps services' paces by sleeping there.
"""

from __future__ import annotations

import asyncio
import logging
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from hune.alerting.notifiers import Digest, Notice, ReceiverRefused, TryLater
from hune.alerting.notifiers.content import Writer, written
from hune.alerting.notifiers.phrasing import clean, cut
from hune.core.errors import InputError

_MENTION = re.compile(r"(@|<)(?=[\w!@#&])")

MAX_TITLE = 250
MAX_BODY = 1500

# Apprise's names of what a message is about.
_KINDS = {"critical": "failure", "warning": "warning", "resolved": "success", "passed": "success"}


@dataclass(frozen=True, slots=True)
class Words:
    """A message: what it is about, a line, and the rest."""

    news: str
    """The same however often it is sent, and whatever link or value it is written with then."""
    kind: str
    title: str
    body: str


class AppriseComposer:
    """Plain text, short enough for most services; a service that takes less has it cut by Apprise."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def alert(self, notice: Notice) -> Words:
        content = self._writer.alert(notice)
        say = self._writer.wording.say
        lines = [
            calm(content.headline()),
            *(calm(f"{fact.name}: {cut(fact.line, 200)}") for fact in content.facts),
            *([calm(f"{say('next')}: {cut(content.next_step, 300)}")] if content.next_step else []),
            *(f"{link.text}: {link.url}" for link in content.links),
        ]
        episode = notice.episode
        news = f"{episode.id}-{round(episode.starts_at)}-{notice.told}-{notice.repetition}"
        return Words(news, _KINDS.get(content.kind, "info"), cut(calm(content.title), MAX_TITLE), _within(lines))

    def reply(self, notice: Notice) -> Words:
        return self.alert(notice)

    def digest(self, digest: Digest) -> Words:
        many = self._writer.digest(digest)
        away = self._writer.away(many, written)
        # The link first: what comes after may be cut.
        lines = [
            *([away] if away else []),
            *([many.link] if many.link else []),
            *(calm(row.line()) for row in many.rows),
        ]
        if len(many.rows) < many.total:
            lines.append(self._writer.wording.say("more", many.total - len(many.rows)))
        title = cut(f"{many.icon} {many.title}", MAX_TITLE)
        return Words(digest.identity, _KINDS.get(many.kind, "info"), title, _within(lines))

    def plain(self, text: str) -> Words:
        return Words(text, "failure", "Hune", cut(calm(clean(text)), MAX_BODY))

    def headline(self, notice: Notice) -> str:
        return self._writer.alert(notice).headline()

    def digest_line(self, digest: Digest) -> str:
        return digest.link


class AppriseService:
    """One service by its Apprise URL, which is a secret."""

    edits = False

    def __init__(self, url: str, *, timeout_seconds: float) -> None:
        """Import Apprise (blocking). Raises InputError if it is missing, ReceiverRefused if it doesn't know the URL."""
        try:
            import apprise
        except ImportError:
            raise InputError("Apprise is not installed", remedy="pip install 'hune[apprise]'") from None
        # It logs what it sends and to where.
        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
        self._timeout = timeout_seconds
        self._sending: tuple[Words, asyncio.Task[bool]] | None = None
        self._service: Any = apprise.Apprise(asset=apprise.AppriseAsset(app_id="Hune", app_desc="Hune", app_url=""))
        if not self._service.add(url.strip()):
            raise ReceiverRefused("the URL is none that Apprise knows", remedy="see Apprise's page of the service")
        for one in self._service:
            one.overflow_mode = apprise.OverflowMode.TRUNCATE

    @property
    def pause_seconds(self) -> float:
        return 1.0

    async def post(self, payload: Words) -> str | None:
        # A thread that sends can't be stopped: what becomes of it is waited for, or the message would come twice.
        if self._sending is None:
            self._sending = payload, asyncio.create_task(self._send(payload), name="apprise")
        sent, task = self._sending
        if not (await asyncio.wait({task}, timeout=self._timeout))[0]:
            raise TryLater("no answer in time")
        self._sending = None
        if sent.news != payload.news:
            return await self.post(payload)
        if not task.result():
            raise TryLater("the service did not accept it, or was not reached", unexplained=True)
        return None

    async def patch(self, _message: str, _payload: Words) -> bool:
        return False

    async def _send(self, words: Words) -> bool:
        # What it raises may name the URL.
        with suppress(Exception):
            return bool(
                await self._service.async_notify(
                    body=words.body, title=words.title, notify_type=words.kind, body_format="text"
                )
            )
        return False


def calm(text: str) -> str:
    """Return foreign text that pings nobody: Apprise passes `@everyone` and `<!channel>` on as what they are."""
    return _MENTION.sub("\\1\u200b", text)


def _within(lines: list[str]) -> str:
    """Return as many lines as a body holds."""
    kept: list[str] = []
    for line in lines:
        if len("\n".join([*kept, line])) > MAX_BODY:
            break
        kept.append(line)
    return "\n".join(kept)
