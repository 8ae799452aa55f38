"""`hune tell`: say something to people directly; the conductor uses it when Alertmanager or the hub is dead."""

from __future__ import annotations

import asyncio
import os
import sys

from hune.cli.options import DataDir, layout_of


def command(data_dir: DataDir = None) -> None:
    """Send the text on standard input to every receiver of the site."""
    from hune.alerting.notifiers.emergency import send_emergency
    from hune.core.errors import Unavailable
    from hune.http.call import open_session
    from hune.site.models import Site

    try:
        site = Site.model_validate_json(layout_of(data_dir).site_json.read_text())
    except FileNotFoundError:
        raise Unavailable("nobody to tell: Hune has not run here yet", remedy="start it with: hune up") from None
    text = sys.stdin.read()[:1500]

    async def send() -> None:
        async with open_session() as session:
            await send_emergency(site, os.environ, text, session)

    asyncio.run(send())
