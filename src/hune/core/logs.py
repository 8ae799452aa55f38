"""Logging for processes: one line an event, times in UTC, secrets of URLs left out."""

from __future__ import annotations

import logging
import re
import sys
import time
from typing import Any

# The path of a webhook is its secret, so only scheme and host of any URL survive.
_URL = re.compile(r"(?P<origin>\b[a-z][a-z0-9+.-]*://)(?:[^\s/@]+@)?(?P<host>[^\s/?#\"']+)(?P<rest>[/?#][^\s\"']*)?")


def redact(text: str) -> str:
    """Return `text` with credentials, paths and queries of URLs replaced by `…`."""

    def shorten(match: re.Match[str]) -> str:
        return f"{match['origin']}{match['host']}{'/…' if match['rest'] else ''}"

    return _URL.sub(shorten, text)


# Colours are harmless; whatever else steers a terminal, or begins a line, may come from somebody hostile.
_STEERING = re.compile(r"(?P<colour>\x1b\[[0-9;]*m)|[\x00-\x08\x0a-\x1f\x7f-\x9f]")


def visible(line: str) -> str:
    """Return one line for a terminal: control characters are shown, `\\x1b`, and do nothing."""
    return _STEERING.sub(lambda match: match["colour"] or f"\\x{ord(match[0]):02x}", line)


class LineFormatter(logging.Formatter):
    """One line an event, and a traceback below if there is one: what was said by others begins no line of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """Return it without secrets of URLs, and with control characters shown."""
        return redact(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the line."""
        return visible(super().formatMessage(record).rstrip())

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        """Return the lines of a traceback."""
        return "\n".join(visible(line) for line in super().formatException(ei).splitlines())


def set_up(*, level: int = logging.INFO) -> None:
    """Send the root logger to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    formatter = LineFormatter("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # Its starts and stops are the services', which say so themselves.
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
