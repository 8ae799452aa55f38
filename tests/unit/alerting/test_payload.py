"""Notifications are read whole or refused with the place of what is wrong."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hune.alerting.doors.payload import LONGEST_TEXT, MAX_CHARACTERS, read_notification
from hune.alerting.state.episode import Incoming
from hune.core.errors import InputError


def test_alertmanager_payload_is_read() -> None:
    body = {
        "version": "4",
        "groupKey": "{}:{}",
        "truncatedAlerts": 2,
        "status": "firing",
        "receiver": "discord",
        "alerts": [
            {
                "status": "resolved",
                "labels": {"alertname": "CpuHot", "node": "pve-02", "empty": ""},
                "annotations": {"value": "64"},
                "startsAt": "2025-01-31T12:00:00.123456789Z",
                "endsAt": "2025-01-31T13:03:12.5+01:00",
                "generatorURL": "http://prometheus/graph",
                "fingerprint": "0123456789abcdef",
            }
        ],
    }
    read = read_notification(json.dumps(body).encode())
    assert (read.receiver, read.truncated) == ("discord", 2)
    [alert] = read.alerts
    assert not alert.firing
    assert alert.labels == {"alertname": "CpuHot", "node": "pve-02"}
    assert alert.starts_at == pytest.approx(1738324800.123456)
    assert alert.ends_at == pytest.approx(1738324992.5)
    assert alert.value == 64.0


@pytest.mark.parametrize("left_out", ["-5", "true", '"2"', "1" + "0" * 40, "null"])
def test_count_that_is_none_is_left_out(left_out: str) -> None:
    assert read_notification(f'{{"alerts":[],"truncatedAlerts":{left_out}}}'.encode()).truncated == 0


def test_minimal_payload_is_read_without_a_beginning() -> None:
    read = read_notification(b'{"alerts":[{"status":"firing","labels":{"alertname":"TestAlert"}}]}')
    assert read.receiver == ""
    assert read.alerts[0].firing
    assert read.alerts[0].starts_at is None


def test_zero_time_of_go_means_not_yet() -> None:
    body = (
        b'{"alerts":[{"labels":{"alertname":"A"},"startsAt":"2025-01-31T12:00:00Z","endsAt":"0001-01-01T00:00:00Z"}]}'
    )
    assert read_notification(body).alerts[0].ends_at is None


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ("", "body: not JSON"),
        ("{", "body: not JSON"),
        ("[" * 100_000, "body: nested too deeply"),
        ("[]", "body: not an object"),
        ("null", "body: not an object"),
        ("{}", "alerts: missing"),
        ('{"alerts": {}}', "alerts: missing or not a list"),
        ('{"alerts": [1]}', "alerts[0]: not an object"),
        ('{"alerts": [{"labels": {"alertname": "A"}}, {"labels": []}]}', "alerts[1].labels: not an object"),
        ('{"alerts": [{}]}', "alerts[0].labels: not an object"),
        ('{"alerts": [{"labels": {}}]}', "alerts[0].labels.alertname: missing"),
        ('{"alerts": [{"labels": {"alertname": ""}}]}', "alerts[0].labels.alertname: missing"),
        ('{"alerts": [{"labels": {"alertname": "A", "node": 3}}]}', "alerts[0].labels.node: not text"),
        ('{"alerts": [{"labels": {"alertname": "A"}, "annotations": 7}]}', "alerts[0].annotations: not an object"),
        ('{"alerts": [{"labels": {"alertname": "A"}, "status": "on"}]}', "alerts[0].status: neither"),
        ('{"alerts": [{"labels": {"alertname": "A"}, "startsAt": "now"}]}', "alerts[0].startsAt: not a time"),
        ('{"alerts": [{"labels": {"alertname": "A"}, "endsAt": 12}]}', "alerts[0].endsAt: not text"),
        ('{"receiver": 4, "alerts": []}', "receiver: not text"),
    ],
)
def test_wrong_payload_is_refused_with_its_place(body: str, place: str) -> None:
    with pytest.raises(InputError) as refused:
        read_notification(body.encode())
    assert str(refused.value).startswith(place)
    assert "\n" not in str(refused.value)


def test_half_a_character_becomes_whole_text() -> None:
    read = read_notification(b'{"alerts":[{"labels":{"alertname":"A","node":"\\ud83d"}}]}')
    assert read.alerts[0].labels["node"].encode()


def _read_one(**alert: dict[str, str]) -> Incoming:
    alert = {"labels": {"alertname": "A"}} | alert
    return read_notification(json.dumps({"alerts": [alert]}).encode()).alerts[0]


def test_long_annotation_is_shortened_and_leaves_room_for_others() -> None:
    said = _read_one(annotations={"description": "x" * 1_000_000, "summary": "hot"}).annotations
    assert said == {"description": "x" * (LONGEST_TEXT - 1) + "…", "summary": "hot"}


def test_annotations_without_number_are_kept_as_far_as_there_is_room() -> None:
    said = _read_one(annotations={f"key{number}": "x" * 100 for number in range(10_000)}).annotations
    assert "key0" in said
    assert sum(len(name) + len(text) for name, text in said.items()) <= MAX_CHARACTERS


def test_long_labels_are_shortened_and_still_tell_alerts_apart() -> None:
    long = "x" * 1_000_000
    one, same, other = (_read_one(labels={"alertname": "A", "path": path}) for path in (long, long, long + "y"))
    assert len(one.labels["path"]) == LONGEST_TEXT
    assert one.fingerprint == same.fingerprint != other.fingerprint


def test_label_that_is_not_too_long_stays_as_it_is() -> None:
    assert _read_one(labels={"alertname": "A", "path": "é" * LONGEST_TEXT}).labels["path"] == "é" * LONGEST_TEXT


def test_labels_without_number_are_refused() -> None:
    with pytest.raises(InputError, match=r"^alerts\[0\].labels: more than"):
        _read_one(labels={"alertname": "A", **{f"key{number}": "x" for number in range(10_000)}})


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["alerts", "labels", "alertname", "status", "startsAt", "endsAt", "annotations", "receiver"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(_json)
def test_any_json_is_read_or_refused(content: Any) -> None:
    try:
        read_notification(json.dumps(content).encode())
    except InputError as refused:
        assert refused.message  # noqa: PT017


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        read_notification(body)
    except InputError as refused:
        assert refused.message  # noqa: PT017
