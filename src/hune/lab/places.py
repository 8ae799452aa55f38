"""Where the lab is reached, and where it tells what was done to it."""

from __future__ import annotations

from pathlib import Path

from hune.core.layout import Layout


def socket_path(layout: Layout) -> Path:
    """Return the socket at which the lab takes commands."""
    return layout.run / "lab.sock"


def events_path(layout: Layout) -> Path:
    """Return the log of what was done to the lab: a JSON document a line, `time` in seconds since the epoch."""
    return layout.lab / "events.jsonl"
