"""Which guests are shown, in which order: what the address of a cluster's page asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from hune.nester.judge import ORDER, State
from hune.nester.proxmox.model import Guest

PAGE_GUESTS = 50
_LONGEST_WORDS = 60

SHOWS: Mapping[str, Callable[[Guest], bool]] = {
    "all": lambda _: True,
    "wrong": lambda guest: judge_guest(guest) not in ("up", "notice"),
    "running": lambda guest: guest.status == "running",
    "stopped": lambda guest: guest.status == "stopped" and not guest.template,
    "unprotected": lambda guest: guest.verdict == "unprotected",
    "unknown": lambda guest: guest.status == "unknown" or guest.verdict in (None, "unknown"),
    "ha": lambda guest: bool(guest.ha),
}
"""What can be shown; `wrong` is what somebody should look at."""

_VERDICTS = ("unprotected", "unknown", "pending", "idle", "excluded", "protected")
_BAD_HA = frozenset({"error", "fence", "recovery"})


def judge_guest(guest: Guest) -> State:
    """Return the state of a guest by what is measured of it: alerts are shown where alerts are."""
    if guest.ha in _BAD_HA:
        return "critical"
    if guest.status == "unknown":
        return "unknown"
    if guest.verdict == "unprotected":
        return "warning"
    if guest.verdict in (None, "unknown"):
        return "unknown"
    return "up"


def _text(value: str) -> tuple[int, str]:
    return (not value, value.casefold())


def _least(value: float | None) -> float:
    return float("-inf") if value is None else value


SORTS: Mapping[str, Callable[[Guest, Mapping[str, float]], Any]] = {
    "state": lambda guest, _: ORDER.index(judge_guest(guest)),
    "vmid": lambda guest, _: guest.vmid,
    "name": lambda guest, _: _text(guest.name),
    "node": lambda guest, _: _text(guest.node),
    "status": lambda guest, _: ("unknown", "running", "stopped").index(guest.status),
    "cpu": lambda guest, _: -_least(guest.cpu_ratio if guest.status == "running" else None),
    "memory": lambda guest, _: -_least(guest.memory_ratio),
    "heat": lambda guest, heat: -_least(heat.get(guest.node)),
    "ha": lambda guest, _: _text(guest.ha),
    "protection": lambda guest, _: _VERDICTS.index(guest.verdict or "unknown"),
    "backup": lambda guest, _: _least(guest.backup_at),
    "tags": lambda guest, _: _text(" ".join(guest.tags)),
}
"""How guests can be ordered; of numbers the most interesting come first. `-` before the name turns it around."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What is asked for; made of anything that stands in an address."""

    show: str = "all"
    words: str = ""
    sort: str = "state"
    page: int = 1

    @classmethod
    def parse(cls, query: str) -> Choice:
        """Return what the query part of an address asks for; what makes no sense is left out."""
        try:
            given = dict(parse_qsl(query, max_num_fields=20))
        except ValueError:
            given = {}
        sort, page = given.get("sort", ""), given.get("page", "")
        return cls(
            show=given["show"] if given.get("show") in SHOWS else cls().show,
            words=" ".join(given.get("q", "").split())[:_LONGEST_WORDS],
            sort=sort if sort.removeprefix("-") in SORTS and sort.count("-") <= 1 else cls().sort,
            page=int(page) if page.isascii() and page.isdigit() and 0 < len(page) <= 6 else 1,
        )

    @property
    def query(self) -> str:
        """The shortest address that asks for it."""
        usual = Choice()
        pairs = [("show", self.show), ("q", self.words), ("sort", self.sort), ("page", str(self.page))]
        defaults = [usual.show, usual.words, usual.sort, str(usual.page)]
        return urlencode([pair for pair, default in zip(pairs, defaults, strict=True) if pair[1] != default])

    def but(self, **changes: Any) -> str:
        """Return the address of the same with changes, from the first page on."""
        query = replace(self, **{"page": 1, **changes}).query
        return f"?{query}" if query else "?"

    @property
    def order(self) -> str:
        """What it is ordered by, without direction."""
        return self.sort.removeprefix("-")

    @property
    def is_turned(self) -> bool:
        return self.sort.startswith("-")


@dataclass(frozen=True, slots=True)
class Chosen:
    """One page of the guests that were asked for."""

    guests: tuple[Guest, ...]
    found: int
    page: int
    pages: int


def choose(guests: Sequence[Guest], choice: Choice, heat: Mapping[str, float]) -> Chosen:
    """Return what is asked for; `heat` is that of each node, in degrees Celsius."""
    wanted, words = SHOWS[choice.show], choice.words.casefold().split()
    found = [guest for guest in guests if wanted(guest) and (not words or _has(guest, words))]
    key = SORTS[choice.order]
    found.sort(key=lambda guest: guest.vmid)
    found.sort(key=lambda guest: key(guest, heat), reverse=choice.is_turned)
    pages = max(1, -(-len(found) // PAGE_GUESTS))
    page = min(choice.page, pages)
    return Chosen(tuple(found[(page - 1) * PAGE_GUESTS : page * PAGE_GUESTS]), len(found), page, pages)


def _has(guest: Guest, words: Sequence[str]) -> bool:
    text = f"{guest.vmid} {guest.name} {guest.node} {' '.join(guest.tags)}".casefold()
    return all(word in text for word in words)
