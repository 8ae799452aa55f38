"""One at a time: a file that is locked by whoever works in its folder, and by nobody once that process is dead."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from io import FileIO
from pathlib import Path


class Taken(Exception):
    """Another process has it: `pid`, empty if it couldn't write that down."""

    def __init__(self, pid: str) -> None:
        super().__init__(pid)
        self.pid = pid


def lock(path: Path) -> FileIO:
    """Take a file, made if missing; the one returned holds it until closed (blocking).

    Raises Taken if another process has it, OSError if it can't be taken at all.
    """
    file = FileIO(path, "a+", opener=lambda name, flags: os.open(name, flags | os.O_CLOEXEC, 0o600))
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        with file:
            file.seek(0)
            raise Taken(file.read(20).decode("ascii", "replace").strip()) from None
    except OSError:
        file.close()
        raise
    with suppress(OSError):  # a full disk keeps nobody from working
        file.truncate(0)
        file.write(str(os.getpid()).encode())
    return file
