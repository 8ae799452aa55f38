"""Secrets by reference: read when they are needed, never kept in a site, an error or a log."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from hune.core.errors import InputError

log = logging.getLogger(__name__)

MAX_SECRET_BYTES = 64 << 10


def resolve(ref: str, environ: Mapping[str, str]) -> str:
    """Return the secret that `env:NAME` or `file:/path` refers to, without the newline at its end.

    Raises InputError that names the reference, never the value, if it is missing, empty or unreadable; somebody has
    to provide it. A file that every user can read is used, with a warning.
    """
    kind, _, name = ref.partition(":")
    if kind == "env":
        value = environ.get(name)
        if value is None:
            raise InputError(f"{ref}: not set", remedy=f"set the environment variable {name} where Hune is started")
    elif kind == "file":
        value = _read(ref, Path(name))
    else:
        # Not repeated: what is no reference may be the secret itself.
        raise InputError("a secret that is not a reference", remedy="write env:NAME or file:/absolute/path")
    value = value.removesuffix("\n").removesuffix("\r")
    if not value.strip():
        raise InputError(f"{ref}: empty", remedy="put the secret in it")
    return value


def _read(ref: str, path: Path) -> str:
    try:
        # A named pipe without a writer would hold the start up for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            mode = os.fstat(descriptor).st_mode
            data = os.read(descriptor, MAX_SECRET_BYTES + 1) if stat.S_ISREG(mode) else None
        finally:
            os.close(descriptor)
    except FileNotFoundError as error:
        raise InputError(f"{ref}: no such file", remedy="create it with the secret in it, mode 600") from error
    except PermissionError as error:
        raise InputError(f"{ref}: not readable by this user", remedy="make it theirs: chown, and chmod 600") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{ref}: cannot be read", remedy="name a readable file") from error
    if data is None:
        raise InputError(f"{ref}: not a regular file", remedy="name the file that holds the secret")
    if len(data) > MAX_SECRET_BYTES:
        raise InputError(f"{ref}: too large for a secret", remedy="name the file that holds the secret")
    if mode & stat.S_IROTH:
        log.warning("%s: every user of this machine can read it; chmod 600 it", ref)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{ref}: not UTF-8 text", remedy="save the secret as plain text") from error
