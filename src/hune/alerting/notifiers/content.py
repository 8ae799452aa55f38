"""What a message tells, before a channel puts it into its own form: pure functions from notices to words.

Texts come from labels and annotations of anybody's: they are on one line and free of what controls or hides, and each
channel keeps them from meaning anything in its own markup. What is Hune's own is marked as such.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from hune.alerting.notifiers import Digest, Link, Notice
from hune.alerting.notifiers.phrasing import Wording, clean, cut, lasted
from hune.alerting.state.episode import Care, State, rank

MAX_LINKS = 6
_OWN_LINKS = MAX_LINKS - 2
_DIGEST_ROWS = 20


@dataclass(frozen=True, slots=True)
class Fact:
    """A name of Hune's and what is so; `strong` stands before `text` and matters most, `since` is a moment."""

    name: str
    text: str = ""
    strong: str = ""
    since: float | None = None
    wide: bool = False

    @property
    def line(self) -> str:
        """What is so, as plain text."""
        told = written(self.since) if self.since is not None else self.text
        return " ".join(part for part in (self.strong, told) if part)


@dataclass(frozen=True, slots=True)
class Content:
    """The message of one alert."""

    kind: str
    """A severity, `resolved`, `passed` or `unwatched`: what colours are chosen by."""
    icon: str
    word: str
    lab: str
    """`LAB` if no real machine is meant."""
    name: str
    """What kind of alert, and where: `CPU too hot · pve-02`."""
    summary: str
    beside: Sequence[str]
    """What is said beside the summary: of one that is over how long it lasted, how bad it was; why it is told again."""
    description: str
    facts: Sequence[Fact]
    next_step: str
    next_step_is_ours: bool
    """Whether the next step is in Hune's words, with its own `code`."""
    links: Sequence[Link]
    footer: str
    starts_at: float

    @property
    def title(self) -> str:
        """`🔥 CRITICAL · CPU too hot · pve-02`, as plain text."""
        lab = f" · {self.lab}" if self.lab else ""
        return f"{self.icon} {self.word}{lab} · {cut(self.name, 180)}"

    def headline(self, escape: Callable[[str, int], str] = cut, bold: Callable[[str], str] = str) -> str:
        """Return the alert in one line: `🔥 CRITICAL LAB pve-02: CPU at 78 °C, limit 70 °C`."""
        parts = [self.icon, bold(self.word), *([bold(self.lab)] if self.lab else []), escape(self.summary, 300)]
        if self.beside:
            parts.append(f"({', '.join(escape(part, 80) for part in self.beside)})")
        return " ".join(parts)


@dataclass(frozen=True, slots=True)
class Row:
    """One alert among many."""

    icon: str
    lab: str
    summary: str
    since: float | None
    lasted: str

    def line(
        self,
        escape: Callable[[str, int], str] = cut,
        bold: Callable[[str], str] = str,
        moment: Callable[[float], str] | None = None,
    ) -> str:
        """Return it as `🔥 pve-02 is down · 2026-11-21 14:32 UTC`."""
        lab = f"{bold(self.lab)} " if self.lab else ""
        when = self.lasted if self.since is None else (moment or written)(self.since)
        return f"{self.icon} {lab}{escape(self.summary, 200)} · {when}"


@dataclass(frozen=True, slots=True)
class Many:
    """The message that counts many alerts and names the worst."""

    kind: str
    icon: str
    title: str
    """`LAB · 300 firing · 2 resolved`."""
    away_since: float | None
    rows: Sequence[Row]
    total: int
    link: str
    footer: str
    now: float


class Writer:
    """Writes the content of one site's messages.

    `page` is the address of Hune's pages, without a final slash; `nodes` are those that have a page of their own.
    """

    def __init__(self, wording: Wording, *, site: str, page: str, nodes: Collection[str] = ()) -> None:
        self.wording = wording
        self.site = site
        self._page = page
        self._nodes = nodes

    def alert(self, notice: Notice) -> Content:
        """Return the message of one alert: as it fires, as it is over, or as it came and went."""
        wording, episode, kind = self.wording, notice.episode, self.wording.kind(notice)
        own = wording.next_step(episode)
        is_over = notice.told is State.RESOLVED
        peak = wording.peak(episode)
        node = clean(episode.labels.get("node", ""))
        return Content(
            kind=kind,
            icon=wording.icon(kind),
            word=wording.say(kind),
            lab=wording.say("lab") if episode.is_lab else "",
            name=" · ".join(part for part in (wording.title(episode), node) if part),
            summary=wording.summary(notice),
            beside=[
                wording.say("after", lasted(episode)),
                *([wording.say("peak_of", peak)] if peak else []),
            ]
            if is_over
            else [part for part in (wording.again(notice),) if part],
            description=clean(episode.annotations.get("description", "")),
            facts=[fact for fact in self._facts(notice) if fact.line],
            next_step="" if is_over else own or clean(episode.annotations.get("next_step", "")),
            next_step_is_ours=bool(own),
            links=self._links(notice),
            footer=self._footer(lab=episode.is_lab),
            starts_at=episode.starts_at,
        )

    def digest(self, digest: Digest) -> Many:
        """Return the message that counts many alerts."""
        wording = self.wording
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
        all_lab = all(notice.episode.is_lab for notice in notices)
        return Many(
            kind=worst,
            icon=wording.icon(worst),
            title=" · ".join([*([wording.say("lab")] if all_lab else []), *counts]),
            away_since=digest.away_since,
            rows=[self._row(notice) for notice in notices[:_DIGEST_ROWS]],
            total=len(notices),
            link=link(digest.link),
            footer=self._footer(lab=all_lab),
            now=digest.now,
        )

    def away(self, many: Many, moment: Callable[[float], str]) -> str:
        """Return why so many are told at once, if the receiver was away."""
        return "" if many.away_since is None else self.wording.say("away", moment(many.away_since))

    def _row(self, notice: Notice) -> Row:
        episode, wording = notice.episode, self.wording
        return Row(
            icon=wording.icon(wording.kind(notice)),
            lab=wording.say("lab") if episode.is_lab else "",
            summary=wording.summary(notice),
            since=episode.starts_at if notice.told is State.FIRING else None,
            lasted=lasted(episode),
        )

    def _facts(self, notice: Notice) -> list[Fact]:
        wording, episode = self.wording, notice.episode
        is_over = notice.told is State.RESOLVED
        value, limit = cut(wording.value(episode), 100), cut(wording.limit(episode), 100)
        beside = f"({wording.say('limit', limit)})" if value and limit else ""
        return [
            Fact(wording.say("node"), cut(clean(episode.labels.get("node", "")), 200)),
            Fact(wording.say("value"), beside, strong=value)
            if not is_over
            else Fact(wording.say("value"), f"{value} {beside}".strip()),
            Fact(wording.say("peak"), cut(wording.peak(episode), 100) if is_over else ""),
            Fact(wording.say("lasted"), lasted(episode))
            if is_over
            else Fact(wording.say("since"), since=episode.starts_at),
            Fact(wording.say("where"), cut(wording.where(episode), 500), wide=True),
            *([self._care(notice.care)] if notice.care is not None and not is_over else []),
        ]

    def _care(self, care: Care) -> Fact:
        name, note = cut(clean(care.by), 80), cut(clean(care.note), 300)
        until = "" if care.until is None else self.wording.say("until", written(care.until))
        said = " ".join(part for part in (name, until) if part)
        return Fact(self.wording.say(care.state), f"{said}: {note}" if note else said, wide=True)

    def _links(self, notice: Notice) -> list[Link]:
        episode, say = notice.episode, self.wording.say
        node = episode.labels.get("node")
        page = f"{self._page}/nodes/{node}" if node in self._nodes else f"{self._page}/alerts"
        runbook = episode.annotations.get("runbook_url", "")
        given = (*notice.links[:_OWN_LINKS], Link(say("runbook"), runbook), Link(say("page"), page))
        return [Link(one.text, url) for one in given if (url := link(one.url))][:MAX_LINKS]

    def _footer(self, *, lab: bool) -> str:
        return f"Hune · {self.site}" + (f" · {self.wording.say('lab_note')}" if lab else "")


def link(url: str) -> str:
    """Return a URL that can stand in any markup, or nothing if it is none."""
    if not re.fullmatch(r"https?://[^/\s]\S*", url) or len(url) > 500:
        return ""
    written_out = quote(url, safe="/:?&=#%@!$+,;.-_~[]")
    return written_out if len(written_out) <= 1000 else ""


def written(moment: float) -> str:
    """Return a moment where the channel can't write it in the reader's own time: `2026-11-21 14:32 UTC`."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _place(notice: Notice) -> int:
    return rank(notice.episode.severity) if notice.told is State.FIRING else 100 + notice.came_and_went
