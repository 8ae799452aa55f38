"""Children that can't outlive their parent."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from hune.core.errors import Unavailable

# The parent may already be gone when the child asks for the death signal; then the child's
# parent is somebody else, and it must not start at all.
_CHECK_PARENT = 'test "$PPID" = "$0" && exec "$@"'


def guarded(
    argv: Sequence[str], parent_pid: int, *, end_signal: str = "TERM", identity: Sequence[str] = ()
) -> list[str]:
    """Return the command that runs `argv` as a child which gets a signal when its parent dies, even by SIGKILL.

    `identity` are options of setpriv by which it becomes another user; by itself that would undo the other.

    Start it from the thread that lives as long as the parent: the signal comes when that *thread* ends.
    Raises Unavailable where util-linux's setpriv is missing. Source: prctl(2), PR_SET_PDEATHSIG.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise Unavailable("setpriv: not found", remedy="install it with: apt install util-linux")
    return [setpriv, *identity, "--pdeathsig", end_signal, "--", "sh", "-c", _CHECK_PARENT, str(parent_pid), *argv]
