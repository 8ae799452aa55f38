"""Discord's messages: pure functions from notices to what Discord's API takes.

Limits: https://discord.com/developers/docs/resources/message#embed-object-embed-limits
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from hune.alerting.episode import Episode, State, rank
from hune.alerting.notifiers import Digest, Notice
from hune.alerting.notifiers.phrasing import Wording, clean, cut, lasted, width

MAX_CONTENT = 2000
MAX_TITLE = 256
MAX_DESCRIPTION = 4096
MAX_FIELD_NAME = 256
MAX_FIELD_VALUE = 1024

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
_DIGEST_LINES = 20
_DIGEST_TEXT = 3000
_MARKDOWN = re.compile(r"([\\`*_~|<>\[\]])")
_AT_START = re.compile(r"^([#\-+])")
_LINK_LIKE = re.compile(r":(?=//|[A-Za-z0-9_]+:)")
_MENTION = re.compile(r"@(?=\w)")


class Composer:
    """Writes messages of one site.

    `page` is the address of Hune's pages, without a final slash; `nodes` are those that have a page of their own.
    """

    def __init__(self, wording: Wording, *, site: str, page: str, nodes: Collection[str] = ()) -> None:
        self._wording = wording
        self._site = site
        self._page = page
        self._nodes = nodes

    def alert(self, notice: Notice) -> Payload:
        """Return the message of one alert: as it fires, or as it came and went."""
        return self._message(self.headline(notice), self._embed(notice))

    def resolved(self, notice: Notice) -> Payload:
        """Return what replaces an alert's message once it is over."""
        return self._message(self.headline(notice), self._embed(notice))

    def reply(self, notice: Notice) -> Payload:
        """Return the short message that an alert is over."""
        return self._message(self.headline(notice))

    def plain(self, text: str) -> Payload:
        """Return a message of bare text: what is left when Discord refuses the rich one."""
        return self._message(_escape(text, MAX_CONTENT))

    def headline(self, notice: Notice) -> str:
        """Return the alert in one line: `🔥 **LAB** pve-02: CPU at 78 °C (limit 70 °C)`."""
        wording, episode, kind = self._wording, notice.episode, self._wording.kind(notice)
        parts = [wording.icon(kind), f"**{wording.say(kind)}**"]
        if episode.is_lab:
            parts.append(f"**{wording.say('lab')}**")
        parts.append(_escape(wording.summary(notice), 300))
        if notice.told is State.RESOLVED:
            over = [wording.say("after", lasted(episode))]
            if peak := wording.peak(episode):
                over.append(wording.say("peak_of", _escape(peak, 60)))
            parts.append(f"({', '.join(over)})")
        return " ".join(parts)

    def digest(self, digest: Digest) -> Payload:
        """Return the message that counts many alerts and names the worst."""
        wording = self._wording
        notices = sorted(digest.notices, key=lambda notice: (_place(notice), notice.episode.starts_at))
        firing = [notice for notice in notices if notice.told is State.FIRING]
        worst = wording.severity(firing[0].episode) if firing else "resolved"
        counts = [
            wording.say(key, count)
            for key, count in (
                ("firing_count", len(firing)),
                ("resolved_count", sum(n.told is State.RESOLVED and not n.came_and_went for n in notices)),
                ("passed_count", sum(notice.came_and_went for notice in notices)),
            )
            if count
        ]
        named = self._lines(notices)
        rest = len(notices) - len(named)
        more = [f"**{wording.say('more', rest)}**"] if rest else []
        if link := _link(digest.link):
            more.append(f"[{wording.say('list', len(notices))}]({link})")
        away = wording.say("away", f"<t:{round(digest.away_since)}:t>") if digest.away_since is not None else ""
        paragraphs = [part for part in (away, "\n".join(named), " · ".join(more)) if part]
        lab = [wording.say("lab")] if all(notice.episode.is_lab for notice in notices) else []
        title = " · ".join([*lab, *counts])
        embed = {
            "title": cut(f"{wording.icon(worst)} {title}", MAX_TITLE),
            "description": cut("\n\n".join(paragraphs), MAX_DESCRIPTION),
            "color": _COLOURS[worst],
            "footer": {"text": self._footer(lab=bool(lab))},
            "timestamp": _iso(digest.now),
        }
        return self._message(f"{wording.icon(worst)} **{title}**", embed)

    def _lines(self, notices: Sequence[Notice]) -> list[str]:
        """Return a line for each of the first alerts, as many as a message holds well."""
        wording, lines, room = self._wording, [], _DIGEST_TEXT
        for notice in notices[:_DIGEST_LINES]:
            episode = notice.episode
            since = f"<t:{round(episode.starts_at)}:R>" if notice.told is State.FIRING else lasted(episode)
            lab = f"**{wording.say('lab')}** " if episode.is_lab else ""
            line = f"{wording.icon(wording.kind(notice))} {lab}{_escape(wording.summary(notice), 200)} · {since}"
            room -= width(line) + 1
            if room < 0:
                break
            lines.append(line)
        return lines

    def _embed(self, notice: Notice) -> Payload:
        wording, episode, kind = self._wording, notice.episode, self._wording.kind(notice)
        lab = f" · {wording.say('lab')}" if episode.is_lab else ""
        node = clean(episode.labels.get("node", ""))
        name = " · ".join(part for part in (wording.title(episode), node) if part)
        embed: Payload = {
            "title": cut(f"{wording.badge(kind)}{lab} · {_escape(name, 180)}", MAX_TITLE),
            "url": self._page_of(episode),
            "description": _escape(episode.annotations.get("description", ""), 1500),
            "color": _COLOURS[kind],
            "fields": [_field(name, text, inline=inline) for name, text, inline in self._facts(notice) if text],
            "footer": {"text": self._footer(lab=episode.is_lab)},
            "timestamp": _iso(episode.starts_at),
        }
        return {key: part for key, part in embed.items() if part}

    def _facts(self, notice: Notice) -> list[tuple[str, str, bool]]:
        wording, episode = self._wording, notice.episode
        over = notice.told is State.RESOLVED
        value, limit = _escape(wording.value(episode), 100), _escape(wording.limit(episode), 100)
        shown = f"**{value}**" if value and not over else value
        links = [
            f"[{wording.say(key)}]({link})"
            for key, link in (
                ("runbook", _link(episode.annotations.get("runbook_url", ""))),
                ("page", self._page_of(episode)),
            )
            if link
        ]
        return [
            (wording.say("node"), _escape(episode.labels.get("node", ""), 200), True),
            (wording.say("value"), f"{shown} ({wording.say('limit', limit)})" if shown and limit else shown, True),
            (wording.say("peak"), _escape(wording.peak(episode), 100) if over else "", True),
            (
                wording.say("lasted") if over else wording.say("since"),
                lasted(episode) if over else f"<t:{round(episode.starts_at)}:R>",
                True,
            ),
            (wording.say("where"), _escape(wording.where(episode), 500), False),
            (wording.say("next"), "" if over else self._next_step(episode), False),
            (wording.say("links"), " · ".join(links), False),
        ]

    def _page_of(self, episode: Episode) -> str:
        node = episode.labels.get("node")
        return _link(f"{self._page}/nodes/{node}" if node in self._nodes else f"{self._page}/alerts")

    def _next_step(self, episode: Episode) -> str:
        # Our own words keep their markup.
        return self._wording.next_step(episode) or _escape(episode.annotations.get("next_step", ""), 700)

    def _footer(self, *, lab: bool) -> str:
        return f"Hune · {self._site}" + (f" · {self._wording.say('lab_note')}" if lab else "")

    def _message(self, content: str, *embeds: Payload) -> Payload:
        return {
            "content": cut(content, MAX_CONTENT),
            "embeds": list(embeds),
            "allowed_mentions": {"parse": []},
        }


def _place(notice: Notice) -> int:
    return rank(notice.episode.severity) if notice.told is State.FIRING else 100 + notice.came_and_went


def _field(name: str, value: str, *, inline: bool) -> Payload:
    return {"name": cut(name, MAX_FIELD_NAME), "value": cut(value, MAX_FIELD_VALUE), "inline": inline}


def _escape(text: str, limit: int) -> str:
    """Return foreign text as one line that Discord shows as it is: no markup, mention, link or emoji code."""
    line = _MARKDOWN.sub(r"\\\1", cut(clean(text), limit))
    line = _AT_START.sub(r"\\\1", line)
    line = _LINK_LIKE.sub(r"\\:", line)
    return _whole(_MENTION.sub("@\u200b", line), limit)


def _whole(line: str, limit: int) -> str:
    if width(line) <= limit:
        return line
    shortened = cut(line, limit)[:-1]
    # A backslash that lost its partner would escape what follows.
    if (len(shortened) - len(shortened.rstrip("\\"))) % 2:
        shortened = shortened[:-1]
    return shortened + "…"


def _link(url: str) -> str:
    """Return a URL that can stand in a link, or nothing if it is none."""
    if not re.fullmatch(r"https?://[^/\s]\S*", url) or len(url) > 500:
        return ""
    return quote(url, safe="/:?&=#%@!$+,;.-_~[]")


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
