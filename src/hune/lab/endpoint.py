"""A TCP address of a machine, which answers, refuses or swallows whatever comes."""

from __future__ import annotations

import asyncio
import contextlib
import socket

# One connection fills an accept queue of length zero; the second makes sure.
_FILLERS = 2


class _HangUp(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


class Endpoint:
    """`address:port`; it refuses until told otherwise. Each call raises OSError if the address is taken."""

    def __init__(self, address: str, port: int) -> None:
        self._place = (address, port)
        self._server: asyncio.Server | None = None
        self._pit: list[socket.socket] = []

    async def answer(self) -> None:
        """Take every connection and close it."""
        self.refuse()
        self._server = await asyncio.get_running_loop().create_server(_HangUp, *self._place)

    def swallow(self) -> None:
        """Let connections time out, as if the machine's packets were lost.

        The accept queue holds one connection and is full, so the kernel drops every further SYN.
        """
        self.refuse()
        pit = socket.create_server(self._place, backlog=0)
        self._pit.append(pit)
        for _ in range(_FILLERS):
            filler = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            filler.setblocking(False)
            self._pit.append(filler)
            with contextlib.suppress(BlockingIOError):
                filler.connect(self._place)

    def refuse(self) -> None:
        """Stop listening: the kernel answers with a reset."""
        if self._server is not None:
            self._server.close()
            self._server = None
        while self._pit:
            self._pit.pop().close()
