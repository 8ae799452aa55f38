"""Whatever people do and whatever happens to an alert meanwhile: who was told of it hears of its end, once."""

from __future__ import annotations

import sqlite3
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from hune.alerting.holds import Hold, HoldKind, Terms
from hune.alerting.hub.attendance import Attendance
from hune.alerting.hub.timing import Timing
from hune.alerting.state import book, care, outbox, withholding
from hune.alerting.state.database import Database
from hune.alerting.state.episode import Care, Ending, Episode, State
from hune.alerting.state.schema import SCRIPTS
from hune.core.clock import SystemClock
from hune.site.models import Site
from support.alerts import make_alert

SITE = Site.model_validate(
    {
        "nodes": [{"name": "pve-02", "address": "10.0.0.2"}],
        "receivers": [
            {"name": "chat", "console": True, "remind": "30m"},
            {"name": "phone", "console": True, "remind": "1h"},
            {"name": "boss", "console": True},
        ],
        "routes": [
            {
                "receivers": ["chat"],
                "escalate": [{"after": "10m", "receivers": ["chat", "phone"]}, {"after": "20m", "receivers": ["boss"]}],
            }
        ],
    }
)
RECEIVERS = [receiver.name for receiver in SITE.receivers]
PEOPLE = ("acknowledge", "snooze", "release", "hold", "free")
ACTS = (*PEOPLE, "tell", "lease", "unknown", "confirm", "resolve", "expire", "restart")
HOLD = Hold(HoldKind.MAINTENANCE, "1", 1e12, "anna", "")


class Stand:
    """One alert in a book in memory, and what each receiver has heard."""

    def __init__(self, database: Database) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        self.connection.row_factory = sqlite3.Row
        self.connection.executescript("".join(SCRIPTS))
        self.database = database
        self.time = 100_000.0
        self.heard: dict[str, list[State]] = {name: [] for name in RECEIVERS}
        self.expired = self.held = False
        self.attendance = self._attendance()
        self.episode = book.open_episode(self.connection, make_alert(starts_at=self.time), now=self.time)
        book.address(self.connection, self.episode, ["chat"], now=self.time)

    def _attendance(self) -> Attendance:
        return Attendance(
            self.database,
            SITE,
            timing=Timing(),
            clock=SystemClock(),
            terms=self.terms,
            on_change=lambda: None,
        )

    def terms(self, _now: float = 0.0) -> Terms:
        return Terms(holds=lambda _labels: (HOLD,) if self.held else (), due=lambda _labels, _receiver: 0.0)

    def pending(self) -> list[tuple[str, outbox.Item]]:
        return [(name, item) for name in RECEIVERS for item in outbox.pending(self.connection, name, now=self.time)]

    def found(self) -> Episode:
        found = book.get(self.connection, self.episode)
        assert found is not None
        return found[0]

    def is_over(self) -> bool:
        return not self.found().is_open

    def act(self, what: str) -> None:
        connection, now = self.connection, self.time
        match what:
            case "acknowledge" | "snooze" if not self.is_over():
                until = now + 1500 if what == "snooze" else None
                care.take(connection, self.episode, Care(now, "anna", until))
                assert [item for _, item in self.pending() if item.delivery.again] == []
            case "release":
                care.end(connection, self.episode, by="anna", now=now)
            case "tell":
                assert not self.found().holds or self.pending() == []
                for name, item in self.pending():
                    for leased in outbox.lease(connection, name, [item], now=now):
                        assert leased.delivery.wanted is State.RESOLVED or not self.is_over()
                        outbox.mark_sent(connection, name, leased, message="m", edited=True, now=now)
                        self.heard[name].append(leased.delivery.wanted)
            case "lease":
                for name, item in self.pending()[:1]:
                    outbox.lease(connection, name, [item], now=now)
            case "hold" | "free":
                self.held = what == "hold"
                withholding.review(connection, self.terms(), now=now)
            case "unknown":
                book.mark_unknown(connection, self.episode, now=now)
            case "confirm":
                book.confirm(connection, self.episode, now=now)
            case "resolve":
                book.resolve(connection, self.episode, at=now, ending=Ending.MEASURED, now=now)
            case "expire" if not self.is_over():
                self.expired = True
                book.resolve(connection, self.episode, at=now, ending=Ending.EXPIRED, now=now)
            case "restart":
                outbox.release(connection)
                self.attendance = self._attendance()

    def look(self) -> None:
        if self.attendance._is_due(self.connection, self.time):
            self.attendance._call(self.connection, self.terms(), self.time)
            # What was to be done is done: it isn't due a moment later.
            assert not self.attendance._is_due(self.connection, self.time)


_act = st.tuples(st.sampled_from([*ACTS, *["tell"] * 4]), st.sampled_from([0, 1, 700, 1500, 2000]))


@given(st.lists(_act, min_size=4, max_size=14))
@settings(deadline=None, max_examples=60)
def test_whoever_was_told_hears_of_the_end_once_whatever_people_do(acts: list[tuple[str, int]]) -> None:
    stand = Stand(None)  # type: ignore[arg-type]  # it is asked directly
    for what, seconds in acts:
        stand.time += seconds
        stand.look()
        stand.act(what)
    for what in ("free", "restart", "resolve", "tell", "tell"):
        stand.act(what)
    assert stand.pending() == []
    for name, heard in stand.heard.items():
        counted = Counter(heard)
        if heard and not stand.expired:
            assert heard[-1] is State.RESOLVED, name
            assert counted[State.RESOLVED] == 1
        if stand.expired and counted[State.FIRING]:
            assert counted[State.RESOLVED] == 0
    events = stand.connection.execute("SELECT count(*) FROM event WHERE kind = 'resolved'").fetchone()[0]
    assert events == 1
