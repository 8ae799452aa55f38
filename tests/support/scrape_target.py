"""Something to scrape: series that count, that keep odd values, and that come and go."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class ScrapeTarget:
    """Serves `/metrics`; `served` counts how often."""

    def __init__(self, port: int, *, series: int) -> None:
        self.served = 0
        self._series = series
        target = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                target.served += 1
                body = target.exposition(target.served).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def exposition(self, scrape: int) -> str:
        lines = [f"odd{{v={value!r}}} {value}".replace("'", '"') for value in ("NaN", "-Inf", "+Inf", "-0", "1e-300")]
        lines += [f'counting{{n="{number}"}} {scrape * number}' for number in range(self._series)]
        lines += [f'ghost{{n="{number}"}} {scrape}' for number in range(20) if (scrape // 3 + number) % 2]
        lines += [
            f'took_seconds_bucket{{n="{number}",le="{bound}"}} {scrape * part}'
            for number in range(5)
            for part, bound in enumerate(("0.1", "1", "+Inf"), number + 1)
        ]
        return "\n".join([*lines, ""])

    def __enter__(self) -> ScrapeTarget:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
