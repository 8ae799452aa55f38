"""A file system of a test's own that can be full: in memory, mounted by a root who may."""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

log = logging.getLogger(__name__)

_SIZE = "4g"
"""Only what is written takes memory."""
_LEFT_BYTES = 64 << 10
_TRIES = 50


class SmallDisk:
    """What is mounted at `place`."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def fill(self) -> None:
        """Leave no more room than for a few pages: who writes more is told ENOSPC, by the kernel."""
        for _ in range(_TRIES):
            found = os.statvfs(self._place)
            used = (found.f_blocks - found.f_bfree) * found.f_frsize
            # Refused if more has been written meanwhile.
            if _mount(f"remount,size={used + _LEFT_BYTES}", self._place):
                return
        raise AssertionError(f"{self._place}: is written to too fast to be full")

    def make_room(self) -> None:
        assert _mount(f"remount,size={_SIZE}", self._place)


@contextlib.contextmanager
def small_disk(place: Path) -> Iterator[SmallDisk | None]:
    """Mount one at an empty folder for as long as the block lasts; nothing where that isn't allowed."""
    if os.geteuid() != 0 or not _mount(f"size={_SIZE}", place):
        log.warning("no file system may be mounted here (a root with CAP_SYS_ADMIN may): files are limited instead")
        yield None
        return
    try:
        yield SmallDisk(place)
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def _mount(options: str, place: Path) -> bool:
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", place],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return done.returncode == 0
