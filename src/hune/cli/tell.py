"""`hune tell`: say something to people directly; the conductor uses it when Alertmanager or the hub is dead."""

from __future__ import annotations

import asyncio
import os
import sys

from hune.cli.options import DataDir, layout_of


def command(data_dir: DataDir = None) -> None:
    """Send the text on standard input to every receiver of the site; exit 1 if nobody took it."""
    from hune.alerting.notifiers.emergency import send_emergency
    from hune.core.errors import InputError, Unavailable
    from hune.http.call import open_session
    from hune.site.models import Site

    try:
        site = Site.model_validate_json(layout_of(data_dir).site_json.read_text())
    except FileNotFoundError:
        raise Unavailable("nobody to tell: Hune has not run here yet", remedy="start it with: hune up") from None
    if not (text := sys.stdin.read()[:1500].strip()):
        raise InputError("nothing to tell", remedy="give the text on standard input: echo … | hune tell")

    async def send() -> int:
        async with open_session() as session:
            return await send_emergency(site, os.environ, text, session)

    took = asyncio.run(send())
    if not took:
        raise Unavailable(
            "nobody was told: no receiver besides the console took it", remedy="add one under receivers, or mend it"
        )
    print(f"told: {took}")
