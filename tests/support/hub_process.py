"""The hub as a process of its own: `python -m support.hub_process DATA_DIR [TIMING as JSON]`.

Reads DATA_DIR/config/site.json; prints `ready` on standard error once it serves.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from pathlib import Path

from hune.alerting.hub import Hub
from hune.alerting.timing import Timing
from hune.core.layout import Layout
from hune.core.logs import set_up
from hune.core.service import start
from hune.site.models import Site


async def _main() -> None:
    set_up()
    layout = Layout(Path(sys.argv[1]))
    site = Site.model_validate_json(layout.site_json.read_text())
    timing = Timing(**json.loads(sys.argv[2])) if len(sys.argv) > 2 else Timing()
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with asyncio.TaskGroup() as group:
        task = await start(group, Hub(site, layout, environ=os.environ, timing=timing))
        sys.stderr.write("ready\n")
        sys.stderr.flush()
        await ended.wait()
        task.cancel()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main())
