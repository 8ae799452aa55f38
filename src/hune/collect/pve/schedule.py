"""When a job was due: calendar events as Proxmox' jobs use them.

`[WEEKDAYS] [[YEARS-]MONTHS-DAYS] [HOURS:MINUTES[:SECONDS]]`, with lists, ranges (`1..7`) and repetitions (`0/15`); a
number alone is a minute of every hour. Source: "Calendar Events" in Proxmox VE's administration guide; systemd.time(7).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from functools import lru_cache

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NAMED = {
    "minutely": "*-*-* *:*:00",
    "hourly": "*-*-* *:00:00",
    "daily": "*-*-* 00:00:00",
    "weekly": "mon *-*-* 00:00:00",
    "monthly": "*-*-01 00:00:00",
    "yearly": "*-01-01 00:00:00",
    "annually": "*-01-01 00:00:00",
    "quarterly": "*-01,04,07,10-01 00:00:00",
    "semiannually": "*-01,07-01 00:00:00",
    "semi-annually": "*-01,07-01 00:00:00",
}
_YEARS = (1970, 2199)
_LONGEST = 256
_SEARCH_DAYS = 4 * 366 + 1
"""A leap day is the rarest that comes again."""
_PART = re.compile(r"(\*|\d{1,4})(?:\.\.(\d{1,4}))?(?:/(\d{1,4}))?", re.ASCII)


class NotASchedule(ValueError):
    """The text is no calendar event; the message says which part."""


@dataclass(frozen=True)
class Schedule:
    """A calendar event: each field's permitted values, in order."""

    weekdays: frozenset[int]
    years: frozenset[int]
    months: frozenset[int]
    days: frozenset[int]
    hours: tuple[int, ...]
    minutes: tuple[int, ...]
    seconds: tuple[int, ...]

    def previous(self, at: datetime) -> datetime | None:
        """Return the latest time the event names that isn't after `at`, in its zone; None if four years have none."""
        zone = at.tzinfo
        assert zone is not None
        day, limit = at.date(), at.time().replace(microsecond=0)
        for _ in range(_SEARCH_DAYS):
            if self._names(day) and (found := self._latest(limit)) is not None:
                return datetime.combine(day, found, zone)
            if day == date.min:
                break
            day, limit = day - timedelta(days=1), time.max
        return None

    def _names(self, day: date) -> bool:
        return (
            day.day in self.days
            and day.weekday() in self.weekdays
            and day.month in self.months
            and day.year in self.years
        )

    def _latest(self, limit: time) -> time | None:
        for hour in reversed(self.hours):
            if hour > limit.hour:
                continue
            for minute in reversed(self.minutes):
                if (hour, minute) > (limit.hour, limit.minute):
                    continue
                for second in reversed(self.seconds):
                    if (hour, minute, second) <= (limit.hour, limit.minute, limit.second):
                        return time(hour, minute, second)
        return None


@dataclass(frozen=True)
class Due:
    """The latest time a job should have run by now, and the one before."""

    at: float
    period_seconds: float


def due(schedule: Schedule, now: float, zone: tzinfo) -> Due | None:
    """Return when a job was last due at `now` (seconds since the epoch), in the zone of its nodes; None if never."""
    last = schedule.previous(datetime.fromtimestamp(now, zone))
    # A time that the clock jumps over is as much later: it may be yet to come.
    while last is not None and last.timestamp() > now:
        last = schedule.previous(last - timedelta(seconds=1))
    if last is None:
        return None
    before = schedule.previous(last - timedelta(seconds=1))
    period = last.timestamp() - before.timestamp() if before is not None else _SEARCH_DAYS * 86400.0
    return Due(last.timestamp(), period)


@lru_cache(maxsize=256)
def parse(text: str) -> Schedule:
    """Read a calendar event. Raises NotASchedule."""
    words = text.lower().split() if len(text) <= _LONGEST else []
    if len(words) == 1 and words[0] in _NAMED:
        words = _NAMED[words[0]].split()
    if not words:
        raise NotASchedule(f"{text!a:.60} is no calendar event")
    every_day = frozenset(range(7))
    weekdays, day, at = every_day, ("*", "*", "*"), ("00", "00", "00")
    left = list(words)
    if left[0][0].isalpha():
        weekdays = _weekdays(left.pop(0))
    if left and "-" in left[0]:
        parts = left.pop(0).split("-")
        if len(parts) not in (2, 3):
            raise NotASchedule(f"{text!a:.60}: a date is [YEARS-]MONTHS-DAYS")
        day = (parts[0] if len(parts) == 3 else "*", parts[-2], parts[-1])
    if left:
        parts = left.pop(0).split(":")
        if len(parts) > 3:
            raise NotASchedule(f"{text!a:.60}: a time is HOURS:MINUTES[:SECONDS]")
        # A number alone is a minute.
        at = ("*", parts[0], "00") if len(parts) == 1 else (parts[0], parts[1], parts[2] if len(parts) == 3 else "00")
    if left:
        raise NotASchedule(f"{text!a:.60}: {left[0]!a:.20} is not understood")
    return Schedule(
        weekdays=weekdays,
        years=_values(day[0], *_YEARS),
        months=_values(day[1], 1, 12),
        days=_values(day[2], 1, 31),
        hours=tuple(sorted(_values(at[0], 0, 23))),
        minutes=tuple(sorted(_values(at[1], 0, 59))),
        seconds=tuple(sorted(_values(at[2], 0, 59))),
    )


def _weekdays(word: str) -> frozenset[int]:
    chosen: set[int] = set()
    for part in word.split(","):
        first, dash, last = part.replace("..", "-").partition("-")
        begin = _weekday(first)
        end = _weekday(last) if dash else begin
        # fri..mon goes over the end of the week.
        chosen.update((begin + step) % 7 for step in range((end - begin) % 7 + 1))
    return frozenset(chosen)


def _weekday(name: str) -> int:
    if len(name) >= 3:
        for number, (short, whole) in enumerate(zip(_DAYS, _DAY_NAMES, strict=True)):
            if name == short or whole.startswith(name):
                return number
    raise NotASchedule(f"{name!a:.20} is no day of the week")


def _values(field: str, low: int, high: int) -> frozenset[int]:
    return frozenset(value for part in field.split(",") for value in _part(part, low, high))


def _part(part: str, low: int, high: int) -> Iterator[int]:
    found = _PART.fullmatch(part)
    if found is None or (found[1] == "*" and found[2]):
        raise NotASchedule(f"{part!a:.20} is no number, range or repetition")
    first = low if found[1] == "*" else int(found[1])
    otherwise = high if found[1] == "*" or found[3] else first
    last = int(found[2]) if found[2] else otherwise
    step = int(found[3]) if found[3] else 1
    if not (low <= first <= last <= high) or step < 1:
        raise NotASchedule(f"{part!a:.20} is not within {low} to {high}")
    yield from range(first, last + 1, step)
