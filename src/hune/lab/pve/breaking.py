"""The faults of the lab's Proxmox that can be asked for: what each is about, and how it is told and mended."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hune.core.errors import InputError
from hune.lab.hardware import MACHINES
from hune.lab.pve import backing_up
from hune.lab.pve.ceph import osd_of
from hune.lab.pve.faults import Fault
from hune.lab.pve.guests import GUESTS, Guest
from hune.lab.pve.naming import find_guest, find_node, nearest, shown
from hune.lab.pve.routes import PRIVILEGES
from hune.lab.pve.storages import BY_NAME
from hune.lab.pve.system import SERVICES
from hune.lab.state import LabState

Event = dict[str, Any]
_CLUSTER = "cluster"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault: how its subject is found, which values it takes, and what is then to be said of it."""

    find: Callable[[LabState, str], str]
    text: str
    limits: tuple[float, float] | None = None
    unit: str = ""


def begin(state: LabState, kind: str, subject: str, value: object, now: float) -> Event:
    """Break something; return what happened. Raises InputError if there is no such thing."""
    if kind not in KINDS:
        raise InputError(f"{kind}: no such fault", remedy=nearest(kind, KINDS))
    rule = KINDS[kind]
    fault = Fault(kind, rule.find(state, subject), _value(rule, value), now)
    state.pve.put(fault)
    return {"time": now, "event": kind} | describe(state, fault)


def mend(state: LabState, wanted: str, now: float) -> list[Event]:
    """Mend the faults of that kind or about that subject, or all of them, backups too; return what happened.

    Raises InputError if nothing of that name is broken.
    """
    faults = state.pve.faults
    mended = [fault for fault in faults if not wanted or wanted.lower() in _names(state, fault)]
    backups = backing_up.undo(state, wanted, now)
    if wanted and not mended and not backups:
        known = {name: None for fault in faults for name in (fault.kind, shown(state, fault.subject))}
        raise InputError(f"{wanted}: nothing of that name is broken", remedy=nearest(wanted, known) if known else "")
    for fault in mended:
        faults.remove(fault)
        if fault.kind in ("stop", "crash"):
            state.pve.started[fault.subject] = now
    undone = [*(describe(state, fault) for fault in mended), *(backing_up.describe(state, run) for run in backups)]
    return [{"time": now, "event": "mend"} | one | {"text": "mended"} for one in undone]


def describe(state: LabState, fault: Fault) -> dict[str, Any]:
    """Return a fault as `hune lab status --json` shows it."""
    text = KINDS[fault.kind].text
    return {
        "fault": fault.kind,
        "subject": shown(state, fault.subject),
        "value": fault.value,
        "since": fault.since,
        "text": text if fault.value is None else text.format(fault.value),
    }


def _names(state: LabState, fault: Fault) -> set[str]:
    names = {fault.kind, fault.subject, shown(state, fault.subject), *shown(state, fault.subject).split(" ")}
    return {name.lower() for name in names}


def _value(rule: Kind, value: object) -> float | None:
    if rule.limits is None:
        return None
    low, high = rule.limits
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f"no number of {rule.unit}", remedy=f"give {low:g} to {high:g}")
    if not low <= value <= high:
        raise InputError(f"{value:g}: no possible number of {rule.unit}", remedy=f"give {low:g} to {high:g}")
    return float(value)


def _storage(state: LabState, given: str) -> str:
    node, slash, name = given.rpartition("/")
    if name not in BY_NAME:
        raise InputError(f"{given}: no such storage of the lab", remedy=nearest(name, BY_NAME))
    if slash and BY_NAME[name].is_shared:
        raise InputError(f"{name}: shared by all nodes, so no node has one of its own", remedy=f"give {name}")
    return f"{find_node(state, node)}/{name}" if slash else name


def _guest_that(test: Callable[[Guest], bool], otherwise: str) -> Callable[[LabState, str], str]:
    def find(_: LabState, given: str) -> str:
        guest = find_guest(given)
        if not test(guest):
            fitting = next(other for other in GUESTS if other.home == guest.home and test(other))
            raise InputError(f"{guest.id} {guest.name}: {otherwise}", remedy=f"take {fitting.name}, for example")
        return str(guest.vmid)

    return find


def _osd(_: LabState, given: str) -> str:
    known = {f"osd.{osd_of(machine.number)}": None for machine in MACHINES}
    name = given.lower() if given.lower().startswith("osd.") else f"osd.{given}"
    if name not in known:
        raise InputError(f"{given}: no such OSD of the lab", remedy=nearest(name, known))
    return name


def _service(state: LabState, given: str) -> str:
    node, _, name = given.rpartition("/")
    if name not in SERVICES:
        raise InputError(f"{name}: no such service of a node", remedy=nearest(name, SERVICES))
    return f"{find_node(state, node)}/{name}"


def _privilege(_: LabState, given: str) -> str:
    known = {privilege.lower(): privilege for privilege in PRIVILEGES}
    if given.lower() not in known:
        names = dict.fromkeys(PRIVILEGES)
        raise InputError(f"{given}: not a privilege of the lab's token", remedy=nearest(given, names))
    return known[given.lower()]


def _whole(*_: object) -> str:
    return _CLUSTER


_backed_up = _guest_that(lambda guest: guest.is_backed_up, "no job backs it up")

KINDS: Mapping[str, Kind] = {
    "fill": Kind(_storage, "{:g} % full", (0, 100), "percent"),
    "age-backup": Kind(_backed_up, "newest backup was {:g} days old", (0, 3650), "days"),
    "fail-backup": Kind(_backed_up, "last backup failed"),
    "corrupt-backup": Kind(_backed_up, "newest backup failed its verification"),
    "fail-replication": Kind(_guest_that(lambda guest: guest.replica > 0, "not replicated"), "replication fails"),
    "stop": Kind(_guest_that(lambda guest: guest.running, "doesn't run anyway"), "stopped"),
    "crash": Kind(
        _guest_that(lambda guest: guest.running and not guest.ha, "doesn't run, or HA starts it again"), "crashed"
    ),
    "mute-agent": Kind(_guest_that(lambda guest: guest.agent, "has no guest agent"), "guest agent silent"),
    "degrade-pool": Kind(find_node, "ZFS pool tank degraded"),
    "fail-disk": Kind(find_node, "disk sda failing, {:g} % worn", (0, 100), "percent"),
    "out-osd": Kind(_osd, "out"),
    "stop-service": Kind(_service, "failed"),
    "expire-certificate": Kind(find_node, "certificate ends in {:g} days", (-365, 3650), "days"),
    "split": Kind(_whole, "no quorum: the nodes don't hear each other"),
    "forbid": Kind(_privilege, "taken from the token"),
}
