"""A simulated machine on the network: its exporter, and the port that proves it alive."""

from __future__ import annotations

import asyncio

from hune.core.errors import Unavailable
from hune.lab.endpoint import Endpoint
from hune.lab.exporter import Exporter
from hune.lab.node import Node
from hune.lab.state import Power


class Station:
    """One node of the lab and the two addresses at which it is reached."""

    def __init__(self, node: Node, exporter: Exporter, *, exporter_port: int, machine_port: int) -> None:
        self.node = node
        self.exporter = exporter
        address = node.machine.address
        self._machine = Endpoint(address, machine_port)
        self.problem = ""  # why it is not as wanted
        self._void = Endpoint(address, exporter_port)  # in the exporter's place while packets vanish

    async def apply(self, power: Power, group: asyncio.TaskGroup) -> None:
        """Answer, refuse or hang from now on.

        Raises Unavailable, and keeps the reason as `problem`, if an address is taken or the exporter doesn't come up.
        """
        self.problem = ""
        try:
            await self._switch(power)
            if power == "up":
                await self.exporter.start(group)
        except (OSError, Unavailable) as error:
            self.problem = str(error)
            raise Unavailable(
                f"{self.node.name}: {self.problem}", remedy="see: hune logs lab; or: hune lab down, hune lab up"
            ) from error

    async def _switch(self, power: Power) -> None:
        if power != "up":
            await self.exporter.stop()
        if power == "hang":
            self._void.swallow()
            self._machine.swallow()
            return
        self._void.refuse()
        self._machine.refuse()
        if power != "refuse":
            self._machine.answer()

    async def close(self) -> None:
        """Leave the network."""
        self._machine.refuse()
        self._void.refuse()
        await self.exporter.stop()
