"""Periods of time that come once or again and again, by the clock on the wall of a time zone.

A time that the clock jumps over (02:30 where 02:00 becomes 03:00) is as much later; of one that comes twice the first
counts.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from hune.site.calendar import Hours, Recurrence, moment_in, parse_days, parse_recurrence
from hune.site.maintenance import Window
from hune.site.values import seconds_of

_HORIZON_DAYS = 400
_MERGED_SECONDS = 31 * 86_400
"""Periods that follow on one another without a gap are one, as far ahead as this."""
_LAST_DAY = date.max - timedelta(days=_HORIZON_DAYS + 10)


@dataclass(frozen=True, slots=True)
class Period:
    """From a moment to another, in seconds since the epoch."""

    begins: float
    ends: float


@dataclass(frozen=True, slots=True)
class Schedule:
    """One period, or a recurrence of periods: each lasts `seconds`, or until a time of day."""

    once: Period | None = None
    recurrence: Recurrence | None = None
    zone: ZoneInfo | None = None
    seconds: float = 0.0
    until: time | None = None

    def periods(self, after: float) -> Iterator[Period]:
        """Yield the periods that end after a moment, in the order in which they begin."""
        if self.once is not None:
            if self.once.ends > after:
                yield self.once
            return
        assert self.recurrence is not None
        lookback = timedelta(seconds=self.seconds).days + 2
        first = min(datetime.fromtimestamp(after, self.zone).date(), _LAST_DAY)
        for offset in range(-lookback, _HORIZON_DAYS):
            day = first + timedelta(days=offset)
            if not _falls_on(self.recurrence, day):
                continue
            period = self._period(day)
            # Where the clock jumps, a period by times of day may be empty.
            if period.begins < period.ends and period.ends > after:
                yield period

    def _period(self, day: date) -> Period:
        assert self.recurrence is not None
        begins = self._moment(day, self.recurrence.at)
        if self.until is None:
            return Period(begins, begins + self.seconds)
        last = day if self.until > self.recurrence.at else day + timedelta(days=1)
        return Period(begins, self._moment(last, self.until))

    def _moment(self, day: date, at: time) -> float:
        return datetime.combine(day, at, self.zone).timestamp()


def _falls_on(recurrence: Recurrence, day: date) -> bool:
    if day.weekday() not in recurrence.days:
        return False
    if recurrence.nth < 0:
        return day.day + 7 > monthrange(day.year, day.month)[1]
    return recurrence.nth in (0, (day.day + 6) // 7)


def of_window(window: Window, zone: str) -> Schedule:
    """Return when a window of the site file holds; `zone` is the site's."""
    zone_info = ZoneInfo(window.timezone or zone)
    if window.every and window.lasts:
        recurrence = parse_recurrence(window.every)
        return Schedule(recurrence=recurrence, zone=zone_info, seconds=float(seconds_of(window.lasts)))
    begins, ends = (moment_in(text, zone_info) for text in (window.begins, window.until) if text)
    return Schedule(once=Period(begins, ends))


def of_hours(hours: Hours, zone: str) -> Schedule:
    """Return when somebody is on duty; `zone` is the site's."""
    begins, ends = time.fromisoformat(hours.begins), time.fromisoformat(hours.ends)
    recurrence = Recurrence(parse_days(hours.days), 0, begins)
    return Schedule(recurrence=recurrence, zone=ZoneInfo(hours.timezone or zone), until=ends)


@lru_cache(maxsize=256)
def current(schedule: Schedule, now: float) -> Period | None:
    """Return the period that a moment lies in; of several that overlap all of them as one."""
    found: Period | None = None
    for period in schedule.periods(now):
        if period.begins > (found.ends if found else now):
            break
        found = Period(found.begins, max(found.ends, period.ends)) if found else period
        if found.ends - now > _MERGED_SECONDS:
            break
    return found


def next_change(schedule: Schedule, now: float) -> float | None:
    """Return when the next period begins or ends, None for never (or not within a year)."""
    change: float | None = None
    for period in schedule.periods(now):
        if period.begins > now:
            return period.begins if change is None else min(change, period.begins)
        change = period.ends if change is None else min(change, period.ends)
    return change


def next_begin(schedule: Schedule, now: float) -> float | None:
    """Return when the next period begins, None for never (or not within a year)."""
    return next((period.begins for period in schedule.periods(now) if period.begins > now), None)
