"""One conductor at a time: who holds the data directory."""

from __future__ import annotations

from io import FileIO

from hune.core import lock as core
from hune.core.errors import InputError
from hune.core.layout import Layout


def lock(
    layout: Layout,
    *,
    remedy: str = "a changed site file is applied by: hune reload; to start another, give it --data-dir",
) -> FileIO:
    """Take the data directory; the returned file holds it until closed.

    Raises InputError if another conductor has it, or if the directory can't be written.
    """
    try:
        layout.run.mkdir(parents=True, exist_ok=True)
        return core.lock(layout.run / "lock")
    except core.Taken as taken:
        pid = f" (pid {taken.pid})" if taken.pid else ""
        raise InputError(f"{layout.root}: Hune is already running there{pid}", remedy=remedy) from None
    except OSError as error:
        raise InputError(f"{layout.root}: {error.strerror}", remedy="choose another with --data-dir") from error
