"""The lab's part of the site: three nodes, laid over the site file while the lab is up."""

from __future__ import annotations

from pathlib import Path

from hune.core.layout import Layout
from hune.lab.hardware import MACHINES, SFP_PORTS
from hune.lab.state import LabState


def path(layout: Layout) -> Path:
    """Return where the overlay lies; that it is there means that the lab is wanted."""
    return layout.overlays / "lab.yaml"


def render(state: LabState) -> str:
    """Return the overlay as YAML."""
    lines = ["# Written by `hune lab up`, removed by `hune lab down`.", "nodes:"]
    for machine in MACHINES:
        lines += [
            f"  - name: {state.prefix}{machine.name}",
            f"    address: {machine.address}",
            "    kind: proxmox",
            "    lab: true",
            f"    alive: tcp:{state.machine_port}",
            f"    exporter: {{port: {state.exporter_port}}}",
            "    links:",
            *(f"      - {{device: {device}, speed: 10G, name: SFP+ {i}}}" for i, device in enumerate(SFP_PORTS, 1)),
        ]
    return "\n".join(lines) + "\n"
