"""One machine: its tile, its cores, what is open on it, its history."""

from __future__ import annotations

from dataclasses import dataclass

from hune.nester.drawing import celsius_scale
from hune.nester.judge import judge_node
from hune.nester.snapshot import Node
from hune.nester.views.alert_row import alert_part
from hune.nester.views.frame import critical, frame
from hune.nester.views.look import Look, Scene, title
from hune.nester.views.overview import last_hours
from hune.nester.views.tile import make_tile


@dataclass(frozen=True, slots=True)
class SensorRow:
    """One CPU sensor as a row with a bar."""

    label: str
    value: str
    fill: str
    tick: str
    over: bool


async def node(scene: Scene) -> Look:
    """Return the page of a machine. Raises KeyError if the site has none of that name."""
    machine = find(scene, scene.subject)
    verdict = judge_node(machine, scene.snapshot)
    hours = await last_hours(scene)
    tile = make_tile(machine, verdict, scene.snapshot, hours[machine.name], scene.t)
    opened = [alert for alert in scene.snapshot.open_alerts if alert.label("node") == machine.name]
    regions = {
        **frame(scene),
        "node-title": (scene.part("title", "parts/node_title.html", tile=tile),),
        "alerts": tuple(alert_part(scene, alert) for alert in opened),
        "node": (scene.part(f"node-{machine.name}", "parts/tile.html", tile=tile),),
        "sensors": (scene.part("sensors", "parts/sensors.html", rows=_sensors(machine, scene), stale=verdict.stale),)
        if machine.sensors
        else (),
    }
    return Look(title(scene, machine.name), verdict.state, regions, critical(scene))


def find(scene: Scene, name: str) -> Node:
    """Return a machine by its name. Raises KeyError if the site has none."""
    for machine in scene.snapshot.nodes:
        if machine.name == name:
            return machine
    raise KeyError(name)


def _sensors(machine: Node, scene: Scene) -> list[SensorRow]:
    scale = celsius_scale(machine.limit_celsius)
    return [
        SensorRow(
            label=sensor.label,
            value=scene.t.celsius(sensor.celsius.value),
            fill=scale.percent(sensor.celsius.value),
            tick=scale.percent(machine.limit_celsius),
            over=sensor.celsius.value > machine.limit_celsius,
        )
        for sensor in machine.sensors
    ]
