"""Who runs a program that refuses root: where Hune is root, a user of this machine that has no rights."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from hune.core.errors import InputError

USERS = ("postgres", "nobody")
"""The first that there is."""

_SETUID, _DAC_OVERRIDE, _DAC_READ_SEARCH = 7, 1, 2


@dataclass(frozen=True)
class Identity:
    """A user, and the options by which setpriv becomes them; no options mean whoever runs Hune."""

    user: str = ""
    options: tuple[str, ...] = ()


OURSELVES = Identity()


def identity() -> Identity:
    """Return who runs what refuses root.

    Raises InputError for a root that may not become somebody else.
    """
    if os.geteuid() != 0:
        return OURSELVES
    user = next((entry for name in USERS if (entry := _entry(name))), None)
    if user is None:
        raise InputError(
            f"PostgreSQL refuses root, and there is no user {' or '.join(USERS)} here",
            remedy="run Hune as an ordinary user, or name a database with stores.timescale.url",
        )
    return Identity(user.pw_name, options(user.pw_uid, user.pw_gid, _permitted()))


def owner_of(data: Path) -> Identity:
    """Return who runs what keeps its data there: for root their owner, whoever that is, and no root.

    Raises InputError for a root that may not become somebody else.
    """
    found = data.stat()
    if os.geteuid() != 0 or found.st_uid == 0:
        return identity()
    return Identity(str(found.st_uid), options(found.st_uid, found.st_gid, _permitted()))


def options(uid: int, gid: int, permitted: int) -> tuple[str, ...]:
    """Return the options of setpriv; `permitted` are the capabilities that there are, as a bit mask.

    One is kept: the data directory is its owner's alone, and often lies in root's home. To pass through it, where
    that may be kept by itself; else (in most containers) it comes with writing.
    """
    if not permitted >> _SETUID & 1:
        raise InputError(
            "PostgreSQL refuses root, and this root may not become another user",
            remedy="run Hune as an ordinary user, or name a database with stores.timescale.url",
        )
    kept = "dac_read_search" if permitted >> _DAC_READ_SEARCH & 1 else "dac_override"
    if kept == "dac_override" and not permitted >> _DAC_OVERRIDE & 1:
        kept = ""
    capabilities = f"-all,+{kept}" if kept else "-all"
    return (
        f"--reuid={uid}",
        f"--regid={gid}",
        "--clear-groups",
        f"--inh-caps={capabilities}",
        f"--ambient-caps={capabilities}",
        "--no-new-privs",
    )


def _entry(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _permitted() -> int:
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapPrm:"))
