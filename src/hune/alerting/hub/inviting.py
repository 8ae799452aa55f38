"""The link by which a message invites to look after its alert."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hune.alerting.doors.keys import Keys
from hune.alerting.notifiers import Link
from hune.alerting.notifiers.phrasing import Wording
from hune.alerting.state.episode import State
from hune.alerting.state.outbox import Item

Invite = Callable[[Item, float], Sequence[Link]]


def page_of(page: str, episode: int, key: str) -> str:
    """Return the address of an alert's page, with a key to look after it."""
    return f"{page}/alerts/{episode}?key={key}"


def sign_in(page: str, key: str) -> str:
    """Return the address that keeps the operator's key in a browser."""
    return f"{page}/sign-in?key={key}"


def inviting(keys: Keys, page: str, wording: Wording) -> Invite:
    """Return what makes the links of messages: a key of its own for each alert, receiver and message."""

    def links(item: Item, now: float) -> Sequence[Link]:
        episode, receiver = item.episode, item.delivery.receiver
        if item.delivery.wanted is State.RESOLVED:
            return ()
        # A clock that was set back makes no key that is older than its alert.
        key = keys.for_alert(episode.id, receiver, now=max(now, episode.received_at))
        return (Link(wording.say("look_after" if item.care else "acknowledge"), page_of(page, episode.id, key)),)

    return links


def uninviting(_item: Item, _now: float) -> Sequence[Link]:
    """Return no links: what is printed on a log may be read by many."""
    return ()
