"""HTTP/1.1 that nobody can hold up.

Bounded are connections, the time of a request to arrive, all of it that is no body, and how long an answer lies unread.
"""

from __future__ import annotations

import asyncio
import fcntl
import resource
import sys
import termios

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

ARRIVAL_SECONDS = 15.0
UNREAD_SECONDS = 120.0
"""Of an answer nothing is read for so long: Prometheus reads one after the other, and gives a query two minutes."""
HEAD_BYTES = 64 << 10
CUT = "hune.cut"
"""Among the extensions of a request: hangs up, so that what was answered so far isn't taken for all."""
MOST_CONNECTIONS = 2000
"""Whoever comes beside so many is sent away and tries again: all at once they would take memory and files of others."""
RESERVE = 100
"""So many more are let in to ask whether the service works, and for nothing else: no crowd makes it look dead."""
RESERVE_SECONDS = 1.0
HEALTH = b"/health"


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, ending a connection whose request doesn't arrive in time, or whose answer isn't read.

    uvicorn waits for ever for what has begun, and collects a head, or what follows the last chunk of a body, endlessly.
    """

    _deadline: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None
    _coming = 0
    _beside_body = 0
    _in_head = True
    _is_refused = False
    _is_beside = _is_sent_away = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        # Half of the files are for what a service does beside talking to those who call it.
        most = min(MOST_CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)
        self._is_beside = len(self.connections) >= most
        if len(self.connections) >= most + min(RESERVE, most // 4):
            self._is_refused = True
            transport.abort()
            return
        super().connection_made(transport)
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._is_refused:
            return
        self._arrived()
        self._read_on()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._coming = len(data)
        self._beside_body += len(data)
        super().data_received(data)
        if self._beside_body > HEAD_BYTES and not self.transport.is_closing():
            if self._in_head:
                self.send_400_response("The head of the request is too large.")
            else:
                self.transport.abort()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._beside_body = True, self._coming
        self.scope["extensions"] = {CUT: {"hang_up": self.transport.close}}
        if self._deadline is None:
            self._expect()

    def on_headers_complete(self) -> None:
        self._in_head = False
        if self._is_beside and (self.cycle is not None or self.url.partition(b"?")[0] != HEALTH):
            self._is_sent_away = True
            self.transport.abort()
            return
        super().on_headers_complete()
        if self._is_beside:
            # One question, and the place is free for the next.
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        # What frames it may weigh as much as the body itself, and no more: chunks have names and ends without end.
        self._coming -= len(body)
        self._beside_body = max(0, self._beside_body - 2 * len(body))
        if not self._is_sent_away:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._arrived()
        if not self._is_sent_away:
            super().on_message_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._await_reader()

    def resume_writing(self) -> None:
        self._read_on()
        super().resume_writing()

    def _expect(self) -> None:
        seconds = RESERVE_SECONDS if self._is_beside else ARRIVAL_SECONDS
        self._deadline = self.loop.call_later(seconds, self.transport.close)

    def _arrived(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _await_reader(self) -> None:
        self._unread = self.loop.call_later(UNREAD_SECONDS, self._see_to_reader, _untaken(self.transport))

    def _see_to_reader(self, before: int) -> None:
        # Over a slow line a large answer takes its time: as long as anything of it is taken, somebody is there.
        if _untaken(self.transport) < before:
            self._await_reader()
        else:
            self.transport.abort()

    def _read_on(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None


def _untaken(transport: asyncio.Transport) -> int:
    """Return how many bytes wait for the other side: with us, and in the kernel, which may hold megabytes."""
    queued = fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, bytes(4))
    return transport.get_write_buffer_size() + int.from_bytes(queued, sys.byteorder)
