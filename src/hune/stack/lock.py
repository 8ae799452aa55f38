"""One at a time: who holds the data directory."""

from __future__ import annotations

import fcntl
import os
from typing import TextIO

from hune.core.errors import InputError
from hune.core.layout import Layout


def lock(
    layout: Layout,
    *,
    remedy: str = "a changed site file is applied by: hune reload; to start another, give it --data-dir",
) -> TextIO:
    """Take the data directory; the returned file holds it until closed.

    Raises InputError if another conductor has it, or if the directory can't be written.
    """
    try:
        layout.run.mkdir(parents=True, exist_ok=True)
        file = (layout.run / "lock").open("a+")
    except OSError as error:
        raise InputError(f"{layout.root}: {error.strerror}", remedy="choose another with --data-dir") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip()
        file.close()
        raise InputError(
            f"{layout.root}: Hune is already running there{f' (pid {holder})' if holder else ''}", remedy=remedy
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file
