"""Files that are whole or absent, in a directory that nobody else has a hand in."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from hune.core.errors import InputError


def write_atomically(path: Path, content: str | bytes, *, mode: int = 0o644) -> None:
    """Replace `path` by `content`, durably: a crash leaves the old file or the new one.

    Raises OSError (ENOSPC, EACCES …) with the old file untouched and nothing left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def keep_to_owner(directory: Path) -> None:
    """Make a directory where what others may not read or plant can be kept; one that is there is closed to others.

    Raises InputError if it is another user's, or if every user may write there: what is in it would be obeyed.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = directory.stat()
        if fault := _fault(found.st_uid, found.st_mode, os.geteuid()):
            raise InputError(f"{directory}: {fault}", remedy="choose another with --data-dir")
        if found.st_mode & 0o007 and found.st_uid == os.geteuid():
            directory.chmod(stat.S_IMODE(found.st_mode) & ~0o007)
    except OSError as error:
        raise InputError(f"{directory}: {error.strerror}", remedy="choose another with --data-dir") from error


def _fault(owner: int, mode: int, user: int) -> str:
    if owner not in (0, user):
        return "belongs to another user"
    return "every user may write there" if mode & stat.S_IWOTH else ""
