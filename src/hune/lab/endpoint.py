"""A TCP address of a machine, which answers, refuses or swallows whatever comes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable

# One connection fills an accept queue of length zero; the second makes sure.
_FILLERS = 2


class Endpoint:
    """`address:port`; it refuses until told otherwise. Each call raises OSError if the address is taken."""

    def __init__(self, address: str, port: int) -> None:
        self._place = (address, port)
        self._sockets: list[socket.socket] = []
        self.is_answering = False

    def answer(self, greet: Callable[[socket.socket], None]) -> None:
        """Take every connection and hand it over, not blocking."""
        self.refuse()
        listener = socket.create_server(self._place)
        listener.setblocking(False)
        self._sockets.append(listener)
        self.is_answering = True
        asyncio.get_running_loop().add_reader(listener, _accept, listener, greet)

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
        self.is_answering = False
        loop = asyncio.get_running_loop()
        while self._sockets:
            ours = self._sockets.pop()
            loop.remove_reader(ours)
            ours.close()


def _accept(listener: socket.socket, greet: Callable[[socket.socket], None]) -> None:
    with contextlib.suppress(OSError):  # whoever came has left again
        connection = listener.accept()[0]
        connection.setblocking(False)
        greet(connection)
