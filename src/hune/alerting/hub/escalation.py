"""Escalation: who else is told while nobody looks after an alert.

What is due follows from the site, the labels and since when nobody looks after it; what was done stands in the
history. So a restart, or a change of the site file, neither forgets a step nor takes one twice.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hune.alerting.addressing import audible, routes_of
from hune.alerting.holds import Terms
from hune.alerting.state import history
from hune.alerting.state.care import repeat
from hune.alerting.state.episode import Again
from hune.alerting.state.history import Event, Kind, event_of
from hune.site.models import Site
from hune.site.values import seconds_of


@dataclass(frozen=True, slots=True)
class Step:
    """Who is told when nobody has looked after an alert for so many seconds."""

    number: int
    after: int
    receivers: Sequence[str]


@dataclass(slots=True)
class Past:
    """What the history tells of one alert's escalation."""

    since: float
    """Since when nobody looks after it."""
    done: dict[int, float] = field(default_factory=dict)
    """When the steps since then were taken, by their `after`."""


def steps(site: Site, labels: Mapping[str, str]) -> list[Step]:
    """Return the steps of an alert, first to last: those of all routes that it takes, of one moment as one."""
    named: dict[int, set[str]] = {}
    for route in routes_of(site, labels):
        for step in route.escalate:
            named.setdefault(seconds_of(step.after), set()).update(step.receivers)
    return [Step(number, after, audible(site, labels, named[after])) for number, after in enumerate(sorted(named), 1)]


def due(steps: Sequence[Step], *, since: float, now: float, done: Collection[int]) -> list[Step]:
    """Return the steps to take now: also if `since` is as long after it, by a clock that was set back."""
    return [step for step in steps if step.after not in done and abs(now - since) >= step.after]


def past(received_at: float, events: Sequence[Event]) -> Past:
    """Return how far an escalation is, of the events of its alert."""
    so_far = Past(received_at)
    for event in events:
        if event.kind in (Kind.CARE_ENDED, Kind.RELEASED):
            so_far = Past(event.at)
        elif event.kind == Kind.ESCALATED:
            so_far.done.setdefault(int(event.detail["after"]), event.at)
    return so_far


def document(steps: Sequence[Step], so_far: Past, *, is_running: bool) -> list[dict[str, Any]]:
    """Return the steps as `GET /alerts/{id}` shows them; what won't be taken as things stand is due never."""
    return [
        {
            "step": step.number,
            "after": step.after,
            "receivers": list(step.receivers),
            "due_at": so_far.since + step.after if is_running or step.after in so_far.done else None,
            "done_at": so_far.done.get(step.after),
        }
        for step in steps
    ]


class Escalator:
    """Finds and takes the steps that are due."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._is_wanted = any(route.escalate for route in site.routes)
        self._steps: dict[int, list[Step]] = {}

    def due(self, connection: sqlite3.Connection, *, now: float) -> list[tuple[int, Step]]:
        """Return the steps to take now, each with its episode: none of what is looked after or held."""
        if not self._is_wanted:
            return []
        alone = dict(
            connection.execute(
                "SELECT id, received_at FROM episode WHERE state <> 'resolved' AND held = '' AND expires_at IS NULL"
                " AND NOT EXISTS (SELECT 1 FROM care WHERE care.episode = episode.id)"
            ).fetchall()
        )
        self._learn(connection, alone)
        waiting = {episode for episode in alone if self._steps[episode]}
        so_far = _past_of(connection, {episode: alone[episode] for episode in waiting})
        return [
            (episode, step)
            for episode, known in so_far.items()
            for step in due(self._steps[episode], since=known.since, now=now, done=known.done)
        ]

    def take(self, connection: sqlite3.Connection, terms: Terms, *, now: float) -> int:
        """Take the steps that are due; return how many."""
        wanted = self.due(connection, now=now)
        for episode, step in wanted:
            labels = json.loads(
                connection.execute("SELECT labels FROM episode WHERE id = ?", (episode,)).fetchone()["labels"]
            )
            _take(connection, episode, labels, step, terms, now)
        return len(wanted)

    def _learn(self, connection: sqlite3.Connection, episodes: Mapping[int, float]) -> None:
        """Know the steps of these episodes, whose labels never change, and of no others."""
        new = [episode for episode in episodes if episode not in self._steps]
        rows = connection.execute(
            "SELECT id, labels FROM episode WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(new),)
        )
        self._steps = {one: known for one, known in self._steps.items() if one in episodes} | {
            row["id"]: steps(self._site, json.loads(row["labels"])) for row in rows
        }


def _past_of(connection: sqlite3.Connection, received_at: Mapping[int, float]) -> dict[int, Past]:
    rows = connection.execute(
        "SELECT * FROM event WHERE episode IN (SELECT value FROM json_each(?))"
        " AND kind IN ('care_ended', 'released', 'escalated') ORDER BY id",
        (json.dumps([*received_at]),),
    )
    events: dict[int, list[Event]] = {}
    for row in rows:
        events.setdefault(row["episode"], []).append(event_of(row))
    return {episode: past(at, events.get(episode, ())) for episode, at in received_at.items()}


def _take(
    connection: sqlite3.Connection, episode: int, labels: Mapping[str, str], step: Step, terms: Terms, now: float
) -> None:
    for receiver in step.receivers:
        due_at = terms.due(labels, receiver)
        connection.execute(
            "INSERT OR IGNORE INTO delivery (episode, receiver, wanted, queued_at, due_at, step)"
            " VALUES (?, ?, 'firing', ?, ?, ?)",
            (episode, receiver, max(now, due_at), due_at, step.number),
        )
        repeat(connection, episode, receiver, Again.ESCALATION, now=now, due_at=due_at)
        history.record(
            connection, episode, Kind.ESCALATED, at=now, receiver=receiver, step=step.number, after=step.after
        )
    if not step.receivers:
        # Nobody of the lab: noted, so that it is done.
        history.record(connection, episode, Kind.ESCALATED, at=now, step=step.number, after=step.after)
