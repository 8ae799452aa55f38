"""What was done to the lab's Proxmox, as it is kept in the lab's state; nothing here knows what a fault does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Fault:
    """One fault: its kind, what it is about, how much (where that means something), and since when."""

    kind: str
    subject: str
    value: float | None
    since: float


@dataclass(slots=True)
class Run:
    """A backup that somebody started: of one guest, or of all of a node (`vmid` is empty); `end` is None while it runs.

    `stops`: the guest is stopped for it. `is_good` says how it ended.
    """

    node: int
    vmid: str
    start: float
    stops: bool = False
    end: float | None = None
    is_good: bool = False

    @property
    def has_failed(self) -> bool:
        return self.end is not None and not self.is_good


@dataclass(slots=True)
class PveState:
    """The faults, the guests (by VMID) that were started at another time than their node, and the latest backups."""

    faults: list[Fault] = field(default_factory=list)
    started: dict[str, float] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)

    def find(self, kind: str, *subjects: str) -> Fault | None:
        """Return the fault of a kind about the first of these subjects that has one."""
        for subject in subjects:
            for fault in self.faults:
                if fault.kind == kind and fault.subject == subject:
                    return fault
        return None

    def forget_starts(self, home: int) -> None:
        """Note that the guests of a node start with it next time."""
        self.started = {vmid: moment for vmid, moment in self.started.items() if int(vmid) // 100 != home}

    def put(self, fault: Fault) -> None:
        """Add a fault, in the place of an older one of its kind and subject."""
        self.faults = [old for old in self.faults if (old.kind, old.subject) != (fault.kind, fault.subject)]
        self.faults.append(fault)


def parse(data: dict[str, Any]) -> PveState:
    """Return the state that was kept; raises ValueError, KeyError or TypeError if it is damaged."""
    faults = [
        Fault(
            str(fault["kind"]),
            str(fault["subject"]),
            None if fault["value"] is None else float(fault["value"]),
            float(fault["since"]),
        )
        for fault in data["faults"]
    ]
    started = {str(vmid): float(moment) for vmid, moment in data["started"].items()}
    return PveState(faults, started, [_run(run) for run in data.get("runs", [])])


def _run(data: dict[str, Any]) -> Run:
    end = data["end"]
    return Run(
        int(data["node"]),
        str(data["vmid"]),
        float(data["start"]),
        bool(data["stops"]),
        None if end is None else float(end),
        bool(data["is_good"]),
    )
