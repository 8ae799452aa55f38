"""The health check of Hune's image: `python -m hune.deploy.healthy PORT…` asks each service that should be there."""

from __future__ import annotations

import http.client
import sys

TIMEOUT_SECONDS = 4.0


def reason(port: int) -> str:
    """Return why the service on a port of this machine isn't healthy, nothing if it is."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/health")
        response = connection.getresponse()
        body = response.read(300).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return f"port {port}: {error or type(error).__name__}"
    finally:
        connection.close()
    return "" if response.status == 200 else f"port {port}: {body}"


def main(arguments: list[str]) -> int:
    """Say what is wrong; exit 1 if anything is."""
    found = [text for text in map(reason, map(int, arguments)) if text]
    print("\n".join(found) or "healthy")  # noqa: T201 - Docker keeps what a check prints
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
