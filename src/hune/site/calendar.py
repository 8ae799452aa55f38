"""Days, times of day and moments as a site file writes them, and the hours in which somebody is on duty."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field

from hune.site.base import Model
from hune.site.values import DayTime

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "last": -1}
_EVERY_DAY = frozenset(range(7))
_DAYS_REMEDY = "write daily, mon-fri, or sat,sun"
_EVERY_REMEDY = "write 'daily 02:00', 'mon-fri 02:00', 'sunday 02:00' or 'first sunday 02:00'"


@dataclass(frozen=True, slots=True)
class Recurrence:
    """Days that come again: weekdays (0: Monday), each week (`nth` 0) or once a month (1 to 4, -1: the last)."""

    days: frozenset[int]
    nth: int
    at: time


def parse_days(text: str) -> frozenset[int]:
    """Return the weekdays (0: Monday) of `daily`, `mon-fri` or `sat,sunday`; raises ValueError with the remedy."""
    if text.strip().lower() == "daily":
        return _EVERY_DAY
    days: set[int] = set()
    for part in text.lower().split(","):
        first, dash, last = (word.strip() for word in part.partition("-"))
        begin, end = _weekday(first), _weekday(last if dash else first)
        days |= {(begin + step) % 7 for step in range((end - begin) % 7 + 1)}
    return frozenset(days)


def _weekday(word: str) -> int:
    for number, name in enumerate(WEEKDAYS):
        if word in (name, name[:3]):
            return number
    raise ValueError(f"not days of the week; {_DAYS_REMEDY}")


def parse_recurrence(text: str) -> Recurrence:
    """Return what `sunday 02:00` or `first sunday 02:00` means; raises ValueError with the remedy."""
    match = re.fullmatch(r"\s*(\S.*?)\s+((?:[01][0-9]|2[0-3]):[0-5][0-9])\s*", text)
    if match is None:
        raise ValueError(f"not days and a time; {_EVERY_REMEDY}")
    days, at = match[1].lower(), time.fromisoformat(match[2])
    ordinal, _, weekday = days.partition(" ")
    if ordinal in _ORDINALS:
        try:
            return Recurrence(frozenset({_weekday(weekday.strip())}), _ORDINALS[ordinal], at)
        except ValueError:
            raise ValueError(f"not a day of the month; {_EVERY_REMEDY}") from None
    return Recurrence(parse_days(days), 0, at)


def parse_moment(text: str) -> datetime:
    """Return the date and time of `2026-12-01 22:00`, with an offset if there is one; raises ValueError."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        moment = None
    if moment is None or not re.match(r"\s*[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:", text):
        raise ValueError("not a date and time; write 2026-12-01 22:00, or 2026-12-01T22:00:00+01:00")
    return moment


def moment_in(text: str, zone: ZoneInfo) -> float:
    """Return seconds since the epoch of a date and time; `zone` is that of one without an offset."""
    moment = parse_moment(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()


def _checked_zone(name: str) -> str:
    try:
        # Of UTC nothing has to be read.
        if name != "UTC":
            ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("not a time zone; write its name: Europe/Paris") from None
    return name


def _checked_days(text: str) -> str:
    parse_days(text)
    return text


def _checked_recurrence(text: str) -> str:
    parse_recurrence(text)
    return text


def _checked_moment(text: str) -> str:
    parse_moment(text)
    return text


TimeZone = Annotated[str, Field(max_length=64), AfterValidator(_checked_zone)]
Days = Annotated[str, Field(max_length=100), AfterValidator(_checked_days)]
Every = Annotated[str, Field(max_length=100), AfterValidator(_checked_recurrence)]
Moment = Annotated[str, Field(max_length=40), AfterValidator(_checked_moment)]


class Hours(Model):
    """When somebody is on duty."""

    days: Days = Field("daily", description="days of the week: daily, mon-fri, or sat,sun")
    begins: DayTime = Field(alias="from", description="time of day at which duty begins: '08:00'")
    ends: DayTime = Field(
        alias="to", description="time of day at which it ends: '18:00'; of the next day if that isn't later"
    )
    timezone: TimeZone | None = Field(None, description="the time zone of both: Europe/Paris; default the site's")
