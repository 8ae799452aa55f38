"""The format of the hub's file: the scripts that lead from an empty one to the newest, in order."""

from __future__ import annotations

from importlib import resources

SCRIPTS = [
    script.read_text()
    for script in sorted(resources.files(__name__).iterdir(), key=lambda file: file.name)
    if script.name.endswith(".sql")
]

WAITING = "(told IS NOT wanted OR again > 0) AND dead < 3"
"""Deliveries that wait, in the very words of their index: neither discarded nor withheld."""
