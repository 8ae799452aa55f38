"""What the hub says."""

import pytest

from hune.nester.hub.answers import alert as parse_alert

ROW = {
    "id": 17,
    "alertname": "CpuHot",
    "severity": "critical",
    "state": "firing",
    "labels": {"alertname": "CpuHot", "node": "pve-02"},
    "annotations": {"value": "78", "unit": "°C"},
    "starts_at": 1000.0,
    "received_at": 1000.8,
    "resolved_at": None,
    "value": 78.0,
    "peak": 81.0,
    "deliveries": [{"receiver": "Discord", "state": "sent", "at": 1001.2, "detail": ""}],
}


def test_alert_of_the_hub() -> None:
    alert = parse_alert(ROW)
    assert (alert.id, alert.name, alert.label("node"), alert.annotation("unit")) == ("17", "CpuHot", "pve-02", "°C")
    assert (alert.deliveries[0].receiver, alert.deliveries[0].at) == ("Discord", 1001.2)


def test_alert_of_a_digest_has_no_deliveries() -> None:
    row = {key: value for key, value in ROW.items() if key != "deliveries"}
    assert parse_alert({**row, "told": "firing"}).deliveries == ()


@pytest.mark.parametrize(("given", "shown"), [("critical", "critical"), ("", "info"), ("page", "info")])
def test_severities_that_others_invent_are_notices(given: str, shown: str) -> None:
    assert parse_alert({**ROW, "severity": given}).severity == shown


def test_state_that_is_none_of_ours_is_unknown() -> None:
    assert parse_alert({**ROW, "state": "suppressed"}).state == "unknown"


@pytest.mark.parametrize("broken", [{"starts_at": "soon"}, {"deliveries": [{}]}, {"value": []}])
def test_broken_alert_is_refused(broken: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        parse_alert({**ROW, **broken})


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan"), 1e308])
def test_value_that_nobody_can_have_measured_is_none(value: float) -> None:
    alert = parse_alert({**ROW, "value": value, "peak": value})
    assert (alert.value, alert.peak) == (None, None)
