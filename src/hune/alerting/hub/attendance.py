"""Attendance: looks whether somebody looks after what fires, and calls for somebody if nobody does.

Snoozes end, steps of escalation are taken, and receivers that wish so are reminded. All of it is read off the book each
time, so that it survives a restart.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable, Sequence

from hune.alerting.holds import Terms
from hune.alerting.hub.escalation import Escalator
from hune.alerting.hub.timing import Timing
from hune.alerting.state import care
from hune.alerting.state.database import Database
from hune.alerting.state.episode import Again
from hune.core.clock import Clock
from hune.core.errors import Unavailable
from hune.site.models import Site
from hune.site.values import seconds_of

log = logging.getLogger(__name__)

_SHARE = 20
_REMINDED_OF = ("critical", "warning")


class Attendance:
    """Calls for people until cancelled."""

    def __init__(
        self,
        database: Database,
        site: Site,
        *,
        timing: Timing,
        clock: Clock,
        terms: Callable[[float], Terms],
        on_change: Callable[[], None],
    ) -> None:
        self._database = database
        self._escalator = Escalator(site)
        self._reminders = {
            receiver.name: seconds_of(receiver.remind) for receiver in site.receivers if receiver.remind is not None
        }
        self._timing = timing
        self._clock = clock
        self._terms = terms
        self._on_change = on_change

    async def run(self) -> None:
        while True:
            began = self._clock.monotonic()
            try:
                await self.round()
            except Unavailable as error:
                log.debug("nobody called: %s", error)
            except Exception:
                log.exception("a fault of the hub while looking who looks after alerts; trying again")
            # With thousands of open alerts it takes a while; others read the book too.
            took = self._clock.monotonic() - began
            await self._clock.sleep(max(self._timing.attend, _SHARE * took))

    async def round(self) -> None:
        """Look once."""
        now = self._clock.now()
        if not await self._database.read(lambda connection: self._is_due(connection, now)):
            return
        terms = self._terms(now)
        called = await self._database.write(lambda connection: self._call(connection, terms, now))
        if called:
            self._on_change()

    def _is_due(self, connection: sqlite3.Connection, now: float) -> bool:
        return bool(
            care.is_snooze_over(connection, now=now)
            or self._escalator.due(connection, now=now)
            or _unreminded(connection, self._reminders, now=now)
        )

    def _call(self, connection: sqlite3.Connection, terms: Terms, now: float) -> int:
        called = care.end_snoozes(connection, terms, now=now)
        called += self._escalator.take(connection, terms, now=now)
        for episode, receiver, labels in _unreminded(connection, self._reminders, now=now):
            due_at = terms.due(json.loads(labels), receiver)
            called += care.repeat(connection, episode, receiver, Again.REMINDER, now=now, due_at=due_at)
        return called


def _unreminded(
    connection: sqlite3.Connection, reminders: dict[str, int], *, now: float
) -> Sequence[tuple[int, str, str]]:
    """Return whom to remind of what: episode, receiver, labels; only what surely fires and nobody looks after.

    Also of what was told as long after now: the clock was set back.
    """
    if not reminders:
        return ()
    return [
        (row["id"], row["receiver"], row["labels"])
        for row in connection.execute(
            "SELECT episode.id, labels, receiver FROM episode INDEXED BY episode_open"
            " JOIN delivery ON delivery.episode = episode.id JOIN json_each(?) AS wish ON wish.key = receiver"
            " WHERE state = 'firing' AND state <> 'resolved' AND held = '' AND expires_at IS NULL"
            " AND told = 'firing' AND wanted = 'firing' AND again = 0 AND dead = 0"
            " AND abs(? - delivery.at) >= wish.value"
            " AND json_extract(labels, '$.severity') IN (SELECT value FROM json_each(?))"
            " AND NOT EXISTS (SELECT 1 FROM care WHERE care.episode = episode.id)",
            (json.dumps(reminders), now, json.dumps(_REMINDED_OF)),
        )
    ]
