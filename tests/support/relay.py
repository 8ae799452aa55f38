"""A door before a server that can be torn off: every connection through it breaks, wherever its bytes just are."""

from __future__ import annotations

import contextlib
import socket
import threading


class Relay:
    """Hands on bytes between `listener` and the server at `address`."""

    def __init__(self, listener: socket.socket, family: socket.AddressFamily, address: str | tuple[str, int]) -> None:
        self._listener = listener
        self._family = family
        self._address = address
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._one = threading.Lock()
        self._open = True
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Relay:
        self._listener.listen(64)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        # Closing alone doesn't wake who waits for a connection.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout=10)

    def cut(self) -> None:
        """Break all connections; new ones are refused until `mend`."""
        with self._one:
            self._open = False
            pairs, self._pairs = self._pairs, set()
        for pair in pairs:
            _shut(*pair)

    def mend(self) -> None:
        self._open = True

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.socket(self._family, socket.SOCK_STREAM)
            try:
                far.connect(self._address)
            except OSError:
                near.close()
                far.close()
                continue
            with self._one:
                if not self._open:
                    near.close()
                    far.close()
                    continue
                self._pairs.add((near, far))
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(source, sink, (near, far)), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket, pair: tuple[socket.socket, socket.socket]) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                sink.sendall(data)
        _shut(*pair)
        with self._one:
            if pair in self._pairs:
                self._pairs.remove(pair)
            else:
                # The other direction was first; nobody uses them any more.
                for one in pair:
                    one.close()


def _shut(*sockets: socket.socket) -> None:
    for one in sockets:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
