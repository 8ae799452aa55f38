"""Snapshots of a small site, as the pages' tests need them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hune.nester.snapshot import (
    Alert,
    Delivery,
    Node,
    Port,
    Probe,
    Reading,
    Sensor,
    ServiceHealth,
    Snapshot,
    Source,
)

NOW = 1_795_000_000.0
SLOW = 15.0


def reading(value: float, *, age: float = 0.5, interval: float = 1.0) -> Reading:
    """Return a value measured `age` seconds ago."""
    return Reading(value, NOW - age, interval)


def port(
    device: str = "enp1s0f0", *, up: bool | None = True, bits: float | None = 1e10, expected: float = 1e10
) -> Port:
    """Return a watched port; `up` None is one that nobody has heard of."""
    return Port(
        device=device,
        name=device.removeprefix("enp1s0"),
        expected_bits=expected,
        up=None if up is None else reading(float(up)),
        speed_bits=reading(bits) if up and bits else None,
    )


def node(name: str = "pve-01", *, celsius: float | None = 47.0, age: float = 0.5, **changes: Any) -> Node:
    """Return a node that is up and well; `celsius` None is one without sensors."""
    sensors = () if celsius is None else tuple(_sensors(celsius, age))
    return replace(
        Node(
            name=name,
            address="192.168.1.11",
            kind="proxmox",
            lab=False,
            limit_celsius=70.0,
            up=reading(1.0),
            sensors=sensors,
            cpu_ratio=reading(0.12, age=6, interval=SLOW),
            memory_ratio=reading(0.48, age=6, interval=SLOW),
            memory_bytes=32.0 * 2**30,
            disk_ratio=reading(0.41, age=6, interval=SLOW),
            load=reading(0.9, age=6, interval=SLOW),
            cpus=6,
            booted_at=NOW - 41 * 86_400,
            ports=(port(),),
        ),
        **changes,
    )


def _sensors(celsius: float, age: float) -> list[Sensor]:
    cores = [Sensor("coretemp", f"Core {n}", reading(celsius - 3 + n, age=age)) for n in range(4)]
    return [*cores, Sensor("coretemp", "Package id 0", reading(celsius, age=age))]


def alert(name: str = "CpuHot", where: str = "pve-01", **changes: Any) -> Alert:
    """Return a critical alert that has fired for two minutes."""
    labels = {"alertname": name, **({"node": where} if where else {}), **changes.pop("labels", {})}
    annotations = changes.pop("annotations", {"value": "78", "unit": "°C", "threshold": "70"})
    given: dict[str, Any] = {
        "id": f"{name}-{where}",
        "name": name,
        "severity": "critical",
        "state": "firing",
        "labels": tuple(sorted(labels.items())),
        "annotations": tuple(sorted(annotations.items())),
        "starts_at": NOW - 120,
        "value": 78.0,
        "peak": 81.0,
        "deliveries": (Delivery("Discord", "sent", NOW - 118),),
    }
    return Alert(**{**given, **changes})


def snapshot(*nodes: Node, alerts: tuple[Alert, ...] = (), **changes: Any) -> Snapshot:
    """Return a snapshot taken now, of one well node unless others are given."""
    given: dict[str, Any] = {
        "number": 1,
        "taken_at": NOW,
        "site": "homelab",
        "measured_at": NOW - 0.4,
        "nodes": nodes or (node(),),
        "alerts": alerts,
        "probes": (Probe("nas", "tcp", "192.168.1.20:445", reading(1.0, age=5, interval=SLOW), 0.023),),
        "services": (ServiceHealth("prometheus", True, "ready", "127.0.0.1:9090", NOW - 3600),),
        "sources": (Source("prometheus"), Source("hub"), Source("conductor")),
    }
    return Snapshot(**{**given, **changes})
