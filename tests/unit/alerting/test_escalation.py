"""Escalation: who is told while nobody looks after an alert, and when; pure functions of site, labels and time."""

from __future__ import annotations

from typing import Any

import pytest

from hune.alerting.hub.escalation import Step, document, due, past, steps
from hune.alerting.state.history import Event
from hune.site.models import Site

SITE = Site.model_validate(
    {
        "nodes": [{"name": "pve-01", "address": "10.0.0.1"}],
        "receivers": [
            {"name": "phone", "console": True},
            {"name": "boss", "console": True},
            {"name": "lab", "console": True, "lab": True},
        ],
        "routes": [
            {"receivers": ["phone"], "escalate": [{"after": "1h", "receivers": ["boss"]}]},
            {
                "match": {"severity": "critical"},
                "receivers": ["phone"],
                "escalate": [
                    {"after": "10m", "receivers": ["phone", "lab"]},
                    {"after": "60m", "receivers": ["lab"]},
                ],
            },
        ],
    }
)
CRITICAL = {"alertname": "A", "severity": "critical"}


def test_steps_are_those_of_all_routes_of_an_alert_in_order() -> None:
    assert steps(SITE, CRITICAL) == [Step(1, 600, ["phone", "lab"]), Step(2, 3600, ["boss", "lab"])]
    assert steps(SITE, {"alertname": "A", "severity": "warning"}) == [Step(1, 3600, ["boss"])]


def test_alert_of_the_lab_escalates_to_who_wants_the_lab() -> None:
    assert steps(SITE, {**CRITICAL, "lab": "true"}) == [Step(1, 600, ["lab"]), Step(2, 3600, ["lab"])]


def test_site_without_escalation_has_no_steps() -> None:
    assert steps(Site.model_validate({"receivers": [{"name": "phone", "console": True}]}), CRITICAL) == []


@pytest.mark.parametrize(
    ("now", "done", "expected"),
    [
        (1599, [], []),
        (1600, [], [1]),
        (1600, [600], []),
        (4600, [], [1, 2]),
        (4600, [600], [2]),
        (9999, [600, 3600], []),
        # The clock was set back.
        (401, [], []),
        (400, [], [1]),
    ],
)
def test_each_step_is_due_once(now: float, done: list[int], expected: list[int]) -> None:
    assert [step.number for step in due(steps(SITE, CRITICAL), since=1000.0, now=now, done=done)] == expected


def event(at: float, kind: str, **detail: Any) -> Event:
    return Event(0, 1, at, kind, "", "", detail)


def test_escalation_begins_anew_when_nobody_looks_after_it_any_more() -> None:
    told = [event(1600.0, "escalated", step=1, after=600), event(1601.0, "escalated", step=1, after=600)]
    assert past(1000.0, told).done == {600: 1600.0}
    for kind in ("care_ended", "released"):
        anew = past(1000.0, [*told, event(5000.0, kind)])
        assert (anew.since, anew.done) == (5000.0, {})
    assert past(1000.0, []).since == 1000.0


def test_steps_are_shown_with_when_they_are_due_and_were_done() -> None:
    so_far = past(1000.0, [event(1600.0, "escalated", step=1, after=600)])
    shown = document(steps(SITE, CRITICAL), so_far, is_running=True)
    assert [(row["step"], row["due_at"], row["done_at"]) for row in shown] == [(1, 1600.0, 1600.0), (2, 4600.0, None)]
    stopped = document(steps(SITE, CRITICAL), so_far, is_running=False)
    assert [(row["due_at"], row["done_at"]) for row in stopped] == [(1600.0, 1600.0), (None, None)]
