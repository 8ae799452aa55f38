"""Which message is sent when: the same for all channels that have messages."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from enum import Enum, auto
from typing import Generic, Protocol, TypeVar

from hune.alerting.notifiers import ContentRefused, Digest, Notice, Receipt, ReceiverRefused, TryLater
from hune.alerting.state.episode import Again, State

_LONGEST_PAUSE = 10.0

P = TypeVar("P")
P_co = TypeVar("P_co", covariant=True)
P_contra = TypeVar("P_contra", contravariant=True)


class Composer(Protocol[P_co]):
    """Puts what is to be told into a channel's form; pure."""

    def alert(self, notice: Notice) -> P_co:
        """Return an alert's own message: as it fires, as it came and went, or as it reads once it is over."""

    def reply(self, notice: Notice) -> P_co:
        """Return what is posted of an alert that was told: it is over, or it is told once more."""

    def digest(self, digest: Digest) -> P_co:
        """Return the message that counts many alerts and names the worst."""

    def plain(self, text: str) -> P_co:
        """Return a message of bare text."""

    def headline(self, notice: Notice) -> str:
        """Return an alert as bare text."""

    def digest_line(self, digest: Digest) -> str:
        """Return a digest as bare text, its link in it."""


class Channel(Protocol[P_contra]):
    """Hands messages over. Raises TryLater, ContentRefused or ReceiverRefused."""

    @property
    def edits(self) -> bool:
        """Whether a message can be replaced at all."""

    @property
    def pause_seconds(self) -> float:
        """How long the service wants no further message."""

    async def post(self, payload: P_contra) -> str | None:
        """Post a message; return its id, None if it has none."""

    async def patch(self, message: str, payload: P_contra) -> bool:
        """Replace a message; return False if that can't be done (any more)."""


class _Edit(Enum):
    """What became of an edit."""

    DONE = auto()
    LATER = auto()
    GONE = auto()
    """The message isn't there, or can't be changed any more."""


class MessageNotifier(Generic[P]):
    """Tells alerts through a channel."""

    def __init__(self, channel: Channel[P], composer: Composer[P], *, has_plain: bool = True) -> None:
        """`has_plain`: bare text reaches the reader where the rich message is refused."""
        self._channel = channel
        self._composer = composer
        self._has_plain = has_plain

    @property
    def edits(self) -> bool:
        return self._channel.edits

    async def tell(self, notice: Notice) -> Receipt:
        """Post the alert; of one that was told, edit its message where that can be done, and post what is new.

        Whatever becomes of the edit, what is new is posted: an edit that has to wait is the courier's, later.
        """
        if not notice.repetition and (notice.told is State.FIRING or notice.came_and_went):
            message = await self._post(self._composer.alert(notice), self._composer.headline(notice))
            return Receipt(message, edited=True, pause_seconds=self._channel.pause_seconds)
        edit = await self._edit(notice) if self.edits and notice.message is not None else None
        if edit is _Edit.GONE:
            # Nobody finds an answer to what isn't there.
            notice = replace(notice, message=None)
        posted = await self._post(self._composer.reply(notice), self._composer.headline(notice))
        if edit in (_Edit.DONE, _Edit.LATER):
            return Receipt(notice.message, edited=edit is _Edit.DONE, pause_seconds=self._channel.pause_seconds)
        return Receipt(posted if notice.repetition else None, edited=True, pause_seconds=self._channel.pause_seconds)

    async def tell_digest(self, digest: Digest) -> Receipt:
        await self._post(self._composer.digest(digest), self._composer.digest_line(digest))
        return Receipt(None, edited=False, pause_seconds=self._channel.pause_seconds)

    async def edit(self, notice: Notice) -> bool:
        assert notice.message is not None
        # It shows how things stand, not why somebody is told once more.
        shown = self._composer.alert(replace(notice, again=Again.NO))
        return await self._channel.patch(notice.message, shown)

    async def say(self, text: str) -> None:
        await self._channel.post(self._composer.plain(text))

    async def _edit(self, notice: Notice) -> _Edit:
        try:
            return _Edit.DONE if await self.edit(notice) else _Edit.GONE
        except TryLater:
            return _Edit.LATER
        except (ContentRefused, ReceiverRefused):
            # Whether it refuses everything, the post will show.
            return _Edit.GONE

    async def _post(self, payload: P, text: str) -> str | None:
        try:
            return await self._channel.post(payload)
        except ContentRefused:
            if not self._has_plain:
                raise
            # Better a plain word than none; the pause that the service wants between two messages it wants here too.
            await asyncio.sleep(min(self._channel.pause_seconds, _LONGEST_PAUSE))
            return await self._channel.post(self._composer.plain(text))
