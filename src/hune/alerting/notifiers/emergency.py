"""A plain word straight to every receiver, for when the hub or Alertmanager can't do it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

import aiohttp

from hune.alerting.notifiers.discord import Webhook
from hune.alerting.notifiers.discord_message import Composer
from hune.alerting.notifiers.phrasing import Wording
from hune.core.errors import HuneError
from hune.site.models import Receiver, Site
from hune.site.references import resolve

log = logging.getLogger(__name__)


async def send_emergency(site: Site, environ: Mapping[str, str], text: str, session: aiohttp.ClientSession) -> int:
    """Send `text` to every receiver of the site that isn't the console; return how many accepted it."""

    async def send(receiver: Receiver) -> bool:
        assert receiver.discord is not None
        try:
            url = await asyncio.to_thread(resolve, receiver.discord.webhook, environ)
            composer = Composer(Wording(site.language), site=site.name, page="")
            await Webhook(session, url, timeout_seconds=10.0).post(composer.plain(f"🆘 Hune · {site.name}: {text}"))
        except HuneError as error:
            log.error("%s: could not be told: %s", receiver.name, error)
            return False
        return True

    return sum(await asyncio.gather(*(send(receiver) for receiver in site.receivers if not receiver.console)))
