"""A server that hands on what senders write remotely, and remembers it."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from support.ports import free_port
from support.timescale import Adapter

_KEPT = ("Content-Type", "Content-Encoding", "Retry-Attempt")


class Recorder:
    """Stands before an adapter; `requests` are the bodies and headers that it acknowledged."""

    def __init__(self, adapter: Adapter) -> None:
        self.requests: list[tuple[bytes, dict[str, str]]] = []
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name: self.headers[name] for name in _KEPT if name in self.headers}
                answer = adapter.write(body, self.path, **headers)
                if answer.status == 204:
                    recorder.requests.append((body, headers))
                self.send_response(answer.status)
                self.send_header("Content-Length", "0" if answer.status == 204 else str(len(answer.text.encode())))
                self.end_headers()
                self.wfile.write(answer.text.encode())

            def log_message(self, *args: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", free_port()), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Recorder:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
