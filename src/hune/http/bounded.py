"""HTTP/1.1 that nobody can hold up: bounded are the time of a request to arrive, the size of its head, connections."""

from __future__ import annotations

import asyncio
import resource

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

ARRIVAL_SECONDS = 15.0
HEAD_BYTES = 64 << 10
MOST_CONNECTIONS = 2000
"""Whoever comes beside so many is sent away and tries again: all at once they would take memory and files of others."""


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, ending a connection whose request doesn't arrive in time or begins without end.

    uvicorn waits for ever for what has begun, and collects a head for as long as it lasts.
    """

    _deadline: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _in_head = True
    _is_refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        # Half of the files are for what a service does beside talking to those who call it.
        if len(self.connections) >= min(MOST_CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2):
            self._is_refused = True
            transport.abort()
            return
        super().connection_made(transport)
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._is_refused:
            return
        self._arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES and not self.transport.is_closing():
                self.send_400_response("The head of the request is too large.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0
        if self._deadline is None:
            self._expect()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._arrived()
        super().on_message_complete()

    def _expect(self) -> None:
        self._deadline = self.loop.call_later(ARRIVAL_SECONDS, self.transport.close)

    def _arrived(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
