"""Keys to the doors of engines: made once for each data directory, known to nobody but Hune and whoever may read it."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from hune.core.files import write_atomically

USER = "hune"
"""The name that goes with every key."""


def lock_of(key: Path) -> Path:
    """Return where an engine reads what fits a key: a web configuration of Prometheus' exporter-toolkit."""
    return key.with_suffix(".yml")


def make(key: Path) -> None:
    """Make a key and its lock, readable by their owner alone; what is there stays.

    The key is 256 random bits, so the lowest cost of bcrypt loses nothing: there is no word to guess.
    Source: https://prometheus.io/docs/prometheus/latest/configuration/https/
    """
    lock = lock_of(key)
    if key.exists() and lock.exists():
        return
    import bcrypt

    word = secrets.token_urlsafe(32)
    hashed = bcrypt.hashpw(word.encode(), bcrypt.gensalt(4)).decode()
    key.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_atomically(lock, json.dumps({"basic_auth_users": {USER: hashed}}) + "\n", mode=0o600)
    write_atomically(key, word + "\n", mode=0o600)


def read(key: Path) -> str:
    """Return a key, nothing if there is none to read."""
    try:
        return key.read_text().strip()
    except OSError:
        return ""
