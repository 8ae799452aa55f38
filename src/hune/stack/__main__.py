"""`python -m hune.stack` runs the conductor of one data directory.

The request is JSON in the environment variable HUNE_REQUEST; with HUNE_ANNOUNCE set, what a person wants to see is
printed on standard output.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from hune.core import logs
from hune.core.clock import SystemClock
from hune.core.errors import InputError
from hune.core.layout import Layout
from hune.stack.conductor import Conductor
from hune.stack.lock import lock
from hune.stack.prepare import REQUEST_VARIABLE, Request


def _log_into(path: Path) -> None:
    """Send standard error, this process's and its helpers', to the log; the terminal is for announcements."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        os.dup2(file.fileno(), sys.stderr.fileno())


def main() -> int:
    """Run the conductor of the request in the environment."""
    request = Request.from_json(os.environ.pop(REQUEST_VARIABLE))
    announce = sys.stdout if os.environ.pop("HUNE_ANNOUNCE", "") else None
    layout = Layout(Path(request.data_dir))
    try:
        held = lock(layout)
        if announce is not None:
            _log_into(layout.log("conductor"))
    except InputError as error:
        print(error, file=sys.stderr)  # noqa: T201 - before there is a log
        return error.exit_code
    logs.set_up()
    with held:
        if sys.version_info < (3, 12):
            # The default of 3.11 keeps a thread a child.
            asyncio.get_event_loop_policy().set_child_watcher(asyncio.PidfdChildWatcher())
        return asyncio.run(Conductor(request, clock=SystemClock(), announce=announce).run())


if __name__ == "__main__":
    raise SystemExit(main())
