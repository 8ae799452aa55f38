"""Which notifier serves a receiver of the site: the one place where channels are registered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import aiohttp

from hune.alerting.notifiers import Notifier
from hune.alerting.notifiers.console import ConsoleNotifier
from hune.alerting.notifiers.discord import DiscordNotifier, Webhook
from hune.alerting.notifiers.discord_message import Composer
from hune.alerting.notifiers.phrasing import Wording
from hune.site.models import Receiver, Site
from hune.site.references import resolve


@dataclass(frozen=True)
class Setting:
    """What channels are made from."""

    site: Site
    environ: Mapping[str, str]
    session: aiohttp.ClientSession
    page: str
    """Address of Hune's pages, without a final slash."""
    timeout_seconds: float


def make_notifier(receiver: Receiver, setting: Setting) -> Notifier:
    """Return the notifier of a receiver; it reads its secret, so run it off the loop.

    Raises InputError if the secret can't be read, ReceiverRefused if it isn't what the channel needs.
    """
    make = next(make for channel, make in _CHANNELS.items() if getattr(receiver, channel))
    return make(receiver, setting)


def _discord(receiver: Receiver, setting: Setting) -> Notifier:
    assert receiver.discord is not None
    url = resolve(receiver.discord.webhook, setting.environ)
    return DiscordNotifier(
        Webhook(setting.session, url, timeout_seconds=setting.timeout_seconds),
        Composer(
            Wording(setting.site.language),
            site=setting.site.name,
            page=setting.page,
            nodes={node.name for node in setting.site.nodes},
        ),
    )


def _console(_receiver: Receiver, setting: Setting) -> Notifier:
    return ConsoleNotifier(Wording(setting.site.language), setting.environ)


_CHANNELS: Mapping[str, Callable[[Receiver, Setting], Notifier]] = {"discord": _discord, "console": _console}
