"""Speech: every word from a catalogue, numbers and times as the language writes them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any, Literal, cast, get_args

Code = Literal["en", "fr"]
LANGUAGES: tuple[Code, ...] = get_args(Code)

NARROW = "\u202f"  # narrow no-break space
NO_BREAK = "\u00a0"


@dataclass(frozen=True)
class Language:
    """One language; `texts` are sentences by dotted key, with `{names}` to fill in."""

    code: Code
    texts: Mapping[str, str]

    def __call__(self, key: str, **values: object) -> str:
        """Return a sentence. With `count`, the plural form that fits: `key.one`, `key.other`.

        Raises KeyError for a key that the catalogue lacks: the tests render every page in every language.
        """
        count = values.get("count")
        if isinstance(count, int) and key not in self.texts:
            key = f"{key}.{self._plural(count)}"
        return self.texts[key].format(**values)

    def has(self, key: str) -> bool:
        """Whether the catalogue has a sentence."""
        return key in self.texts

    def _plural(self, count: int) -> str:
        few = count < 2 if self.code == "fr" else count == 1
        return "one" if few else "other"

    def number(self, value: float, decimals: int = 0) -> str:
        """Return a number with so many decimals, thousands set apart."""
        text = f"{value:,.{decimals}f}"
        if text.startswith("-") and not text.strip("-0.,"):
            text = text[1:]
        if self.code == "fr":
            return text.replace(",", NARROW).replace(".", ",")
        return text

    def unit(self, number: str, unit: str) -> str:
        """Return a number with its unit, never parted by a line break."""
        return f"{number}{NARROW if self.code == 'fr' else NO_BREAK}{unit}"

    def celsius(self, value: float) -> str:
        """Return a temperature: `78 °C`."""
        return self.unit(self.number(value), "°C")

    def percent(self, ratio: float, decimals: int = 0) -> str:
        """Return a ratio as a percentage: `82%`, in French `82 %`."""
        number = self.number(ratio * 100, decimals)
        return self.unit(number, "%") if self.code == "fr" else f"{number}%"

    def load(self, value: float) -> str:
        """Return a load average: two digits that matter."""
        return self.number(value, 2 if value < 1 else 1 if value < 10 else 0)

    def bits(self, bits_per_second: float) -> str:
        """Return the speed of a port as people say it: `10G`, `2.5G`, `100M`."""
        for letter, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
            if bits_per_second >= size:
                value = bits_per_second / size
                return f"{self.number(value, 0 if abs(value - round(value)) < 0.05 else 1)}{letter}"
        return self.number(bits_per_second)

    def bytes(self, value: float) -> str:
        """Return a size in binary units."""
        for unit, size in (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20)):
            if value >= size:
                return self.unit(self.number(value / size, 0 if value >= 10 * size else 1), unit)
        return self.unit(self.number(value / 2**10), "KiB")

    def milliseconds(self, seconds: float) -> str:
        """Return a short duration: `23 ms`, `1.2 s`."""
        if seconds < 1:
            return self.unit(self.number(seconds * 1000, 1 if seconds < 0.01 else 0), "ms")
        return self.unit(self.number(seconds, 1), "s")

    def duration(self, seconds: float) -> str:
        """Return a duration in its largest unit, in two where that matters: `34 s`, `2 min`, `3 h 05`, `41 d`."""
        whole = max(0, int(seconds))
        if whole < 60:
            return self.unit(str(whole), "s")
        if whole < 3600:
            return self.unit(str(whole // 60), "min")
        if whole < 48 * 3600:
            hours, minutes = divmod(whole // 60, 60)
            text = self.unit(str(hours), "h")
            return f"{text}{NO_BREAK}{minutes:02}" if minutes and hours < 24 else text
        return self.unit(self.number(whole // 86400), self.texts["unit.day"])

    def age(self, seconds: float) -> str:
        """Return how old something is; nothing that is shown is 0 s old."""
        return self.duration(max(1.0, seconds))

    def clock(self, at: float) -> str:
        """Return the time of day, in the server's time zone: `10:42:07`."""
        return f"{_local(at):%H:%M:%S}"

    def moment(self, at: float, *, now: float) -> str:
        """Return the time of day, with the date unless it is today's."""
        return self.clock(at) if _local(at).date() == _local(now).date() else self.date_time(at)

    def date_time(self, at: float) -> str:
        """Return date and time: `21 Nov 10:42`, in French `21 nov. 10:42`."""
        local = _local(at)
        months = self.texts["date.months"].split()
        return f"{local.day}{NO_BREAK}{months[local.month - 1]}{NO_BREAK}{local:%H:%M}"

    def long_date(self, at: float) -> str:
        """Return day of the week and date: `Friday 21 November`."""
        local = _local(at)
        days, months = self.texts["date.weekdays"].split(), self.texts["date.long_months"].split()
        return f"{days[local.weekday()]} {local.day} {months[local.month - 1]}"

    def iso(self, at: float) -> str:
        """Return date, time and zone in full, for those who hover."""
        return f"{_local(at):%Y-%m-%d %H:%M:%S %Z}"


def _local(at: float) -> datetime:
    return datetime.fromtimestamp(at).astimezone()


def utc_offset_seconds(at: float) -> int:
    """Return how far the server's clock on the wall is ahead of UTC."""
    offset = _local(at).utcoffset()
    return round(offset.total_seconds()) if offset else 0


def _flatten(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value)


@cache
def language(code: Code) -> Language:
    """Return a language; its catalogue is read once."""
    text = resources.files("hune.nester").joinpath("locale", f"{code}.toml").read_text(encoding="utf-8")
    return Language(code, dict(_flatten(tomllib.loads(text))))


def is_language(code: str | None) -> bool:
    """Whether the pages speak it."""
    return code in LANGUAGES


def choose(wished: str | None, kept: str | None, accept: str, default: Code) -> Code:
    """Return the language to speak: asked for now, kept in the cookie, the browser's, the site's."""
    for code in (wished, kept):
        if is_language(code):
            return cast("Code", code)
    for code in _accepted(accept):
        if is_language(code):
            return cast("Code", code)
    return default


def _accepted(header: str) -> list[str]:
    """Return the primary languages of an Accept-Language header, most wished first."""
    weighted = []
    for place, part in enumerate(header.split(",")):
        tag, _, parameters = part.strip().partition(";")
        try:
            weight = float(parameters.strip().removeprefix("q=")) if parameters else 1.0
        except ValueError:
            weight = 0.0
        if weight > 0 and tag:
            weighted.append((-weight, place, tag.split("-")[0].lower()))
    return [tag for _, _, tag in sorted(weighted)]
