"""A TCP address of a machine, which answers, refuses or swallows whatever comes."""

from __future__ import annotations

import asyncio
import contextlib
import socket

# One connection fills an accept queue of length zero; the second makes sure.
_FILLERS = 2


class Endpoint:
    """`address:port`; it refuses until told otherwise. Each call raises OSError if the address is taken."""

    def __init__(self, address: str, port: int) -> None:
        self._place = (address, port)
        self._sockets: list[socket.socket] = []

    def answer(self) -> None:
        """Take every connection and close it."""
        self.refuse()
        listener = socket.create_server(self._place)
        listener.setblocking(False)
        self._sockets.append(listener)
        asyncio.get_running_loop().add_reader(listener, _hang_up, listener)

    def swallow(self) -> None:
        """Let connections time out, as if the machine's packets were lost.

        The accept queue holds one connection and is full, so the kernel drops every further SYN.
        """
        self.refuse()
        self._sockets.append(socket.create_server(self._place, backlog=0))
        for _ in range(_FILLERS):
            filler = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            filler.setblocking(False)
            self._sockets.append(filler)
            with contextlib.suppress(BlockingIOError):
                filler.connect(self._place)

    def refuse(self) -> None:
        """Stop listening: the kernel answers with a reset."""
        loop = asyncio.get_running_loop()
        while self._sockets:
            ours = self._sockets.pop()
            loop.remove_reader(ours)
            ours.close()


def _hang_up(listener: socket.socket) -> None:
    with contextlib.suppress(OSError):  # whoever came has left again
        listener.accept()[0].close()
