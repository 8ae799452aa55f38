"""When the machine's clock is set: what was stored under the old time must not be taken for now.

A database of samples in order of time refuses everything until the clock has caught up with its newest sample, and
answers meanwhile for now with what it saw the first time. So after a step back what lies in the future is put aside,
and all is started again.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path

from hune.core.clock import Clock

STEP_SECONDS = 10.0
"""A clock set by less than this is caught up with before anybody notices."""

_HEAD = ("wal", "wbl", "chunks_head")


class ClockWatch:
    """Notices that the wall clock was set, or that the machine slept."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset = clock.now() - clock.monotonic()

    def leap(self) -> float:
        """Return by how many seconds the clock went forward (or back, below 0) since the last call; 0 for little."""
        offset = self._clock.now() - self._clock.monotonic()
        leap = offset - self._offset
        if abs(leap) <= STEP_SECONDS:
            # The offset stays, so that small steps add up.
            return 0.0
        self._offset = offset
        return leap


def put_aside_the_future(folder: Path, now: float, *, was_set_back: bool = False) -> Path | None:
    """Move what Prometheus stored in `folder` after `now` to `FOLDER-ahead`; return that, or None if nothing was moved.

    Blocks that end before `now` stay. What isn't in a block yet is one: it goes if a file of it was written after
    `now`, or if it `was_set_back`: then its last files were written at the new time, as it ended. Only the last such
    directory is kept. Raises OSError.
    """
    late = now + STEP_SECONDS
    moved = [block for block in folder.glob("*/meta.json") if _ends(block) > late]
    names = [block.parent.name for block in moved]
    if names or was_set_back or any(file.stat().st_mtime > late for file in (folder / "wal").glob("*")):
        names += [name for name in _HEAD if (folder / name).exists()]
    if not names:
        return None
    aside = folder.with_name(f"{folder.name}-ahead")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    for name in names:
        (folder / name).rename(aside / name)
    return aside


def _ends(meta: Path) -> float:
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return float(json.loads(meta.read_text())["maxTime"]) / 1000
    return 0.0
