"""The alerts about machines, from all that their node exporters say: what each is about, and what proves it over.

As with Proxmox, Prometheus records every 15 s what is *wrong now* (`wrong`: measured, and not yet past the value that
clears), and which of a node's collectors could read everything (`hune:machine_read`). An alert is over when that was
read and the thing isn't among what is wrong: healed, or not there any more. What couldn't be read is neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from hune.alerting.promql import Reading


@dataclass(frozen=True)
class Trouble:
    """One kind of alert about a node; `collector` is that of the node exporter which must have read everything."""

    name: str
    severity: Literal["critical", "warning"]
    collector: str
    about: str = ""
    unit: str = ""

    @property
    def identity(self) -> tuple[str, ...]:
        """The labels that tell one alert from another."""
        return ("node", self.about) if self.about else ("node",)

    @property
    def wrong(self) -> str:
        """The name of the series of what is wrong now."""
        return f"hune:machine_wrong:{self.name}"

    def over(self, read: Reading) -> str:
        """Return the expression that holds while it was read, and isn't wrong."""
        was_read = read.live_of("hune:machine_read", "node", collector=self.collector)
        return f"{was_read} unless on () {read.live(self.wrong)}"


def member(read: Reading) -> str:
    """Return the constant that exists as long as the site has the node."""
    return read.constant("hune:site_node", "node")


_EACH = (
    Trouble("FilesystemFilling", "warning", "filesystem", "filesystem", "%"),
    Trouble("FilesystemFull", "critical", "filesystem", "filesystem", "%"),
    Trouble("FilesystemReadOnly", "critical", "filesystem", "filesystem"),
    Trouble("InodesShort", "warning", "filesystem", "filesystem", "%"),
    Trouble("MemoryShort", "warning", "meminfo", unit="%"),
    Trouble("OutOfMemory", "warning", "vmstat"),
    Trouble("PressureHigh", "warning", "pressure", "resource", "%"),
    Trouble("UnitFailed", "warning", "systemd", "unit"),
    Trouble("RaidDegraded", "critical", "mdadm", "array"),
    Trouble("PoolDegraded", "critical", "zfs", "pool"),
    Trouble("SmartFailing", "critical", "textfile", "disk"),
    Trouble("BondDegraded", "warning", "bonding", "bond"),
    Trouble("ClockWrong", "warning", "time", unit="s"),
    Trouble("ClockUnsynchronised", "warning", "timex"),
)

TROUBLES: Mapping[str, Trouble] = {trouble.name: trouble for trouble in _EACH}

THINGS = tuple(sorted({trouble.about for trouble in _EACH if trouble.about}))
"""The labels that name what an alert on a machine is about."""
