"""What guests, nodes and storages have and use, their HA and lock states, and what they are.

pve_memory_usage_bytes{id="qemu/100"} 2147483648
pve_ha_state{id="qemu/100",state="started"} 1
pve_guest_info{id="qemu/100",node="pve-01",name="web",type="qemu",template="0",tags=""} 1

Thousands of guests have hundreds of thousands of lines, so lines are made by joining: what follows the name is
the same for a gauge and its counter, and the states of a thing differ from the next one's by its id only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from hune.collect.pve.collector import Collection, Collector, Needs
from hune.collect.pve.compat.reading import RESOURCES, Row, need, resources, value
from hune.collect.pve.families import Exposition, Family, escape

NAME = "resources"

_PRIVILEGE = "VM.Audit on /vms/{vmid}, Datastore.Audit on /storage/{storage}, Sys.Audit on /nodes/{node}"


@dataclass(frozen=True)
class Trim:
    """What is left out: states that aren't the present one, names that upstream calls deprecated."""

    inactive_states: bool = False
    deprecated_names: bool = False


NO_TRIM = Trim()


def _gauge(name: str, text: str, *labels: str) -> Family:
    return Family(name, "gauge", text, ("id", *labels), RESOURCES, _PRIVILEGE)


def _counter(name: str, text: str) -> Family:
    return Family(name, "counter", text, ("id",), RESOURCES, _PRIVILEGE)


_GAUGES = {
    "maxdisk": _gauge(
        "pve_disk_size_bytes", "Size of a storage, of a guest's root disk, of a node's root file system."
    ),
    "disk": _gauge(
        "pve_disk_usage_bytes", "Use of a storage, a container's root disk, a node's root; 0 for virtual machines."
    ),
    "maxmem": _gauge("pve_memory_size_bytes", "Memory that a node or guest has."),
    "mem": _gauge("pve_memory_usage_bytes", "Memory that a node or guest uses."),
    "netout": _gauge("pve_network_transmit_bytes", "Deprecated: pve_network_transmit_bytes_total."),
    "netin": _gauge("pve_network_receive_bytes", "Deprecated: pve_network_receive_bytes_total."),
    "diskwrite": _gauge("pve_disk_write_bytes", "Deprecated: pve_disk_written_bytes_total."),
    "diskread": _gauge("pve_disk_read_bytes", "Deprecated: pve_disk_read_bytes_total."),
    "cpu": _gauge("pve_cpu_usage_ratio", "Share of its CPUs that a node or guest uses, 0 to 1."),
    "maxcpu": _gauge("pve_cpu_usage_limit", "CPUs that a node or guest has."),
    "uptime": _gauge("pve_uptime_seconds", "Time since a node or guest was started."),
    "shared": _gauge("pve_storage_shared", "1 if all nodes share the storage, else 0."),
}
_COUNTERS = {
    "netout": _counter("pve_network_transmit_bytes_total", "Bytes that a guest has sent since it was started."),
    "netin": _counter("pve_network_receive_bytes_total", "Bytes that a guest has received since it was started."),
    "diskwrite": _counter("pve_disk_written_bytes_total", "Bytes that a guest has written since it was started."),
    "diskread": _counter("pve_disk_read_bytes_total", "Bytes that a guest has read since it was started."),
}
_HA = _gauge("pve_ha_state", "1 for the HA state that a node or guest is in, 0 for the others.", "state")
_LOCK = _gauge("pve_lock_state", "1 for the lock that is on a guest's configuration, 0 for the others.", "state")
_GUEST = _gauge("pve_guest_info", "What a guest is.", "node", "name", "type", "template", "tags")
_STORAGE = _gauge("pve_storage_info", "What a storage is.", "node", "storage", "plugintype", "content")

_GUEST_HA = (
    "stopped",
    "request_stop",
    "request_start",
    "request_start_balance",
    "started",
    "fence",
    "recovery",
    "migrate",
    "relocate",
    "freeze",
    "error",
)
_NODE_HA = ("online", "maintenance", "unknown", "fence", "gone")
_LOCKS = (
    "backup",
    "clone",
    "create",
    "migrate",
    "rollback",
    "snapshot",
    "snapshot-delete",
    "suspended",
    "suspending",
)


class _States:
    """The lines of one kind of state of one kind of thing."""

    def __init__(self, family: Family, key: str, states: tuple[str, ...], *, only_active: bool) -> None:
        self._key = key
        self._active = {state: f'{family.name}{{id="%s",state="{state}"}} 1\n' for state in states}
        # The id takes the place of a byte that no id has.
        lines = "".join(f'{family.name}{{id="\0",state="{state}"}} 0\n' for state in states)
        self._all = "" if only_active else lines
        self._only_active = only_active

    def lines(self, entry: Row, id_: str) -> str:
        """Return the lines of a thing; `id_` is escaped."""
        text = self._all.replace("\0", id_)
        state = entry.get(self._key)
        active = self._active.get(state) if isinstance(state, str) else None
        if active is None:
            return text
        line = active % id_
        return line if self._only_active else text.replace(f"{line[:-2]}0\n", line)


def write(entries: list[Row], out: Exposition, trim: Trim) -> None:
    """Turn an answer of `/cluster/resources` into samples. Raises BadAnswer."""
    only_active = trim.inactive_states
    guest_ha = _States(_HA, "hastate", _GUEST_HA, only_active=only_active)
    node_ha = _States(_HA, "hastate", _NODE_HA, only_active=only_active)
    locks = _States(_LOCK, "lock", _LOCKS, only_active=only_active)
    after_name: dict[str, list[str]] = {key: [] for key in _GAUGES}
    appends = [(key, lines.append) for key, lines in after_name.items()]
    texts: dict[Family, list[str]] = {_HA: [], _LOCK: [], _GUEST: [], _STORAGE: []}
    for entry in entries:
        kind = need(entry, "type", RESOURCES)
        id_ = escape(str(need(entry, "id", RESOURCES)))
        head = f'{{id="{id_}"}} '
        for key, append in appends:
            given = entry.get(key)
            if given is None:
                continue
            # Far more often than not it is a number already.
            if not (type(given) is int and -(1 << 63) < given < 1 << 63) and type(given) is not float:
                given = value(given, RESOURCES)
            append(f"{head}{given}\n")
        if kind in ("qemu", "lxc"):
            texts[_HA].append(guest_ha.lines(entry, id_))
            texts[_LOCK].append(locks.lines(entry, id_))
            labels = (id_, *_labels(entry, ("node", "name", "type", "template", "tags")), 1)
            texts[_GUEST].append(_GUEST.line % labels)
        elif kind == "storage":
            # Proxmox gives the contents in any order, and each order would be a series of its own.
            content = ",".join(sorted(str(entry.get("content", "")).split(",")))
            labels = (id_, *_labels(entry, ("node", "storage", "plugintype")), escape(content), 1)
            texts[_STORAGE].append(_STORAGE.line % labels)
        elif kind == "node":
            texts[_HA].append(node_ha.lines(entry, id_))
    for families in (_GAUGES, _COUNTERS):
        for key, family in families.items():
            if not (trim.deprecated_names and family.kind == "gauge" and key in _COUNTERS):
                out.write(family, family.name.join(["", *after_name[key]]))
    for family, lines in texts.items():
        out.write(family, "".join(lines))


def _labels(entry: Row, keys: tuple[str, ...]) -> list[Any]:
    return [escape(str(entry.get(key, ""))) for key in keys]


async def _collect(run: Collection, trim: Trim) -> None:
    write(await resources(run), run.out, trim)


def collector(trim: Trim) -> Collector:
    """Return the collector that leaves out what `trim` says."""
    return Collector(
        NAME,
        "cluster",
        (*_GAUGES.values(), *_COUNTERS.values(), _HA, _LOCK, _GUEST, _STORAGE),
        (Needs("VM.Audit", "/vms"), Needs("Datastore.Audit", "/storage"), Needs("Sys.Audit", "/nodes")),
        partial(_collect, trim=trim),
    )
