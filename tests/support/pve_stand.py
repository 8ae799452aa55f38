"""What tests of the Proxmox client agree on: who asks, how long they wait, what a cluster says of itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from hune.pve.access import Limits, Login, Token
from hune.pve.client import PveClient
from support.hostile_pve import HostilePve

TOKEN = Token("mon@pve!t", "s3cr3t")
LOGIN = Login("mon@pve", "p4ssw0rd")
PATIENT = Limits(timeout_seconds=60.0, connect_seconds=20.0)
"""For tests in which nobody has to be given up: a busy machine may take long for a handshake."""

Connect = Callable[..., PveClient]


def cluster_status(cluster: list[HostilePve], local: HostilePve, *, quorate: int = 1) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [
        {"type": "cluster", "id": "cluster", "name": "lab", "nodes": len(cluster), "quorate": quorate, "version": 3}
    ]
    for number, node in enumerate(cluster, 1):
        rows.append(
            {
                "type": "node",
                "id": f"node/{node.name}",
                "name": node.name,
                "nodeid": number,
                "ip": node.host,
                "online": 1,
                "local": int(node is local),
                "level": "",
            }
        )
    return rows


async def until(holds: Callable[[], bool], *, seconds: float = 120.0) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - what is waited for happens in the background of a client
            await asyncio.sleep(0.01)
