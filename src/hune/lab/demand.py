"""What its guests ask of a machine, and how long they wait for it."""

from __future__ import annotations

from dataclasses import dataclass

from hune.lab.hardware import Port

DISKS_STALLED_RATIO = 0.5
"""The share of time in which some task waits for the disks while backups are made."""


@dataclass(frozen=True, slots=True)
class Demand:
    """The shares of its cores and of its memory that are wanted, 0 to 1, and the network ports that the guests have.

    `is_backing_up`: their disks are read and sent away.
    """

    load: float
    memory_ratio: float
    ports: tuple[Port, ...] = ()
    is_backing_up: bool = False


def stalled_ratio(load: float) -> float:
    """Return the share of time in which some task waits for a core, as pressure stall information tells it."""
    return 0.02 * load + 0.6 * max(0.0, load - 0.55)
