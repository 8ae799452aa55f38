"""The guests of a cluster as rows: chosen, ordered, a page of them at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hune.nester.judge import State
from hune.nester.proxmox.choice import SHOWS, SORTS, Choice, Chosen, choose, judge_guest
from hune.nester.proxmox.model import Guest
from hune.nester.views.proxmox.sheet import Sheet
from hune.nester.views.proxmox.table import Cell

_BACKUP_STATES: Mapping[str, State] = {"unprotected": "warning", "unknown": "unknown", "pending": "notice"}
_NUMBERS = frozenset({"vmid", "cpu", "memory", "heat", "backup"})


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a column, and where a click on it leads."""

    name: str
    text: str
    href: str
    number: bool
    order: str
    """`ascending`, `descending`, or nothing where the table isn't ordered by it."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A choice of guests, and how many it shows."""

    text: str
    href: str
    count: str
    current: bool


@dataclass(frozen=True, slots=True)
class GuestRow:
    """A guest, ready to print."""

    id: str
    state: State
    href: str
    vmid: int
    name: str
    kind: str
    template: bool
    status: Cell
    node: Cell
    cpu: Cell
    memory: Cell
    heat: Cell
    ha: Cell
    protection: Cell
    reasons: tuple[str, ...]
    backup: Cell
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GuestList:
    """What is chosen, and how else one could choose."""

    rows: tuple[GuestRow, ...]
    heads: tuple[Head, ...]
    filters: tuple[Filter, ...]
    choice: Choice
    found: str
    none: str
    pages: int
    page: int
    before: str
    after: str


def guest_list(sheet: Sheet, choice: Choice) -> GuestList:
    """Return the guests that are asked for."""
    t, guests = sheet.t, sheet.detail.guests
    chosen = choose(guests, choice, sheet.heat)
    filters = tuple(
        Filter(t(f"pve.show.{name}"), choice.but(show=name), t.number(count), name == choice.show)
        for name, fits in SHOWS.items()
        if (count := sum(map(fits, guests))) or name in (choice.show, "all", "wrong")
    )
    return GuestList(
        rows=tuple(guest_row(sheet, guest) for guest in chosen.guests),
        heads=tuple(_head(sheet, choice, name) for name in SORTS if name != "state"),
        filters=filters,
        choice=choice,
        found=_found(sheet, chosen),
        none="" if chosen.guests else t("pve.no_guests" if guests else "pve.not_read"),
        pages=chosen.pages,
        page=chosen.page,
        before=choice.but(page=chosen.page - 1) if chosen.page > 1 else "",
        after=choice.but(page=chosen.page + 1) if chosen.page < chosen.pages else "",
    )


def _found(sheet: Sheet, chosen: Chosen) -> str:
    t = sheet.t
    text = t("pve.found", count=chosen.found)
    return f"{text} · {t('pve.page', page=chosen.page, pages=chosen.pages)}" if chosen.pages > 1 else text


def _head(sheet: Sheet, choice: Choice, name: str) -> Head:
    ordered = choice.order == name
    turned = ordered and not choice.is_turned
    order = ("descending" if choice.is_turned else "ascending") if ordered else ""
    if ordered and name in ("cpu", "memory", "heat"):
        # These begin with the largest.
        order = "ascending" if choice.is_turned else "descending"
    href = choice.but(sort=f"-{name}" if turned else name)
    return Head(name, sheet.t(f"pve.guest.{name}"), href, name in _NUMBERS, order)


def guest_row(sheet: Sheet, guest: Guest) -> GuestRow:
    """Return a guest, ready to print."""
    t, heat = sheet.t, sheet.heat.get(guest.node)
    running = guest.status == "running"
    return GuestRow(
        id=guest.id,
        state=judge_guest(guest),
        href=f"/clusters/{sheet.cluster.name}/guests/{guest.vmid}",
        vmid=guest.vmid,
        name=guest.name or "–",
        kind=t(f"pve.guest_kind.{guest.kind}") if guest.kind in ("qemu", "lxc") else guest.kind,
        template=guest.template,
        status=status_cell(sheet, guest),
        node=Cell(guest.node, href=sheet.scene.path_of(guest.node)),
        cpu=sheet.share(guest.cpu_ratio, 1.0, title=t("pve.cpus", count=int(guest.cpus or 0)))
        if running and guest.cpu_ratio is not None
        else sheet.number("–"),
        memory=sheet.share(guest.memory_bytes, guest.memory_size_bytes) if running else sheet.number("–"),
        heat=sheet.number(t.celsius(heat)) if heat is not None else sheet.number("–", title=t("pve.no_heat")),
        ha=ha_cell(sheet, guest),
        protection=protection_cell(sheet, guest),
        reasons=reasons_of(sheet, guest),
        backup=sheet.age(guest.backup_at),
        tags=guest.tags,
    )


def status_cell(sheet: Sheet, guest: Guest) -> Cell:
    """Return how a guest is, and what it is busy with."""
    t = sheet.t
    if guest.template:
        return sheet.cell(t("pve.template"), dim=True)
    doing = guest.busy[0] if guest.busy else guest.lock
    text = t(f"pve.status.{guest.status}")
    state: State = "unknown" if guest.status == "unknown" else "up"
    return sheet.cell(f"{text} · {doing}" if doing else text, state, dim=guest.status == "stopped")


def ha_cell(sheet: Sheet, guest: Guest) -> Cell:
    """Return what HA says of a guest."""
    if not guest.ha:
        return sheet.cell("–", dim=True)
    return sheet.cell(guest.ha, "critical" if guest.ha in ("error", "fence", "recovery") else "up")


def protection_cell(sheet: Sheet, guest: Guest) -> Cell:
    """Return the verdict on a guest's protection."""
    t = sheet.t
    if guest.verdict is None:
        return sheet.cell(t("pve.verdict.unknown"), "unknown", title=t("pve.not_read"))
    return sheet.cell(t(f"pve.verdict.{guest.verdict}"), _BACKUP_STATES.get(guest.verdict, "up"))


def reasons_of(sheet: Sheet, guest: Guest) -> tuple[str, ...]:
    """Return why the verdict on a guest is what it is, in words."""
    t, found = sheet.t, []
    for code, about in guest.reasons:
        text = t(f"pve.reason.{code}") if t.has(f"pve.reason.{code}") else code
        found.append(f"{text} ({about})" if about else text)
    return tuple(found)
