"""Windows and hours by the clock on the wall, across the two days a year on which it jumps."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hune.alerting.holds import calendar
from hune.alerting.holds.calendar import Schedule
from hune.site.calendar import Hours
from hune.site.maintenance import Window

PARIS = ZoneInfo("Europe/Paris")
ZONES = ("Europe/Paris", "UTC", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Casablanca")


def at(text: str, zone: ZoneInfo = PARIS, *, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).timestamp()


def window(zone: str = "Europe/Paris", **given: object) -> Schedule:
    return calendar.of_window(Window.model_validate(given), zone)


def hours(zone: str = "Europe/Paris", **given: object) -> Schedule:
    return calendar.of_hours(Hours.model_validate(given), zone)


def holds(schedule: Schedule, text: str, *, fold: int = 0) -> bool:
    return calendar.current(schedule, at(text, fold=fold)) is not None


def test_window_that_comes_once_holds_from_the_first_moment_to_the_last() -> None:
    once = window(**{"from": "2026-12-01 22:00", "until": "2026-12-02T02:00:00+01:00"})
    assert [holds(once, f"2026-12-{moment}") for moment in ("01 21:59", "01 22:00", "02 01:59", "02 02:00")] == [
        False,
        True,
        True,
        False,
    ]
    assert calendar.next_change(once, at("2026-12-01 00:00")) == at("2026-12-01 22:00")
    assert calendar.next_change(once, at("2026-12-01 22:00")) == at("2026-12-02 02:00")
    assert calendar.next_change(once, at("2026-12-02 02:00")) is None


def test_window_that_comes_again_lasts_as_long_wherever_the_clock_jumps() -> None:
    sunday = window(every="sunday 01:30", **{"for": "2h"})
    for day in ("2026-03-29", "2026-10-25", "2026-06-07"):
        begins = at(f"{day} 01:30")
        period = calendar.current(sunday, begins)
        assert period is not None
        assert (period.begins, period.ends) == (begins, begins + 7200)
    assert not holds(sunday, "2026-03-28 02:00")


def test_time_that_the_clock_jumps_over_is_as_much_later() -> None:
    daily = window(every="daily 02:30", **{"for": "1h"})
    assert calendar.next_begin(daily, at("2026-03-29 00:00")) == at("2026-03-29 03:30")


def test_time_that_comes_twice_counts_once() -> None:
    daily = window(every="daily 02:30", **{"for": "30m"})
    assert holds(daily, "2026-10-25 02:45", fold=0)
    assert not holds(daily, "2026-10-25 02:45", fold=1)


@pytest.mark.parametrize(
    ("every", "days"),
    [
        ("first sunday 02:00", ["2026-11-01", "2026-12-06", "2027-01-03"]),
        ("third wed 02:00", ["2026-11-18", "2026-12-16", "2027-01-20"]),
        ("last fri 02:00", ["2026-11-27", "2026-12-25", "2027-01-29"]),
        ("sat,sun 02:00", ["2026-11-01", "2026-11-07", "2026-11-08"]),
        ("fri-mon 02:00", ["2026-11-01", "2026-11-02", "2026-11-06"]),
        ("daily 02:00", ["2026-11-01", "2026-11-02", "2026-11-03"]),
    ],
)
def test_recurrence_falls_on_its_days(every: str, days: list[str]) -> None:
    schedule = window(every=every, **{"for": "1h"})
    found = schedule.periods(at("2026-11-01 00:00"))
    assert [next(found).begins for _ in days] == [at(f"{day} 02:00") for day in days]


def test_windows_that_overlap_hold_as_one() -> None:
    mondays = window(every="mon,tue 22:00", **{"for": "2d"})
    period = calendar.current(mondays, at("2026-11-23 23:00"))
    assert period is not None
    assert period.ends == at("2026-11-26 22:00")


def test_hours_cross_midnight_and_belong_to_the_day_on_which_they_begin() -> None:
    night = hours(days="mon-fri", **{"from": "22:00", "to": "06:00"})
    assert [holds(night, moment) for moment in ("2026-11-27 23:00", "2026-11-28 05:59", "2026-11-28 06:00")] == [
        True,
        True,
        False,
    ]
    assert not holds(night, "2026-11-28 23:00")
    assert not holds(night, "2026-11-23 05:00")
    assert calendar.next_begin(night, at("2026-11-28 07:00")) == at("2026-11-30 22:00")


def test_hours_that_end_when_they_begin_are_the_whole_day() -> None:
    always = hours(days="sat", **{"from": "00:00", "to": "00:00"})
    assert holds(always, "2026-11-28 00:00")
    assert holds(always, "2026-11-28 23:59")
    assert not holds(always, "2026-11-29 00:00")


def test_hours_follow_the_wall_where_the_clock_jumps() -> None:
    for day, seconds in (("2026-03-29", 7 * 3600), ("2026-10-25", 9 * 3600), ("2026-06-07", 8 * 3600)):
        period = calendar.current(hours(**{"from": "00:00", "to": "08:00"}), at(f"{day} 07:00"))
        assert period is not None
        assert period.ends - period.begins == seconds


def test_hours_within_what_the_clock_jumps_over_are_none_that_day() -> None:
    early = hours(**{"from": "02:30", "to": "03:15"})
    assert calendar.next_begin(early, at("2026-03-29 00:00")) == at("2026-03-30 02:30")


_EVERY = st.sampled_from(["daily", "sun", "sat-sun", "mon-fri", "first sunday", "last sunday", "fourth sat"])
_TIMES = st.times().map(lambda moment: moment.strftime("%H:%M"))
_NEAR_A_JUMP = st.sampled_from(["2026-03-29", "2026-10-25", "2026-03-08", "2026-11-01", "2026-04-05", "2026-10-04"])


@given(_EVERY, _TIMES, st.integers(1, 7 * 24 * 60), st.sampled_from(ZONES), _NEAR_A_JUMP, st.integers(-3000, 3000))
def test_window_is_as_wide_as_it_says_and_its_changes_are_where_it_changes(
    every: str, time: str, minutes: int, zone: str, day: str, offset: int
) -> None:
    schedule = window(zone, every=f"{every} {time}", **{"for": f"{minutes}m"})
    now = datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() + offset * 60
    period = calendar.current(schedule, now)
    change = calendar.next_change(schedule, now)
    assert change is not None
    assert change > now
    if period is None:
        assert calendar.next_begin(schedule, now) == change
        assert calendar.current(schedule, change) is not None
        assert calendar.current(schedule, (now + change) / 2) is None
    else:
        assert period.begins <= now < period.ends
        assert period.ends - period.begins >= minutes * 60
        assert change <= period.ends


@given(_TIMES, _TIMES, st.sampled_from(ZONES), _NEAR_A_JUMP, st.integers(-3000, 3000))
def test_who_is_on_duty_every_day_is_so_by_the_clock_on_the_wall(
    begins: str, ends: str, zone: str, day: str, offset: int
) -> None:
    schedule = hours(zone, **{"from": begins, "to": ends})
    now = datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() + offset * 60
    wall = datetime.fromtimestamp(now, ZoneInfo(zone))
    shown = wall.strftime("%H:%M")
    expected = begins <= shown < ends if begins < ends else not ends <= shown < begins
    # Within the two hours around a jump the wall shows times that were skipped, or shows them twice.
    around = [datetime.fromtimestamp(now + step * 3600, ZoneInfo(zone)).utcoffset() for step in (-2, 0, 2)]
    if len(set(around)) == 1 and begins != ends:
        assert (calendar.current(schedule, now) is not None) is expected
