"""The lab's part of the site: three nodes and their Proxmox cluster, laid over the site file while the lab is up."""

from __future__ import annotations

import json
from pathlib import Path

from hune.core.layout import Layout
from hune.lab.hardware import MACHINES, SFP_PORTS
from hune.lab.pve.identity import TOKEN_ID, Identity, token_path
from hune.lab.state import LabState


def path(layout: Layout) -> Path:
    """Return where the overlay lies; that it is there means that the lab is wanted."""
    return layout.overlays / "lab.yaml"


def render(state: LabState, layout: Layout, identity: Identity) -> str:
    """Return the overlay as YAML; the token's secret stays in its file."""
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
    # A JSON string is one of YAML too, whatever the path has in it.
    secret = json.dumps(f"file:{token_path(layout)}")
    lines += [
        "proxmox:",
        f"  - name: {state.cluster}",
        f"    nodes: [{', '.join(state.prefix + machine.name for machine in MACHINES)}]",
        f"    token: {{id: {json.dumps(TOKEN_ID)}, secret: {secret}}}",
        f"    port: {state.machine_port}",
        f'    fingerprint: "{identity.fingerprint}"',
    ]
    return "\n".join(lines) + "\n"
