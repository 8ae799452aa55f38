"""Channels: one file each, all of one shape.

`content` says what a message tells, `telling` when which message is sent. A channel puts the content into its own form
(pure) and hands that over (the effect). What it raises says what to do next.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from hune.alerting.state.episode import Again, Care, Episode, State
from hune.core.errors import Refused, Unavailable


@dataclass(frozen=True, slots=True)
class Link:
    """Where a reader can go from a message."""

    text: str
    url: str


@dataclass(frozen=True, slots=True)
class Notice:
    """News of one alert; `now` in seconds since the epoch."""

    episode: Episode
    told: State
    """What it tells: firing or resolved."""
    is_news: bool
    """Whether the receiver has heard nothing of this alert before."""
    now: float
    message: str | None = None
    """The id of the message that told of it before, if it has one of its own."""
    links: Sequence[Link] = ()
    """What the reader can do about it, beside reading the runbook and opening Hune."""
    care: Care | None = None
    """Who looks after it."""
    again: Again = Again.NO
    """Why it is told once more; of an escalation also why it is told to somebody new."""
    alone_since: float | None = None
    """Of an escalation: since when nobody looks after it."""
    queued_at: float = 0.0

    @property
    def came_and_went(self) -> bool:
        """Whether it tells of an alert that is over already."""
        return self.is_news and self.told is State.RESOLVED

    @property
    def repetition(self) -> str:
        """What tells news that the receiver knows already, told once more, from what it was told before; else empty."""
        if self.is_news or self.told is not State.FIRING or not self.again:
            return ""
        return f"{self.again.name.lower()}-{round(self.queued_at)}"


@dataclass(frozen=True, slots=True)
class Digest:
    """News of many alerts, worst first; `link` lists them all."""

    notices: Sequence[Notice]
    link: str
    now: float
    away_since: float | None = None
    """Since when the receiver could not be reached, if that is why there are so many."""

    @property
    def identity(self) -> str:
        """What tells this digest from others: sent again it is the same, with other news it isn't."""
        told = [(notice.episode.id, notice.episode.starts_at, notice.told) for notice in self.notices]
        return hashlib.sha256(f"{self.link} {told}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the receiver answered."""

    message: str | None = None
    """Its id of the message, by which it can be edited."""
    edited: bool = True
    """Whether the alert's own message shows what was told."""
    pause_seconds: float = 0.0
    """How long it asks to wait before the next request."""


class Notifier(Protocol):
    """One receiver's channel."""

    @property
    def edits(self) -> bool:
        """Whether a message can show something else later."""

    async def tell(self, notice: Notice) -> Receipt:
        """Tell of one alert. Raises TryLater, ContentRefused or ReceiverRefused."""

    async def tell_digest(self, digest: Digest) -> Receipt:
        """Tell of many. Raises TryLater, ContentRefused or ReceiverRefused."""

    async def edit(self, notice: Notice, /) -> bool:
        """Have the alert's own message show what was told; False if somebody deleted it. Raises as `tell` does."""

    async def say(self, text: str) -> None:
        """Say something that is no alert. Raises as `tell` does."""


class TryLater(Unavailable):
    """It did not work now; `after_seconds` if the receiver said when."""

    def __init__(
        self, message: str, *, after_seconds: float | None = None, limited: bool = False, unexplained: bool = False
    ) -> None:
        super().__init__(message)
        self.after_seconds = after_seconds
        self.limited = limited
        """Whether the receiver works and only asks for patience."""
        self.unexplained = unexplained
        """Whether nobody knows if it will ever work: not tried for ever."""


class ContentRefused(Refused):
    """The receiver works and refuses this message."""


class ReceiverRefused(Refused):
    """The receiver refuses everything: deleted, or without permission; a person must act."""
