"""Every channel's messages: as in their golden copies, and within each service's limits whatever the labels are."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hune.alerting.notifiers import Digest, Link, Notice
from hune.alerting.notifiers.apprised import MAX_BODY, MAX_TITLE, AppriseComposer, Words
from hune.alerting.notifiers.calling import encode
from hune.alerting.notifiers.discord import DiscordComposer
from hune.alerting.notifiers.mail import MailComposer
from hune.alerting.notifiers.slack import SlackComposer
from hune.alerting.notifiers.teams import TeamsComposer
from hune.alerting.notifiers.webhook import MAX_BYTES, Event, WebhookComposer
from hune.alerting.state.episode import Again, Care
from hune.site.receivers import Email
from support import golden
from support.channel_limits import check_mail, check_slack, check_teams
from support.discord_server import check as check_discord
from support.notices import NOW, PAGE, digest_of, notice, writer

GOLDEN = Path(__file__).parent / "golden"
MAIL = Email.model_validate({"host": "smtp.example.com", "sender": "hune@example.com", "to": ["ops@example.com"]})


@dataclass(frozen=True)
class Kind:
    """A channel's composer, its rules, and how its messages are written down."""

    compose: Callable[[str], Any]
    check: Callable[[Any], list[str]]
    show: Callable[[Any], str]
    message: str = "m1"
    """An id as the service gives it."""


def as_json(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def as_mail(message: EmailMessage) -> str:
    head = [f"{name}: {text}" for name, text in message.items() if name not in ("MIME-Version", "Content-Type")]
    parts = [part.get_content() for part in message.walk() if part.get_content_maintype() == "text"]
    return "\n".join([*head, "", *parts])


def as_event(event: Event) -> str:
    rows = event.document["data"].get("alerts", [])
    shown = {**event.document, "data": {**event.document["data"], "alerts": rows[:2]}} if rows else event.document
    listed = f"{len(rows)} alerts listed, of which 2 are shown\n" if rows else ""
    return f"{event.id}\n{listed}{as_json(shown)}"


def check_event(event: Event) -> list[str]:
    size = len(encode(event.document))
    return [f"{size} bytes"] if size > MAX_BYTES or not event.id.isprintable() or len(event.id) > 256 else []


def check_words(words: Words) -> list[str]:
    fits = len(words.title) <= MAX_TITLE and len(words.body) <= MAX_BODY and words.title
    pings = re.search(r"(^|[^/\w])@\w|<[!@#&]", re.sub(r"https?://\S+", "", f"{words.title}\n{words.body}"))
    return [] if fits and not pings else [f"{len(words.title)}, {len(words.body)} characters"]


KINDS = {
    "discord": Kind(lambda language: DiscordComposer(writer(language)), check_discord, as_json, "7"),
    "slack": Kind(lambda language: SlackComposer(writer(language), threads=True), check_slack, as_json, "17.000200"),
    "teams": Kind(lambda language: TeamsComposer(writer(language)), check_teams, as_json),
    "mail": Kind(
        lambda language: MailComposer(writer(language), "mail", MAIL),
        lambda message: check_mail(message.as_bytes()),
        as_mail,
        "<hune.home.mail.12.1999808.firing@example.com>",
    ),
    "webhook": Kind(
        lambda language: WebhookComposer(writer(language), "hook"),
        check_event,
        as_event,
    ),
    "apprise": Kind(
        lambda language: AppriseComposer(writer(language)),
        check_words,
        lambda words: f"{words.kind}\n{words.title}\n\n{words.body}\n",
    ),
}


def cases(message: str) -> dict[str, Notice | Digest]:
    """Return what the golden copies tell: one, told again in each way, its end, one that came and went, many."""
    link = [Link("Acknowledge…", f"{PAGE}/alerts/12?key=mac.4592000.12.discord")]
    anna = Care(NOW - 60, "anna", NOW + 3600, "on my way")
    over = notice(over=True, is_news=False, message=message)
    some = [notice(), notice(id=13, over=True, is_news=False), notice(id=14, over=True)]
    many = [
        notice(id=n, labels={"node": f"n{n:03}"}, annotations={"summary": f"n{n:03}: CPU at 78 °C"}) for n in range(300)
    ]
    return {
        "firing": replace(notice(), links=link),
        "looked-after": replace(notice(), links=link, care=anna),
        "reminder": replace(notice(is_news=False, message=message), links=link, again=Again.REMINDER, queued_at=NOW),
        "escalated": replace(notice(), links=link, again=Again.ESCALATION, alone_since=NOW - 600),
        "resolved": over,
        "passed": notice(over=True),
        "many": digest_of(*some, away_since=NOW - 600),
        "too-many": digest_of(*many),
    }


def composed(composer: Any, case: Notice | Digest) -> Any:
    if isinstance(case, Digest):
        return composer.digest(case)
    return composer.alert(case) if case.is_news else composer.reply(case)


@pytest.mark.parametrize("name", KINDS)
def test_messages_are_as_in_their_golden_copies(name: str) -> None:
    kind = KINDS[name]
    for case, told in cases(kind.message).items():
        message = composed(kind.compose("en"), told)
        assert kind.check(message) == []
        golden.check(GOLDEN / f"{name}-{case}.txt", kind.show(message))


@pytest.mark.parametrize("name", KINDS)
def test_every_message_says_what_matters(name: str) -> None:
    """Severity, node, value, limit, what to do, where to read on; of one that is over, how long it lasted."""
    kind = KINDS[name]
    extra = [Link("Acknowledge", "https://hune.example/ack/12?key=a&b=c")]
    told = notice()
    firing = kind.show(kind.compose("en").alert(replace(told, links=extra)))
    wanted = ["pve-02", "78", "70 °C", "Look at what is running", "runbooks/CpuHot", "nodes/pve-02", "Acknowledge"]
    assert [word for word in wanted if word not in firing.replace("&amp;", "&")] == []
    assert "ack/12?key=a&b=c" in firing.replace("&amp;", "&")
    over = kind.compose("en").reply(notice(over=True, is_news=False, message=kind.message))
    assert [word for word in ("pve-02",) if word not in kind.show(over)] == []
    assert "3 min 12 s" in kind.show(over) or name == "webhook"


_nasty = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [
            *("\\", "`", "*", "_", "~", "@everyone", "<!channel>", "<@U024BE7LH>", "&", "<b>", "]]>", "</td><script>"),
            *("😀", "\u202e", "ﷺ", "\U0010ffff", "[a](", "\ud83d", "<@1>", " ", "\u200d", "שרת"),
            *(
                "\r\nBcc: x@y.z\r\n\r\n",
                "\x00",
                "{{DATE(",
                "<at>x</at>",
                "=?utf-8?q?",
                ".\r\n",
                "é",
                "\u2028",
                '"',
                "'",
                "\u0301",
                ":skull:",
            ),
        ]
    ).flatmap(lambda part: st.sampled_from([1, 2, 30, 300, 100_000 // len(part)]).map(lambda count: part * count)),
)
_labels = st.dictionaries(
    st.sampled_from(["node", "chip", "device", "severity", "alertname", "lab", "a", "b", "c", "d", "e", "f", "g"]),
    _nasty,
    max_size=6,
)
_words = st.dictionaries(
    st.sampled_from(["summary", "description", "runbook_url", "value", "unit", "threshold", "next_step"]),
    _nasty | _nasty.map(lambda text: f"https://x.example/{text}"),
    max_size=5,
)


@pytest.mark.parametrize("name", [name for name in KINDS if name != "discord"])
@given(
    labels=_labels,
    annotations=_words,
    over=st.booleans(),
    is_news=st.booleans(),
    french=st.booleans(),
    cared=st.booleans(),
    until=st.sampled_from([None, NOW]),
    again=st.sampled_from(Again),
)
@settings(deadline=None, max_examples=40)
def test_any_labels_make_a_message_that_the_service_takes(
    name: str,
    labels: dict[str, str],
    annotations: dict[str, str],
    over: bool,
    is_news: bool,
    french: bool,
    cared: bool,
    until: float | None,
    again: Again,
) -> None:
    kind = KINDS[name]
    composer = kind.compose("fr" if french else "en")
    intake = {key: text.encode("utf-8", "replace").decode()[:4096] for key, text in labels.items()}
    spoken = {key: text.encode("utf-8", "replace").decode()[:4096] for key, text in annotations.items()}
    care = Care(NOW, spoken.get("summary", ""), until, spoken.get("description", "")) if cared else None
    links = [Link("Acknowledge", spoken.get("runbook_url", "https://x.example"))] * 6
    made = notice(over=over, is_news=is_news, labels=intake, annotations=spoken, message=kind.message)
    told = replace(made, links=links, care=care, again=again, alone_since=NOW - 99)
    digest = digest_of(*[told] * 30, away_since=NOW - 99)
    for message in (
        composer.alert(told),
        composer.reply(told),
        composer.digest(digest),
        composer.plain(f"Hune: {spoken.get('summary')}"),
    ):
        assert kind.check(message) == []
        kind.show(message)


@pytest.mark.parametrize("name", KINDS)
def test_message_says_who_looks_after_it_and_why_it_is_told_again(name: str) -> None:
    kind = KINDS[name]
    told = cases(kind.message)
    wanted = {
        "looked-after": ["anna", "on my way"],
        "reminder": ["still firing for 3 min 12 s", "/alerts/12?key="],
        "escalated": ["nobody has looked after it for 10 min", "/alerts/12?key="],
    }
    if name == "webhook":
        wanted |= {"reminder": ['"again": "reminder"', "-reminder-2000000"], "escalated": ['"again": "escalation"']}
    for case, words in wanted.items():
        shown = kind.show(composed(kind.compose("en"), told[case])).replace("=\n", "")
        assert [word for word in words if word not in shown] == [], case


def test_same_news_is_known_by_its_id_and_other_news_by_another() -> None:
    """What was sent and perhaps not accepted is sent again: a program, or a mail server, drops the second."""
    first = [notice(id=n) for n in range(6)]
    later = [notice(id=0, over=True), *first[1:]]
    hook, mail = WebhookComposer(writer(), "hook"), MailComposer(writer(), "mail", MAIL)
    ids = [hook.digest(digest_of(*told)).id for told in (first, first, later)]
    assert ids[0] == ids[1] != ids[2]
    reminder = replace(notice(is_news=False), again=Again.REMINDER, queued_at=NOW)
    ids = [hook.alert(told).id for told in (reminder, reminder, first[0], replace(reminder, queued_at=NOW + 9))]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3
    # Each time it is written its link has another key.
    written = [replace(reminder, links=(Link("Acknowledge…", f"{PAGE}/alerts/1?key={key}"),)) for key in "ab"]
    words = [AppriseComposer(writer()).alert(told) for told in (*written, first[0])]
    assert words[0].body != words[1].body
    assert words[0].news == words[1].news != words[2].news
    ids = [mail.digest(digest_of(*told))["Message-ID"] for told in (first, first, later)]
    assert ids[0] == ids[1] != ids[2]
    assert (
        mail.alert(first[0])["Message-ID"] == mail.alert(first[0])["Message-ID"] != mail.alert(first[1])["Message-ID"]
    )


def test_link_that_slack_has_no_room_for_is_left_out_whole() -> None:
    """Cut anywhere it would lead somewhere else."""
    told = notice(annotations={"runbook_url": "https://x.example/?" + "&" * 400})
    shown = as_json(SlackComposer(writer()).alert(told))
    assert "x.example" not in shown
    assert f"<{PAGE}/nodes/pve-02|Open in Hune>" in shown
