"""`hune down`: stop everything."""

from __future__ import annotations

import os
import time

from hune.cli import show
from hune.cli.options import DataDir, Json, layout_of
from hune.core.errors import Unavailable

_PATIENCE_SECONDS = 90.0


def command(data_dir: DataDir = None, json_output: Json = False) -> None:
    """Stop everything that runs on this data directory; what was stored stays."""
    from hune.http.control import call

    layout = layout_of(data_dir)
    _, answer = call(layout.socket, "POST", "/down")
    began = time.monotonic()
    while _lives(answer["pid"]):
        if time.monotonic() - began > _PATIENCE_SECONDS:
            raise Unavailable("still stopping", remedy="see: hune logs conductor")
        time.sleep(0.05)
    if json_output:
        show.as_json({"stopped": True, "seconds": round(time.monotonic() - began, 3)})
    else:
        show.line(f"stopped after {time.monotonic() - began:.1f} s")


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
