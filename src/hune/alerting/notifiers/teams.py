"""Microsoft Teams: an Adaptive Card through a workflow, which tells no id: nothing can be edited afterwards.

Workflow: https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using
Limits (28 KB a message, four requests a second): the same page, and
https://learn.microsoft.com/en-us/microsoftteams/limits-specifications-teams
Cards: https://adaptivecards.io/explorer/, Teams takes at most six actions a card:
https://learn.microsoft.com/en-us/microsoftteams/platform/task-modules-and-cards/cards/design-effective-cards

Foreign text stands in `TextRun`s, in which nothing is markup.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from hune.alerting.notifiers import Digest, Link, Notice, TryLater
from hune.alerting.notifiers.calling import Answer, Endpoint, encode
from hune.alerting.notifiers.content import Content, Many, Writer, written
from hune.alerting.notifiers.phrasing import clean, cut
from hune.core.errors import HuneError

MAX_BYTES = 20_000
"""As sent, in UTF-8; below Teams' 28 KB, of which the service's own part takes some."""
MAX_UTF16_BYTES = 28_000
"""As Teams may count."""
INTERVAL = 0.25

WHAT, REMEDY = "the workflow", "make a new one in Teams: Workflows, 'When a Teams webhook request is received'"

Payload = dict[str, Any]

_STYLES = {
    "critical": "attention",
    "warning": "warning",
    "info": "accent",
    "alert": "accent",
    "resolved": "good",
    "passed": "good",
    "unwatched": "default",
}
# A workflow that was deleted or turned off: 400, as if the message was wrong.
_OFF = "WorkflowTriggerIsNotEnabled"
# Older webhooks answer 200 and tell in words what came of it.
_TOLD = re.compile(r"HTTP error (\d{3})")


class TeamsComposer:
    """Adaptive Cards of version 1.2, which all clients of Teams show."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def alert(self, notice: Notice) -> Payload:
        content = self._writer.alert(notice)
        return next(card for scale in (1.0, 0.5, 0.2, 0.1) if fits(card := self._alert(content, scale)) or scale == 0.1)

    def reply(self, notice: Notice) -> Payload:
        return self.alert(notice)

    def digest(self, digest: Digest) -> Payload:
        many = self._writer.digest(digest)
        named = len(many.rows)
        while not fits(card := self._digest(many, named)) and named:
            named -= 1
        return card

    def plain(self, text: str) -> Payload:
        return _card(cut(clean(text), 1500), "default", [_text(cut(clean(text), 1500))], ())

    def headline(self, notice: Notice) -> str:
        return self._writer.alert(notice).headline()

    def digest_line(self, digest: Digest) -> str:
        many = self._writer.digest(digest)
        return f"{many.icon} {many.title} {digest.link}"

    def _alert(self, content: Content, scale: float) -> Payload:
        def limit(characters: int) -> int:
            return max(20, round(characters * scale))

        say = self._writer.wording.say
        beside = f" ({', '.join(content.beside)})" if content.beside else ""
        body = [
            _text(f"{cut(content.summary, limit(300))}{beside}", weight="Bolder"),
            *(_fact(fact.name, cut(fact.line, limit(600))) for fact in content.facts),
            *([_text(cut(content.description, limit(1200)))] if content.description else []),
            *([_fact(say("next"), cut(content.next_step, limit(700)))] if content.next_step else []),
            _text(content.footer, subtle=True),
        ]
        return _card(content.title, _STYLES[content.kind], body, content.links[: 6 if scale > 0.2 else 2])

    def _digest(self, many: Many, named: int) -> Payload:
        say = self._writer.wording.say
        away = self._writer.away(many, written)
        body = [
            *([_text(away)] if away else []),
            *(_text(row.line()) for row in many.rows[:named]),
            *([_text(say("more", many.total - named), weight="Bolder")] if named < many.total else []),
            _text(many.footer, subtle=True),
        ]
        links = [Link(say("list", many.total), many.link)] if many.link else []
        return _card(f"{many.icon} {many.title}", _STYLES[many.kind], body, links)


class TeamsWorkflow:
    """One workflow; its URL is signed, and sent as it is, character for character."""

    edits = False

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    @property
    def pause_seconds(self) -> float:
        return self._endpoint.pause_seconds("post")

    async def post(self, payload: Payload) -> str | None:
        answer = await self._endpoint.call("post", encode(payload))
        if problem := _problem(self._endpoint, answer):
            raise problem
        return None

    async def patch(self, _message: str, _payload: Payload) -> bool:
        return False


def fits(payload: Payload) -> bool:
    """Whether a message is small enough, however Teams counts."""
    sent = encode(payload)
    return len(sent) <= MAX_BYTES and len(sent.decode().encode("utf-16-le")) <= MAX_UTF16_BYTES


def _problem(endpoint: Endpoint, answer: Answer) -> HuneError | None:
    if not answer.accepted:
        error = answer.get("error")
        if isinstance(error, dict) and error.get("code") == _OFF:
            return endpoint.refusal("is deleted or turned off")
        return endpoint.judge(answer)
    if told := _TOLD.search(answer.text[:2000]):
        return endpoint.judge(Answer(int(told[1]), answer.headers, "", None))
    if "delivery failed" in answer.text[:2000]:
        return TryLater("accepted the message and could not deliver it")
    return None


def _card(title: str, style: str, body: list[Payload], links: Sequence[Link]) -> Payload:
    header = {
        "type": "Container",
        "style": style,
        "bleed": True,
        "items": [_text(cut(title, 250), weight="Bolder", size="Medium")],
    }
    card: Payload = {
        "type": "AdaptiveCard",
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "version": "1.2",
        "fallbackText": cut(title, 250),
        "msteams": {"width": "Full"},
        "body": [header, *body],
    }
    if links:
        card["actions"] = [
            {"type": "Action.OpenUrl", "title": cut(clean(link.text), 60), "url": link.url} for link in links
        ]
    return {
        "type": "message",
        "attachments": [
            {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
        ],
    }


def _text(text: str, *, weight: str = "Default", size: str = "Default", subtle: bool = False) -> Payload:
    return {
        "type": "RichTextBlock",
        "inlines": [{"type": "TextRun", "text": text, "weight": weight, "size": size, "isSubtle": subtle}],
    }


def _fact(name: str, text: str) -> Payload:
    runs = [{"type": "TextRun", "text": f"{name}: ", "weight": "Bolder"}, {"type": "TextRun", "text": text}]
    return {"type": "RichTextBlock", "spacing": "Small", "inlines": runs}
