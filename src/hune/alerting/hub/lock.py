"""One hub at a time: who holds the hub's folder."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from hune.core.errors import Unavailable


def lock(folder: Path) -> int:
    """Take the folder, made if missing; the returned descriptor holds it until closed (blocking).

    Raises Unavailable if another hub has it, or if it can't be written.
    """
    path = folder / "lock"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Unavailable(f"{path}: {error.strerror}", remedy="make the data directory writable") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise Unavailable(f"{folder}: another hub works here", remedy="stop it first") from error
    return descriptor
