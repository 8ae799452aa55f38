"""A plain word straight to every receiver, for when the hub or Alertmanager can't do it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

import aiohttp

from hune.alerting.notifiers.channels import Setting, make_notifier
from hune.core.errors import HuneError
from hune.site.models import Receiver, Site

log = logging.getLogger(__name__)

_PATIENCE_SECONDS = 40.0
"""Whoever has this said waits for a minute."""


async def send_emergency(site: Site, environ: Mapping[str, str], text: str, session: aiohttp.ClientSession) -> int:
    """Send `text` to every receiver of the site that isn't the console; return how many accepted it."""
    setting = Setting(site, environ, session, page="", timeout_seconds=10.0)

    async def send(receiver: Receiver) -> bool:
        try:
            notifier = await asyncio.to_thread(make_notifier, receiver, setting)
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await notifier.say(f"🆘 Hune · {site.name}: {text}")
        except (HuneError, TimeoutError) as error:
            log.error("%s: could not be told: %s", receiver.name, str(error) or "no answer in time")
            return False
        except Exception:
            # A fault of one channel must not take the last word from the others.
            log.exception("%s: could not be told", receiver.name)
            return False
        return True

    return sum(await asyncio.gather(*(send(receiver) for receiver in site.receivers if not receiver.console)))
