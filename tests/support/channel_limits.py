"""What each service documents of its messages: in what a message breaks its rules, as lists of words.

Slack: https://docs.slack.dev/reference/block-kit/blocks; Teams: see `hune.alerting.notifiers.teams`; e-mail: RFC 5321
and 5322. Discord's are in `discord_server`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from email import message_from_bytes
from email.policy import default as default_policy
from typing import Any

_TAGS = set("!DOCTYPE html head meta title body div h1 p table tr td b a ul li code".split())  # noqa: SIM905
SLACK_KEYS = {"text", "blocks", "mrkdwn", "unfurl_links", "unfurl_media", "thread_ts", "reply_broadcast", "channel"}
# Of Hune's own: a link, a date, bold. Nothing else may look like markup.
_SLACK_MARKUP = re.compile(r"<https?://[^<>|\s]+\|[^<>|]+>|<!date\^\d+\^[^<>|]+\|[^<>]+>")


def check_slack(payload: Mapping[str, Any]) -> list[str]:
    """Return in what a message breaks Slack's rules, or would ping somebody."""
    problems = [f"unknown key {key}" for key in set(payload) - SLACK_KEYS - {"ts"}]
    text, blocks = payload.get("text", ""), payload.get("blocks", [])
    if not isinstance(text, str) or not text or units(text) > 4000:
        problems.append("text: missing, or more than 4000 characters")
    problems += _parsed("text", text)
    if len(blocks) > 50:
        problems.append("more than 50 blocks")
    for index, block in enumerate(blocks):
        problems += [f"blocks[{index}]: {problem}" for problem in _check_block(block)]
    total = sum(units(one["text"]) for one in _text_objects(blocks))
    if total > 10_000:
        problems.append(f"{total} characters in all")
    return problems


def _check_block(block: Mapping[str, Any]) -> Iterator[str]:
    kind = block.get("type")
    if kind == "header":
        yield from _check_text(block["text"], 150, plain=True)
    elif kind == "section":
        fields = block.get("fields", [])
        if "text" not in block and not fields:
            yield "neither text nor fields"
        if len(fields) > 10:
            yield "more than 10 fields"
        for field in fields:
            yield from _check_text(field, 2000)
        if "text" in block:
            yield from _check_text(block["text"], 3000)
    elif kind == "context":
        if not 1 <= len(block["elements"]) <= 10:
            yield "not 1 to 10 elements"
        for element in block["elements"]:
            yield from _check_text(element, 3000)
    else:
        yield f"type {kind}"


def _check_text(text: Mapping[str, Any], limit: int, *, plain: bool = False) -> Iterator[str]:
    if text["type"] not in ("plain_text", "mrkdwn") or (plain and text["type"] != "plain_text"):
        yield f"text of type {text['type']}"
    if not text["text"].strip() or units(text["text"]) > limit:
        yield f"{units(text['text'])} characters, 1 to {limit} wanted"
    yield from _parsed("text", text["text"])


def _parsed(where: str, text: str) -> list[str]:
    rest = re.sub("&(amp|lt|gt);", "", _SLACK_MARKUP.sub("", text))
    return [f"{where}: would be parsed: {rest[:80]!r}"] if re.search("[<>&]", rest) else []


def _text_objects(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        if isinstance(value.get("text"), str):
            yield value
        for entry in value.values():
            yield from _text_objects(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from _text_objects(entry)


def check_teams(payload: Mapping[str, Any]) -> list[str]:
    """Return in what a message breaks the rules of Teams, or lets foreign text mean something."""
    problems = []
    sent = json.dumps(payload, ensure_ascii=False)
    if len(sent.encode()) > 28 << 10 or 2 * units(sent) > 28 << 10:
        problems.append(f"{len(sent.encode())} bytes, 28 KB at most")
    if payload.get("type") != "message":
        problems.append("type is not message")
    [attachment] = payload["attachments"]
    card = attachment["content"]
    if attachment["contentType"] != "application/vnd.microsoft.card.adaptive" or card["type"] != "AdaptiveCard":
        problems.append("not an Adaptive Card")
    if float(card["version"]) > 1.4:
        problems.append(f"version {card['version']}")
    actions = card.get("actions", [])
    if len(actions) > 6:
        problems.append(f"{len(actions)} actions, 6 at most")
    opens = [a["type"] == "Action.OpenUrl" and re.match(r"https?://\S+$", a["url"]) and a["title"] for a in actions]
    if not all(opens):
        problems.append("an action that opens no URL")
    for element in _elements(card["body"]):
        if element["type"] not in ("Container", "RichTextBlock", "TextRun"):
            problems.append(f"{element['type']}: markup would be read in it, or Teams doesn't know it")
        if element["type"] == "TextRun" and not element["text"]:
            problems.append("an empty text")
    return problems


def _elements(body: list[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for element in body:
        yield element
        yield from _elements(element.get("items", []) + element.get("inlines", []))


def check_mail(sent: bytes) -> list[str]:
    """Return in what a message breaks RFC 5321 and 5322, or lets foreign text become a header or markup."""
    problems = []
    if any(len(line) > 998 for line in sent.split(b"\r\n")):
        problems.append("a line of more than 998 characters")
    if not sent.isascii():
        problems.append("not seven bits, and nobody asked whether the server takes eight")
    if re.search(rb"(?<!\r)\n|\r(?!\n)|\0", sent):
        problems.append("a bare CR, LF or NUL")
    head = sent.partition(b"\r\n\r\n")[0]
    if any(not re.match(rb"[A-Za-z-]+:|[ \t]", line) for line in head.split(b"\r\n")):
        problems.append("a line of the head is no header")
    message = message_from_bytes(sent, policy=default_policy)
    once = ("From", "To", "Subject", "Date", "Message-ID")
    problems += [f"not one {name}" for name in once if len(message.get_all(name, [])) != 1]
    if message.get("Auto-Submitted") != "auto-generated":
        problems.append("it may be answered automatically")
    if "Bcc" in message or "Cc" in message:
        problems.append("other recipients")
    page = message.get_body(("html",))
    if page is not None:
        tags = set(re.findall(r"<\s*/?\s*([a-zA-Z!][^\s>]*)", page.get_content()))
        problems += [f"tag {tag}" for tag in tags - _TAGS]
    return problems


def units(text: str) -> int:
    """Return the length in UTF-16 units, the strictest reading."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
