"""Slack: Block Kit through an incoming webhook, or as a bot, which edits its messages and threads what follows.

Blocks: https://docs.slack.dev/reference/block-kit/blocks
Text objects: https://docs.slack.dev/reference/block-kit/composition-objects/text-object
Webhooks and their errors: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
Bot: https://docs.slack.dev/reference/methods/chat.postMessage, https://docs.slack.dev/reference/methods/chat.update
Rates (a message per second and channel): https://docs.slack.dev/apis/web-api/rate-limits

Foreign text stands in `plain_text` objects, in which nothing is markup: Slack knows no way to escape `*` or `_`.
"""

from __future__ import annotations

from typing import Any

from yarl import URL

from hune.alerting.notifiers import ContentRefused, Digest, Notice, TryLater
from hune.alerting.notifiers.calling import Answer, Endpoint, encode, limited
from hune.alerting.notifiers.content import Content, Fact, Many, Writer, written
from hune.alerting.notifiers.phrasing import clean, cut, width
from hune.core.errors import HuneError

MAX_HEADER = 150
MAX_TEXT = 3000
INTERVAL = 1.0

WEBHOOK, REMEDY = "the webhook", "make a new one in Slack"
TOKEN, BOT_REMEDY = "the bot", "check its token and scopes, and invite it to the channel"

Payload = dict[str, Any]

_DIGEST_TEXT = 2800
# What a message whose blocks Slack doesn't take may say in all: it refuses some messages of more than 11,000.
_DESCRIPTION, _NEXT_STEP = 1500, 700
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_LONGEST_URL = 1500
_DELETED = {"message_not_found", "cant_update_message", "edit_window_closed", "cant_update_message_type"}
_PASSING = {
    *("internal_error", "fatal_error", "service_unavailable", "request_timeout"),
    *("team_added_to_org", "external_channel_migrating"),
}
_LIMITED = {"ratelimited", "rate_limited", "message_limit_exceeded"}
_REFUSED = {
    *("invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "no_permission"),
    *("missing_scope", "not_allowed_token_type", "org_login_required", "ekm_access_denied", "access_denied"),
    *("channel_not_found", "not_in_channel", "is_archived", "channel_is_archived", "team_access_not_granted"),
    *("restricted_action", "restricted_action_read_only_channel", "two_factor_setup_required", "accesslimited"),
    *("no_service", "no_team", "no_active_hooks", "invalid_token", "user_not_found", "action_prohibited"),
    *("posting_to_general_channel_denied", "team_not_found", "enterprise_is_restricted", "method_deprecated"),
}


class SlackComposer:
    """Slack's messages; `threads`: what follows an alert's message is posted in its thread, and broadcast."""

    def __init__(self, writer: Writer, *, threads: bool = False) -> None:
        self._writer = writer
        self._threads = threads

    def alert(self, notice: Notice) -> Payload:
        content = self._writer.alert(notice)
        say = self._writer.wording.say
        next_step = [
            _plain(say("next") + "\n" + escape(content.next_step, _NEXT_STEP))
            if not content.next_step_is_ours
            else _mrkdwn(f"*{say('next')}*\n{escape(content.next_step, _NEXT_STEP)}")
        ]
        links = _links(content)
        blocks = [
            {"type": "header", "text": _plain(escape(content.title, MAX_HEADER))},
            *_section(_plain(escape(_about(content), MAX_TEXT))),
            *([{"type": "section", "fields": [_field(fact) for fact in content.facts]}] if content.facts else []),
            *(_section(_plain(escape(content.description, _DESCRIPTION))) if content.description else []),
            *(_section(*next_step) if content.next_step else []),
            *(_section(_mrkdwn(links)) if links else []),
            {"type": "context", "elements": [_plain(escape(content.footer, 300))]},
        ]
        return _message(content.headline(escape), blocks)

    def reply(self, notice: Notice) -> Payload:
        if not self._threads or notice.message is None:
            return self.alert(notice)
        headline = self._writer.alert(notice).headline(escape)
        return {
            **(
                self.alert(notice)
                if notice.repetition
                else _message(headline, _section(_plain(cut(headline, MAX_TEXT))))
            ),
            "thread_ts": notice.message,
            "reply_broadcast": True,
        }

    def digest(self, digest: Digest) -> Payload:
        many = self._writer.digest(digest)
        say = self._writer.wording.say
        rows = _lines(many)
        rest = [say("more", many.total - len(rows))] if len(rows) < many.total else []
        more = " · ".join(filter(None, [*rest, _link(many.link, say("list", many.total))]))
        blocks = [
            {"type": "header", "text": _plain(escape(f"{many.icon} {many.title}", MAX_HEADER))},
            *(_section(_mrkdwn(self._writer.away(many, _moment))) if many.away_since is not None else []),
            *(_section(_plain("\n".join(rows))) if rows else []),
            *(_section(_mrkdwn(more)) if more else []),
            {"type": "context", "elements": [_plain(escape(many.footer, 300))]},
        ]
        return _message(f"{many.icon} {many.title}", blocks)

    def plain(self, text: str) -> Payload:
        return _message(escape(text, MAX_TEXT), [])

    def headline(self, notice: Notice) -> str:
        return self._writer.alert(notice).headline()

    def digest_line(self, digest: Digest) -> str:
        many = self._writer.digest(digest)
        return f"{many.icon} {many.title} {digest.link}"


class SlackWebhook:
    """An incoming webhook: it posts, tells no id, and never edits."""

    edits = False

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    @property
    def pause_seconds(self) -> float:
        return self._endpoint.pause_seconds("post")

    async def post(self, payload: Payload) -> str | None:
        answer = await self._endpoint.call("post", encode(payload))
        if not answer.accepted:
            raise _judge(self._endpoint, answer, answer.text.strip())
        return None

    async def patch(self, _message: str, _payload: Payload) -> bool:
        return False


class SlackBot:
    """A bot in one channel. The endpoint is the address of Slack's API."""

    edits = True

    def __init__(self, endpoint: Endpoint, token: str, channel: str) -> None:
        self._endpoint = endpoint
        self._channel = channel
        self._headers = {"Authorization": f"Bearer {token.strip()}"}
        if not token.strip().isascii() or not token.strip().isprintable():
            raise endpoint.refusal("has no token that could be one")

    @property
    def pause_seconds(self) -> float:
        return self._endpoint.pause_seconds("chat.postMessage")

    async def post(self, payload: Payload) -> str | None:
        answer = await self._call("chat.postMessage", payload)
        error = _error(answer)
        if error is not None:
            raise _judge(self._endpoint, answer, error)
        identity = answer.get("ts")
        return identity if isinstance(identity, str) and identity else None

    async def patch(self, message: str, payload: Payload) -> bool:
        # What an edit doesn't name stays as it was.
        edited = {"ts": message, "text": payload["text"], "blocks": payload["blocks"]}
        answer = await self._call("chat.update", edited)
        error = _error(answer)
        if error in _DELETED:
            return False
        if error is not None:
            raise _judge(self._endpoint, answer, error)
        return True

    async def _call(self, method: str, payload: Payload) -> Answer:
        url = URL(f"{str(self._endpoint.url).rstrip('/')}/{method}", encoded=True)
        body = encode({"channel": self._channel, **payload})
        return await self._endpoint.call(method, body, url=url, headers=self._headers)


def _error(answer: Answer) -> str | None:
    """Return what Slack calls the error, None if it accepted: an answer of 200 may be a refusal."""
    if answer.accepted and (answer.get("ok") is True or answer.get("ok") is None):
        return None
    return str(answer.get("error") or "")


def _judge(endpoint: Endpoint, answer: Answer, error: str) -> HuneError:
    known = error in _PASSING | _LIMITED | _REFUSED
    if error in _LIMITED:
        return limited(f"answered {error}", answer)
    if error in _PASSING:
        return TryLater(f"answered {error}")
    if error in _REFUSED:
        return endpoint.refusal(f"is refused ({error})")
    if answer.accepted:
        # Only words of Slack's are repeated.
        said = f" {error}" if not known and error.isascii() and error.isidentifier() and len(error) < 60 else ""
        return ContentRefused(f"answered{said or ' an error'}", remedy="report this message as a defect")
    return endpoint.judge(answer)


def _about(content: Content) -> str:
    beside = f" ({', '.join(content.beside)})" if content.beside else ""
    return f"{cut(content.summary, 600)}{beside}"


def _field(fact: Fact) -> Payload:
    if fact.since is not None:
        return _mrkdwn(f"{fact.name}\n{_moment(fact.since)}")
    return _plain(escape(fact.name, 100) + "\n" + escape(fact.line, 1000))


def _links(content: Content) -> str:
    """Return the links that fit into a text, the first first."""
    shown = ""
    for link in filter(None, (_link(link.url, link.text) for link in content.links)):
        longer = f"{shown} · {link}" if shown else link
        if width(longer) > MAX_TEXT:
            break
        shown = longer
    return shown


def _lines(many: Many) -> list[str]:
    lines, room = [], _DIGEST_TEXT
    for row in many.rows:
        line = row.line(escape)
        room -= width(line) + 1
        if room < 0:
            break
        lines.append(line)
    return lines


def _moment(moment: float) -> str:
    """Return a moment that each reader sees in the own time zone."""
    return f"<!date^{round(moment)}^{{date_short_pretty}} {{time}}|{written(moment)}>"


def _message(text: str, blocks: list[Payload]) -> Payload:
    # `text` is what a notification shows; without `mrkdwn` nothing in it is markup.
    shown = {"blocks": blocks} if blocks else {}
    return {"text": text, **shown, "mrkdwn": False, "unfurl_links": False, "unfurl_media": False}


def _section(*texts: Payload) -> list[Payload]:
    return [{"type": "section", "text": text} for text in texts]


def _plain(text: str) -> Payload:
    return {"type": "plain_text", "text": text, "emoji": False}


def _mrkdwn(text: str) -> Payload:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def escape(text: str, limit: int) -> str:
    """Return foreign text as one line of at most `limit` UTF-16 units, in which nothing is parsed."""
    line, room = clean(text), limit
    while (excess := width(escaped := cut(line, room).translate(_ENTITIES)) - limit) > 0:
        # An entity has at most five characters.
        room -= max(1, excess // 5)
    return escaped


def _link(url: str, text: str) -> str:
    """Return a link, or nothing: a URL that was cut would lead elsewhere."""
    escaped = url.translate(_ENTITIES)
    return f"<{escaped}|{escape(text, 60)}>" if url and len(escaped) <= _LONGEST_URL else ""
