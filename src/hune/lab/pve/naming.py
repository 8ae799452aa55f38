"""What the lab's things are called: by people who name them, and to people who are told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from hune.core.errors import InputError
from hune.lab.hardware import MACHINES
from hune.lab.pve.guests import BY_VMID, GUESTS, Guest
from hune.lab.state import LabState


def find_node(state: LabState, given: str) -> str:
    """Return the name of a machine; raises InputError if there is none of that name."""
    name = given.lower().removeprefix(state.prefix)
    known = {machine.name: None for machine in MACHINES}
    if name not in known:
        raise InputError(f"{given}: no such node of the lab", remedy=nearest(name, known))
    return name


def find_guest(given: str) -> Guest:
    """Return a guest by number or name; raises InputError if there is none."""
    tail = given.replace(":", "/").rpartition("/")[2]
    if tail.isdecimal() and int(tail) in BY_VMID:
        return BY_VMID[int(tail)]
    names = {guest.name: guest for guest in GUESTS}
    if given.lower() not in names:
        remedy = nearest(given, names) if not tail.isdecimal() else "give 101 to 133, 201 to 233 or 301 to 333"
        raise InputError(f"{given}: no such guest of the lab", remedy=remedy)
    return names[given.lower()]


def shown(state: LabState, subject: str) -> str:
    """Return what something is about, as people call it."""
    guest = BY_VMID.get(int(subject)) if subject.isdecimal() else None
    if guest is not None:
        return f"{guest.id} {guest.name}"
    first, slash, rest = subject.partition("/")
    is_node = any(machine.name == first for machine in MACHINES)
    return f"{state.prefix}{first}{slash}{rest}" if is_node else subject


def nearest(wrong: str, known: Mapping[str, Any] | Iterable[str]) -> str:
    """Return what may have been meant, or what there is."""
    names = list(known)
    close = get_close_matches(wrong, names, 1, 0.6)
    return f"did you mean {close[0]}?" if close else f"there are: {', '.join(names)}"
