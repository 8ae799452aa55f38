"""The page of an alert: what happened in words, in both languages, whatever the hub says."""

from __future__ import annotations

from typing import Any

import pytest

from hune.alerting.state.history import Kind
from hune.nester.hub import answers
from hune.nester.hub.model import Dossier, Event, Step
from hune.nester.language import LANGUAGES, language
from hune.nester.snapshot import Alert, Care, Delivery, Hold
from hune.nester.views.alert import alert as alert_view
from hune.nester.views.alerts import alerts as alerts_view
from hune.nester.views.events import event_looks
from hune.nester.views.reasons import reasons
from support.snapshots import NOW, alert, node, snapshot

EN = language("en")


def dossier(*events: Event, shown: Alert | None = None, steps: tuple[Step, ...] = ()) -> Dossier:
    return Dossier(shown or alert(id="7"), events, steps)


def said(kind: str, code: str = "en", **changes: Any) -> str:
    receiver, by = changes.pop("receiver", ""), changes.pop("by", "")
    event = Event(NOW - 5, kind, receiver, by, tuple(changes.items()))
    look = event_looks(dossier(event), language("fr" if code == "fr" else "en"), now=NOW)[0]
    return look.text.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("kind", "detail", "expected"),
    [
        ("opened", {"value": 78.0}, "It fires: 78 °C"),
        ("opened", {}, "It fires"),
        ("told", {"receiver": "Discord", "told": "firing"}, "Discord told"),
        ("told", {"receiver": "Discord", "told": "resolved"}, "Discord told that it is over"),
        ("refused", {"receiver": "mail", "problem": "550"}, "mail refused the message"),
        ("acknowledged", {"by": "Ana"}, "Acknowledged by Ana"),
        ("snoozed", {"by": "Ana", "until": NOW + 60}, "by Ana"),
        ("care_ended", {"by": "Ana", "reason": "released"}, "Handed back by Ana"),
        ("care_ended", {"by": "Ana", "reason": "over"}, "The snooze of Ana is over"),
        ("care_ended", {}, "Nobody looks after it any more"),
        ("escalated", {"step": 2, "after": 600}, "Escalated: step 2"),
        ("resolved", {"ending": "measured", "peak": 91.0}, "Over: measured as clear, peak 91 °C"),
        ("resolved", {"ending": "unwatched"}, "Over: not part of the site any more"),
        ("resolved", {"ending": "of_a_newer_hub"}, "Over"),
        ("something_new", {"receiver": "mail"}, "something new mail"),
    ],
)
def test_event_in_words(kind: str, detail: dict[str, Any], expected: str) -> None:
    assert expected in said(kind, **detail)


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_of_the_hubs_history_has_a_sentence(kind: Kind, code: str) -> None:
    assert said(kind, code, receiver="mail", by="Ana", until=NOW, step=1) != f"{kind.replace('_', ' ')} mail Ana"


@pytest.mark.parametrize("detail", [{"until": float("inf")}, {"until": "soon"}, {"until": True}, {"until": None}])
def test_event_that_makes_no_sense_is_shown_all_the_same(detail: dict[str, Any]) -> None:
    assert "Ana" in said("snoozed", by="Ana", **detail)


def test_of_very_many_events_the_first_and_the_latest_are_shown() -> None:
    events = [Event(NOW - 5000, "opened"), *(Event(NOW - 4000 + n, "told", f"r{n}") for n in range(2000))]
    looks = event_looks(dossier(*events), EN, now=NOW)
    assert (len(looks), looks[0].text, looks[-1].text) == (201, "It fires", "r1999 told")
    assert looks[1].text == "1801 more; the export of the history has them"
    assert looks[2].text == "r1801 told"


def test_page_tells_value_limit_next_step_and_escalation(show: Any, dossiers: Any) -> None:
    steps = (Step(1, ("phone",), NOW + 480, None), Step(2, ("all",), None, None), Step(3, ("x",), NOW - 9, NOW - 8))
    dossiers.dossiers["7"] = dossier(Event(NOW - 120, "opened"), steps=steps)
    look = show(alert_view, snapshot(node(), alerts=(alert(id="7"),)), subject="7?act")
    head = str(look.region("alert-head")).replace("\u00a0", " ")
    for expected in ("<h1>CPU 78 °C on pve-01</h1>", "70 °C", "81 °C", "2 min", 'href="/nodes/pve-01"', "node=pve-01"):
        assert expected in head
    told = str(look.region("alert-told")).replace("\u00a0", " ")
    for expected in ("Discord", "Step 1: phone", "in 8 min", "only if nobody looks after it", "called "):
        assert expected in told
    over = alert(id="7", state="resolved", resolved_at=NOW)
    dossiers.dossiers["7"] = dossier(shown=over, steps=steps)
    told = str(show(alert_view, snapshot(node(), alerts=(over,)), subject="7").region("alert-told"))
    assert ("Step 3: x" in told, "Step 1" in told, "Step 2" in told) == (True, False, False)
    assert 'value="acknowledge"' in look.region("alert-care")
    assert look.title.startswith("■ 1 critical")


def test_buttons_fit_what_is_so(show: Any, dossiers: Any) -> None:
    for shown, act, offered in (
        (alert(id="7"), "?act", ("acknowledge", "snooze:1h")),
        (alert(id="7", care=Care("Ana", NOW)), "?act", ("acknowledge", "snooze:1h", "release")),
        (alert(id="7"), "", ()),
        (alert(id="7", state="resolved", resolved_at=NOW - 5), "?act", ()),
    ):
        dossiers.dossiers["7"] = dossier(shown=shown)
        html = str(show(alert_view, snapshot(node(), alerts=(shown,)), subject=f"7{act}").region("alert-care"))
        assert [deed for deed in ("acknowledge", "snooze:1h", "release") if f'value="{deed}"' in html] == list(offered)


@pytest.mark.parametrize(
    ("state", "icon", "fails"),
    [("sent", "sent", 0), ("held", "clock", 0), ("waiting", "clock", 0), ("pending", "clock", 0),
     ("withheld", "failed", 0), ("discarded", "failed", 0), ("failed", "failed", 1), ("dead", "failed", 1)],
)  # fmt: skip
def test_only_who_was_told_has_a_tick(show: Any, dossiers: Any, state: str, icon: str, fails: int) -> None:
    dossiers.dossiers["7"] = dossier(shown=alert(id="7", deliveries=(Delivery("mail", state, NOW),)))
    told = str(show(alert_view, snapshot(node()), subject="7").region("alert-told"))
    assert (f"#i-{icon}" in told, told.count("told-failed")) == (True, fails)


def test_state_is_drawn_as_it_is_called(show: Any, dossiers: Any) -> None:
    both = alert(id="7", care=Care("Ana", NOW), holds=(Hold("maintenance", "1", NOW + 60),))
    dossiers.dossiers["7"] = dossier(shown=both)
    head = str(show(alert_view, snapshot(node(), alerts=(both,)), subject="7").region("alert-head"))
    row = str(show(alerts_view, snapshot(node(), alerts=(both,))).region("held"))
    assert '#s-held"/></svg><span>maintenance</span>' in head
    assert '#s-held"/></svg><span>maintenance</span>' in row
    assert "acknowledged" in row


def test_place_that_is_not_of_this_site_is_named_and_leads_nowhere(show: Any, dossiers: Any) -> None:
    for place in ("../alerts?x=", "pve-99", "<b>"):
        dossiers.dossiers["7"] = dossier(shown=alert("DiskBad", place, id="7"))
        look = show(alert_view, snapshot(node(), alerts=()), subject="7")
        assert "<a " not in str(look.region("alert-head"))


def test_alert_that_ended_while_somebody_looked_takes_its_buttons_along(show: Any, dossiers: Any) -> None:
    over = alert(id="7", state="resolved", resolved_at=NOW)
    dossiers.dossiers["7"] = dossier(shown=over)
    look = show(alert_view, snapshot(node(), alerts=(over,)), subject="7?act")
    # Without anything in it, for the style sheet hides the whole panel then.
    assert str(look.region("alert-care")) == '<div class="alert-care alert-care-over" data-key="care"></div>'


def test_alert_that_the_hub_forgot_leaves_its_page_empty(show: Any) -> None:
    look = show(alert_view, snapshot(node()), subject="99")
    assert look.region("alert-head") == ""


def test_while_the_hub_is_silent_the_page_shows_what_it_last_said(show: Any, dossiers: Any) -> None:
    dossiers.dossiers["7"] = dossier(shown=alert(id="7", deliveries=(Delivery("mail", "held", None),)))
    assert "mail not told: held" in show(alert_view, snapshot(node()), subject="7").region("alert-told")


def test_why_is_told_as_the_hub_tells_it(show: Any, dossiers: Any) -> None:
    dossiers.dossiers["7"] = dossier()
    finding = {"topic": "value", "question": "Value now", "answer": "78 °C", "state": "wrong", "detail": "1 s ago"}
    dossiers.answer = {"findings": [finding, {"state": "of a newer hub"}, "nonsense"]}
    html = show(alert_view, snapshot(node(), alerts=(alert(id="7"),)), subject="7").region("alert-why")
    for expected in ("Value now", "78 °C", "1 s ago", "state-critical"):
        assert expected in html
    for nonsense in ({}, {"findings": None}, {"findings": [1, None]}):
        assert reasons(nonsense) == []


ROW = {"id": 7, "alertname": "CpuHot", "severity": "critical", "state": "firing", "starts_at": 5.0, "care": None}


def test_care_holds_and_steps_are_read() -> None:
    found = answers.dossier(
        {
            **ROW,
            "care": {"state": "snoozed", "by": "Ana", "at": 6.0, "until": 9.0, "note": ""},
            "holds": [{"kind": "silence", "id": "ab", "until": 9.0, "by": "Bo", "reason": "dust"}],
            "events": [{"at": 6.0, "kind": "snoozed", "receiver": "", "by": "Ana", "detail": {"until": 9.0}}],
            "escalation": [{"step": 1, "receivers": ["phone"], "due_at": None, "done_at": None}],
        }
    )
    assert found.alert.care == Care("Ana", 6.0, 9.0)
    assert (found.alert.holds[0].reason, found.alert.is_attended) == ("dust", True)
    assert (found.events[0].number("until"), found.steps[0].receivers) == (9.0, ("phone",))


@pytest.mark.parametrize("broken", [{"care": {"by": "Ana"}}, {"holds": [{}]}, {"events": [{}]}, {"care": "Ana"}])
def test_broken_dossier_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        answers.dossier({**ROW, **broken})
