"""Discord: messages through a channel's webhook. The end of an alert edits its message and posts a short one.

Webhooks: https://discord.com/developers/docs/resources/webhook#execute-webhook
Limits: https://discord.com/developers/docs/resources/message#embed-object-embed-limits
Rates: https://discord.com/developers/docs/topics/rate-limits
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from yarl import URL

from hune.alerting.notifiers import Digest, Notice
from hune.alerting.notifiers.calling import Answer, Endpoint, encode
from hune.alerting.notifiers.content import Content, Fact, Many, Writer
from hune.alerting.notifiers.phrasing import clean, cut, width

MAX_CONTENT = 2000
MAX_TITLE = 256
MAX_DESCRIPTION = 4096
MAX_FIELD_NAME = 256
MAX_FIELD_VALUE = 1024

WHAT, REMEDY = "the webhook", "make a new one in Discord"

Payload = dict[str, Any]

_COLOURS = {
    "critical": 0xD6336C,
    "warning": 0xF59F00,
    "info": 0x228BE6,
    "alert": 0x228BE6,
    "resolved": 0x2F9E44,
    "passed": 0x2F9E44,
    "unwatched": 0x868E96,
}
# What an embed may say in all is 6000: the rest of it takes 4,800 at most.
_DESCRIPTION = 1000
_DIGEST_TEXT = 2800
_LINKS_TEXT = 1000
_NO_THREAD = 220001
# An unknown message, one of another webhook (the one before a new one was made), one in an archived thread.
_NOT_EDITABLE = (10008, 50005, 50083)
_MARKDOWN = re.compile(r"([\\`*_~|<>\[\]])")
_AT_START = re.compile(r"^([#\-+])")
_LINK_LIKE = re.compile(r":(?=//|[A-Za-z0-9_]+:)")
_MENTION = re.compile(r"@(?=\w)")


class DiscordComposer:
    """Discord's messages: a line of text, and an embed with the rest."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def alert(self, notice: Notice) -> Payload:
        content = self._writer.alert(notice)
        return _message(_headline(content), self._embed(content))

    def reply(self, notice: Notice) -> Payload:
        return self.alert(notice) if notice.repetition else _message(_headline(self._writer.alert(notice)))

    def plain(self, text: str) -> Payload:
        return _message(escape(text, MAX_CONTENT))

    def headline(self, notice: Notice) -> str:
        return self._writer.alert(notice).headline()

    def digest_line(self, digest: Digest) -> str:
        many = self._writer.digest(digest)
        return f"{many.icon} {many.title} {digest.link}"

    def digest(self, digest: Digest) -> Payload:
        many = self._writer.digest(digest)
        rows = _lines(many)
        say = self._writer.wording.say
        more = [_bold(say("more", many.total - len(rows)))] if len(rows) < many.total else []
        if many.link:
            more.append(f"[{say('list', many.total)}]({many.link})")
        away = self._writer.away(many, lambda moment: f"<t:{round(moment)}:t>")
        paragraphs = [part for part in (away, "\n".join(rows), " · ".join(more)) if part]
        embed = {
            "title": cut(f"{many.icon} {many.title}", MAX_TITLE),
            "description": cut("\n\n".join(paragraphs), MAX_DESCRIPTION),
            "color": _COLOURS[many.kind],
            "footer": {"text": many.footer},
            "timestamp": _iso(many.now),
        }
        return _message(f"{many.icon} {_bold(many.title)}", embed)

    def _embed(self, content: Content) -> Payload:
        say = self._writer.wording.say
        # Our own words keep their markup.
        next_step = content.next_step if content.next_step_is_ours else escape(content.next_step, 700)
        fields = [
            *(_field(fact.name, _fact(fact), inline=not fact.wide) for fact in content.facts),
            _field(say("next"), next_step, inline=False),
            _field(say("links"), _links(content), inline=False),
        ]
        embed: Payload = {
            "title": cut(f"{content.icon} {content.word}{_lab(content)} · {escape(content.name, 180)}", MAX_TITLE),
            "url": next((link.url for link in content.links if link.text == say("page")), ""),
            "description": escape(content.description, _DESCRIPTION),
            "color": _COLOURS[content.kind],
            "fields": [field for field in fields if field["value"]],
            "footer": {"text": content.footer},
            "timestamp": _iso(content.starts_at),
        }
        return {key: part for key, part in embed.items() if part}


class DiscordWebhook:
    """One webhook."""

    edits = True

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    @property
    def pause_seconds(self) -> float:
        return self._endpoint.pause_seconds("post")

    async def post(self, payload: Payload) -> str | None:
        answer = await self._endpoint.call("post", encode(payload), url=self._url(""))
        if not answer.accepted and answer.get("code") == _NO_THREAD:
            raise self._endpoint.refusal("is that of a forum, and names no thread in its URL (?thread_id=…)")
        if not answer.accepted:
            raise self._endpoint.judge(answer)
        identity = answer.get("id")
        return identity if isinstance(identity, str) and identity.isdigit() else None

    async def patch(self, message: str, payload: Payload) -> bool:
        # Messages and edits are limited apart.
        url = self._url(f"/messages/{message}")
        answer = await self._endpoint.call("patch", encode(payload), method="PATCH", url=url)
        if not answer.accepted and _is_lost(answer):
            return False
        if not answer.accepted:
            raise self._endpoint.judge(answer)
        return True

    def _url(self, suffix: str) -> URL:
        """Return the webhook's URL with a suffix to its path, its query kept: a thread of the channel may be in it."""
        path, _, query = str(self._endpoint.url).partition("#")[0].partition("?")
        return URL(f"{path.rstrip('/')}{suffix}?{f'{query}&' if query else ''}wait=true", encoded=True)


def _is_lost(answer: Answer) -> bool:
    code = answer.get("code")
    return code in _NOT_EDITABLE or (answer.status == 404 and code in (None, 0))


def _headline(content: Content) -> str:
    return content.headline(escape, _bold)


def _lines(many: Many) -> list[str]:
    """Return a line for each of the first alerts, as many as a message holds well."""
    lines, room = [], _DIGEST_TEXT
    for row in many.rows:
        line = row.line(escape, _bold, lambda moment: f"<t:{round(moment)}:R>")
        room -= width(line) + 1
        if room < 0:
            break
        lines.append(line)
    return lines


def _fact(fact: Fact) -> str:
    told = f"<t:{round(fact.since)}:R>" if fact.since is not None else escape(fact.text, 800)
    return " ".join(part for part in (_bold(escape(fact.strong, 150)) if fact.strong else "", told) if part)


def _links(content: Content) -> str:
    """Return the links that fit into a field, the first first."""
    shown = ""
    for link in content.links:
        longer = f"{shown}{' · ' if shown else ''}[{escape(link.text, 60)}]({link.url})"
        if width(longer) > _LINKS_TEXT:
            break
        shown = longer
    return shown


def _lab(content: Content) -> str:
    return f" · {content.lab}" if content.lab else ""


def _message(content: str, *embeds: Payload) -> Payload:
    return {"content": cut(content, MAX_CONTENT), "embeds": list(embeds), "allowed_mentions": {"parse": []}}


def _field(name: str, value: str, *, inline: bool) -> Payload:
    return {"name": cut(name, MAX_FIELD_NAME), "value": cut(value, MAX_FIELD_VALUE), "inline": inline}


def _bold(text: str) -> str:
    return f"**{text}**"


def escape(text: str, limit: int) -> str:
    """Return foreign text as one line that Discord shows as it is: no markup, mention, link or emoji code."""
    line = _MARKDOWN.sub(r"\\\1", cut(clean(text), limit))
    line = _AT_START.sub(r"\\\1", line)
    line = _LINK_LIKE.sub(r"\\:", line)
    return _whole(_MENTION.sub("@\u200b", line), limit)


def _whole(line: str, limit: int) -> str:
    if width(line) <= limit:
        return line
    kept, mark, rest = cut(line, limit).rpartition("…")
    # A backslash that lost its partner would escape what follows.
    if (len(kept) - len(kept.rstrip("\\"))) % 2:
        kept = kept[:-1]
    return f"{kept}{mark}{rest}"


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
