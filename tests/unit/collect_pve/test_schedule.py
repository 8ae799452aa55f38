"""When a job was due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hune.collect.pve.schedule import NotASchedule, due, parse

SATURDAY = datetime(2026, 11, 21, 11, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ("02:00", "2026-11-21 02:00:00"),
        ("22:30", "2026-11-20 22:30:00"),
        ("sat 02:00", "2026-11-21 02:00:00"),
        ("sun 01:00", "2026-11-15 01:00:00"),
        ("mon..fri 21:00", "2026-11-20 21:00:00"),
        ("fri..mon 21:00", "2026-11-20 21:00:00"),
        ("mon,wed 00:30", "2026-11-18 00:30:00"),
        ("Monday", "2026-11-16 00:00:00"),
        ("mon-wed 12:00", "2026-11-18 12:00:00"),
        ("*/15", "2026-11-21 11:15:00"),
        ("0/20", "2026-11-21 11:20:00"),
        ("30", "2026-11-21 10:30:00"),
        ("*:0/7", "2026-11-21 11:14:00"),
        ("8..10/2:00", "2026-11-21 10:00:00"),
        ("22,6:15:30", "2026-11-21 06:15:30"),
        ("sat *-1..7 15:00", "2026-11-07 15:00:00"),
        ("*-05", "2026-11-05 00:00:00"),
        ("2026-11-01 04:00", "2026-11-01 04:00:00"),
        ("*-02-29", "2024-02-29 00:00:00"),
        ("hourly", "2026-11-21 11:00:00"),
        ("daily", "2026-11-21 00:00:00"),
        ("weekly", "2026-11-16 00:00:00"),
        ("monthly", "2026-11-01 00:00:00"),
        ("quarterly", "2026-10-01 00:00:00"),
        ("semi-annually", "2026-07-01 00:00:00"),
        ("yearly", "2026-01-01 00:00:00"),
        ("minutely", "2026-11-21 11:20:00"),
    ],
)
def test_the_latest_run_is_found(event: str, expected: str) -> None:
    found = parse(event).previous(SATURDAY)
    assert found is not None
    assert found.strftime("%Y-%m-%d %H:%M:%S") == expected


@pytest.mark.parametrize("event", ["2027-01-01", "*-02-30", "2020-01-01"])
def test_an_event_that_was_not_in_years_is_none(event: str) -> None:
    assert parse(event).previous(SATURDAY) is None


@pytest.mark.parametrize(
    "event",
    [
        *(
            "",
            "  ",
            "nonsense",
            "25:00",
            "12:60",
            "mon..",
            "mo 02:00",
            "02:00 mon",
            "02:00 extra",
            "1-2-3-4",
            "1:2:3:4",
        ),
        *("*..5", "5/0", "9..3", "-", ":", "*/", "٣:00", "²", "x" * 999),
    ],
)
def test_what_is_no_event_is_refused(event: str) -> None:
    with pytest.raises(NotASchedule):
        parse(event)


@given(st.text(max_size=40))
def test_any_text_is_an_event_or_refused(text: str) -> None:
    try:
        parse(text)
    except NotASchedule as error:
        str(error).encode()


NUMBERS = {"hour": 23, "minute": 59}


@st.composite
def fields(draw: st.DrawFn, highest: int) -> str:
    """Return a field in one of the shapes that Proxmox takes."""
    number = st.integers(0, highest)
    parts = []
    for _ in range(draw(st.integers(1, 3))):
        low, high = sorted((draw(number), draw(number)))
        parts.append(draw(st.sampled_from(["*", f"{low}", f"{low}..{high}", f"{low}/{high + 1}", f"{low}..{high}/2"])))
    return ",".join(parts)


def _matches(field: str, value: int) -> bool:
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("..")
        low = 0 if first == "*" else int(first)
        high = int(last) if last else (59 if first == "*" or step else low)
        if low <= value <= high and (value - low) % int(step or 1) == 0:
            return True
    return False


@given(hour=fields(23), minute=fields(59), back=st.integers(0, 3 * 1440))
def test_the_latest_run_is_the_one_that_counting_minutes_finds(hour: str, minute: str, back: int) -> None:
    at = SATURDAY - timedelta(minutes=back)
    counted = at
    while not (_matches(hour, counted.hour) and _matches(minute, counted.minute)):
        counted -= timedelta(minutes=1)
    assert parse(f"{hour}:{minute}").previous(at) == counted


def test_a_run_is_due_in_the_zone_of_the_nodes() -> None:
    paris = ZoneInfo("Europe/Paris")
    found = due(parse("02:00"), SATURDAY.timestamp(), paris)
    assert found is not None
    assert datetime.fromtimestamp(found.at, UTC).strftime("%d %H:%M") == "21 01:00"
    assert found.period_seconds == 86400


def test_the_period_is_the_time_between_the_last_two_runs() -> None:
    found = due(parse("fri,sat 02:00"), SATURDAY.timestamp(), UTC)
    assert found is not None
    assert found.period_seconds == 86400
    found = due(parse("sat 02:00"), SATURDAY.timestamp(), UTC)
    assert found is not None
    assert found.period_seconds == 7 * 86400


@given(st.integers(0, 366 * 24))
@example(3038)  # 03:20 on the night on which 02:30 becomes 03:30
def test_clock_changes_neither_skip_nor_invent_a_night(hours: int) -> None:
    paris = ZoneInfo("Europe/Paris")
    now = SATURDAY.timestamp() + hours * 3600
    found = due(parse("02:30"), now, paris)
    assert found is not None
    assert 0 <= now - found.at <= 26 * 3600
    assert 22 * 3600 <= found.period_seconds <= 26 * 3600
