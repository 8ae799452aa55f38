"""Labs of one machine choose their ports one after another: they share addresses, and are seen once they listen."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator

from hune.core.errors import Unavailable

# An abstract name: it is taken within a network namespace, as ports are, and free as soon as its holder ends.
_NAME = "\0hune-lab-chooses-ports"
_LOOK_SECONDS = 0.1


@contextlib.contextmanager
def turn(*, patience_seconds: float) -> Iterator[None]:
    """Be the only one on this machine who chooses ports for a lab, until what was chosen is listened on.

    Raises Unavailable if another one takes longer than that.
    """
    end = time.monotonic() + patience_seconds
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as held:
        while not _takes(held):
            if time.monotonic() > end:
                raise Unavailable(
                    "another lab is being started on this machine, and does not come up",
                    remedy="see its hune logs lab; try again",
                )
            time.sleep(_LOOK_SECONDS)
        yield


def _takes(held: socket.socket) -> bool:
    try:
        held.bind(_NAME)
    except OSError:
        return False
    return True
