"""What its guests ask of a machine."""

from __future__ import annotations

from dataclasses import dataclass

from hune.lab.hardware import Port


@dataclass(frozen=True, slots=True)
class Demand:
    """The shares of its cores and of its memory that are wanted, 0 to 1, and the network ports that the guests have."""

    load: float
    memory_ratio: float
    ports: tuple[Port, ...] = ()
