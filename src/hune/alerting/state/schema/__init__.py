"""The format of the hub's file: the scripts that lead from an empty one to the newest, in order."""

from __future__ import annotations

from importlib import resources

SCRIPTS = [
    script.read_text()
    for script in sorted(resources.files(__name__).iterdir(), key=lambda file: file.name)
    if script.name.endswith(".sql")
]
