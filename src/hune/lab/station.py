"""A simulated machine on the network: its exporter, and its Proxmox API, whose port also proves it alive."""

from __future__ import annotations

import asyncio
import functools

from hune.core.errors import Unavailable
from hune.lab.endpoint import Endpoint
from hune.lab.exporter import Exporter
from hune.lab.node import Node
from hune.lab.pve.server import ApiServer
from hune.lab.state import Power


class Station:
    """One node of the lab and the two addresses at which it is reached."""

    def __init__(
        self, node: Node, exporter: Exporter, api: ApiServer, *, exporter_port: int, machine_port: int
    ) -> None:
        self.node = node
        self.exporter = exporter
        self._api = api
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
            await self._switch(power, group)
            if power == "up":
                await self.exporter.start(group)
        except (OSError, Unavailable) as error:
            self.problem = str(error)
            raise Unavailable(
                f"{self.node.name}: {self.problem}", remedy="see: hune logs lab; or: hune lab down, hune lab up"
            ) from error

    async def _switch(self, power: Power, group: asyncio.TaskGroup) -> None:
        if power != "up":
            await self.exporter.stop()
        if power == "hang":
            self._api.freeze()
            self._void.swallow()
            self._machine.swallow()
            return
        self._void.refuse()
        if power in ("up", "exporter") and self._machine.is_answering:
            return
        self._machine.refuse()
        self._api.hang_up()
        if power != "refuse":
            self._machine.answer(functools.partial(self._api.greet, group=group))

    async def close(self) -> None:
        """Leave the network."""
        self._machine.refuse()
        self._api.hang_up()
        self._void.refuse()
        await self.exporter.stop()
