"""Makes a snapshot out of the site and of what was last measured."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hune.nester.proxmox.model import Cluster
from hune.nester.queries import Live, NodeLive, Vitals
from hune.nester.snapshot import Alert, Node, Port, Probe, Reading, Sensor, ServiceHealth, Snapshot, Source
from hune.site.models import Node as SiteNode
from hune.site.models import Site

_VANISHED_SECONDS = 5.0


@dataclass
class Memory:
    """The last measured value of everything: a node that falls silent keeps what it last said, with its age."""

    nodes: dict[str, NodeLive] = field(default_factory=dict)
    vitals: Vitals = field(default_factory=Vitals)
    measured_at: float | None = None
    cut_off: bool = False

    def learn(self, live: Live) -> None:
        """Keep what is new. A sensor that vanished from a fresh answer is kept too: its age tells."""
        if live.measured_at is None:
            return
        self.measured_at = max(live.measured_at, self.measured_at or 0.0)
        self.cut_off = live.cut_off
        for name, new in live.nodes.items():
            known = self.nodes.setdefault(name, NodeLive())
            known.up = new.up or known.up
            known.sensors.update(new.sensors)
            known.limits.update(new.limits)
            known.links.update(new.links)
            # A port that is down has no speed, and must not keep the one it had.
            for device in new.links:
                known.speeds_bits.pop(device, None)
            known.speeds_bits.update(new.speeds_bits)

    def learn_vitals(self, vitals: Vitals) -> None:
        """Keep what is new of the slower values."""
        for name, readings in vitals.readings.items():
            self.vitals.readings.setdefault(name, {}).update(readings)
        for name, facts in vitals.facts.items():
            self.vitals.facts.setdefault(name, {}).update(facts)
        self.vitals.probes.update(vitals.probes)


def assemble(
    site: Site,
    memory: Memory,
    *,
    number: int,
    now: float,
    alerts: tuple[Alert, ...],
    services: tuple[ServiceHealth, ...],
    sources: tuple[Source, ...],
    clusters: tuple[Cluster, ...] = (),
) -> Snapshot:
    """Return the snapshot of this moment."""
    return Snapshot(
        number=number,
        taken_at=now,
        site=site.name,
        measured_at=memory.measured_at,
        nodes=tuple(_node(site, node, memory) for node in site.nodes),
        alerts=tuple(named(site, alert) for alert in alerts),
        probes=tuple(_probe(site, memory)),
        services=services,
        sources=sources,
        cut_off=memory.cut_off,
        clusters=clusters,
    )


def named(site: Site, alert: Alert) -> Alert:
    """Return an alert that knows what people call its port."""
    node, device = alert.label("node"), alert.label("device")
    links = (link for each in site.nodes if each.name == node for link in each.links)
    name = next((link.name for link in links if link.device == device and link.name), None) if device else None
    return replace(alert, labels=(*alert.labels, ("port", name))) if name else alert


def _node(site: Site, node: SiteNode, memory: Memory) -> Node:
    live = memory.nodes.get(node.name, NodeLive())
    readings = memory.vitals.readings.get(node.name, {})
    facts = memory.vitals.facts.get(node.name, {})
    sensors = _sensors(live)
    hottest = max(sensors, key=lambda sensor: sensor.celsius.value, default=None)
    limit = live.limits.get(hottest.chip) if hottest else None
    cpus = facts.get("cpus")
    return Node(
        name=node.name,
        address=node.address,
        kind=node.kind,
        lab=node.lab,
        limit_celsius=site.thresholds_of(node).cpu_celsius.limit if limit is None else limit,
        up=live.up,
        sensors=sensors,
        cpu_ratio=readings.get("cpu_ratio"),
        memory_ratio=readings.get("memory_ratio"),
        memory_bytes=facts.get("memory_bytes"),
        disk_ratio=readings.get("disk_ratio"),
        load=readings.get("load"),
        cpus=None if cpus is None else round(cpus),
        booted_at=facts.get("booted_at"),
        ports=tuple(
            Port(
                device=link.device,
                name=link.name or link.device,
                expected_bits=link.speed,
                up=live.links.get(link.device),
                speed_bits=live.speeds_bits.get(link.device),
            )
            for link in node.links
        ),
    )


def _sensors(live: NodeLive) -> tuple[Sensor, ...]:
    """Return the sensors of the last complete look: one that has since vanished alone is not mixed with the living."""
    newest = max((reading.at for _, reading in live.sensors.values()), default=0.0)
    found = [
        Sensor(chip, label, reading)
        for (chip, _), (label, reading) in live.sensors.items()
        if newest - reading.at < _VANISHED_SECONDS
    ]
    return tuple(sorted(found, key=lambda sensor: (sensor.chip, _natural(sensor.label))))


def _natural(label: str) -> tuple[str, int, str]:
    """Order `Core 2` before `Core 10`."""
    word, _, number = label.rpartition(" ")
    return (word, int(number), label) if number.isdigit() else (label, 0, label)


def _probe(site: Site, memory: Memory) -> list[Probe]:
    nothing: tuple[Reading | None, float | None] = (None, None)
    found = []
    for probe in site.probes:
        success, seconds = memory.vitals.probes.get(probe.name, nothing)
        found.append(Probe(probe.name, probe.type, probe.target, success, seconds))
    return found
