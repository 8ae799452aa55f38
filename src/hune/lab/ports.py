"""The state of a network port, and what the kernel shows of it in `/sys/class/net/NAME`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hune.lab.hardware import Port

_UP, _BROADCAST, _LOOPBACK, _PROMISCUOUS, _MULTICAST = 0x1, 0x2, 0x8, 0x100, 0x1000
_SLOW_MEGABITS = 1000


@dataclass(frozen=True, slots=True)
class PortState:
    """How a port stands now; `changes` counts how often its carrier came or went since the machine started."""

    plugged: bool = True
    enabled: bool = True
    slow: bool = False
    changes: int = 2

    @property
    def carrier(self) -> bool:
        return self.plugged and self.enabled

    @property
    def fault(self) -> str:
        """What is wrong in one word: `unplugged`, `disabled`, `slow`, or nothing."""
        if not self.enabled:
            return "disabled"
        return "unplugged" if not self.plugged else "slow" if self.slow else ""

    def unplug(self) -> PortState:
        """Pull the cable."""
        return replace(self, plugged=False, changes=self.changes + self.carrier)

    def disable(self) -> PortState:
        """Set the port down, as `ip link set down` does."""
        return replace(self, enabled=False, changes=self.changes + self.carrier)

    def plug(self) -> PortState:
        """Return the port to what it should be: enabled, plugged, full speed."""
        if not self.carrier:
            return replace(self, plugged=True, enabled=True, slow=False, changes=self.changes + 1)
        return replace(self, slow=False, changes=self.changes + 2 * self.slow)

    def slow_down(self) -> PortState:
        """Negotiate a lower speed: the carrier goes and comes back."""
        gained = 1 if not self.carrier else 0 if self.slow else 2
        return replace(self, plugged=True, enabled=True, slow=True, changes=self.changes + gained)


def attributes(port: Port, state: PortState) -> dict[str, str]:
    """Return the files of a port; one whose read would fail in the kernel is absent.

    A port that is administratively down has no readable carrier, speed, duplex and dormant; one without a link
    reports speed −1.
    """
    shown = {
        "addr_assign_type": "3" if port.kind == "tap" else "0",
        "addr_len": "6",
        "address": port.address,
        "broadcast": "00:00:00:00:00:00" if port.kind == "loopback" else "ff:ff:ff:ff:ff:ff",
        "carrier_changes": str(state.changes),
        "carrier_down_count": str(state.changes // 2 + state.changes % 2 * (not state.carrier)),
        "carrier_up_count": str(state.changes // 2 + state.changes % 2 * state.carrier),
        "dev_id": "0x0",
        "dev_port": "0",
        "flags": hex(_flags(port, state)),
        "ifalias": "",
        "ifindex": str(port.index),
        "iflink": str(port.peer or port.index),
        "link_mode": "0",
        "mtu": str(port.mtu),
        "name_assign_type": "4" if port.kind == "physical" else "3",
        "netdev_group": "0",
        "operstate": _operstate(port, state),
        "proto_down": "0",
        "tx_queue_len": "1000",
        "type": "772" if port.kind == "loopback" else "1",
    }
    if state.enabled:
        shown |= {"carrier": str(int(state.carrier)), "dormant": "0"}
        if port.megabits is not None:
            shown |= {"speed": str(_megabits(port, state)), "duplex": _duplex(port, state)}
    return {name: value + "\n" for name, value in shown.items()}


def _flags(port: Port, state: PortState) -> int:
    flags = _LOOPBACK if port.kind == "loopback" else _BROADCAST | _MULTICAST
    if state.enabled:
        flags |= _UP
    if port.kind in ("tap", "veth"):  # members of a bridge
        flags |= _PROMISCUOUS
    return flags


def _operstate(port: Port, state: PortState) -> str:
    if not state.carrier:
        return "down"
    return "unknown" if port.kind in ("loopback", "tap") else "up"


def _megabits(port: Port, state: PortState) -> int:
    if not state.carrier or port.megabits is None:
        return -1
    return min(port.megabits, _SLOW_MEGABITS) if state.slow else port.megabits


def _duplex(port: Port, state: PortState) -> str:
    return "full" if state.carrier and port.kind != "bridge" else "unknown"
