"""Which notifier serves a receiver of the site: the one place where channels are registered.

A channel's module is imported when the site uses it: most sites use one or two, and some need libraries of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import aiohttp

from hune.alerting.notifiers import Notifier
from hune.alerting.notifiers.calling import Endpoint
from hune.alerting.notifiers.content import Writer
from hune.alerting.notifiers.phrasing import Wording
from hune.alerting.notifiers.telling import MessageNotifier
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

    @property
    def writer(self) -> Writer:
        """What writes the messages of this site."""
        return Writer(
            Wording(self.site.language),
            site=self.site.name,
            page=self.page,
            nodes={node.name for node in self.site.nodes},
        )

    def secret(self, reference: str) -> str:
        """Return a secret (blocking). Raises InputError if it can't be read."""
        return resolve(reference, self.environ)

    def endpoint(self, url: str, *, what: str, remedy: str, interval_seconds: float = 0.0) -> Endpoint:
        """Return what calls a URL. Raises ReceiverRefused if it is none."""
        return Endpoint(
            self.session,
            url,
            what=what,
            remedy=remedy,
            timeout_seconds=self.timeout_seconds,
            interval_seconds=interval_seconds,
        )


def make_notifier(receiver: Receiver, setting: Setting) -> Notifier:
    """Return the notifier of a receiver; it reads its secret, so run it off the loop.

    Raises InputError if the secret can't be read, ReceiverRefused if it isn't what the channel needs.
    """
    return _CHANNELS[receiver.channel](receiver, setting)


def _discord(receiver: Receiver, setting: Setting) -> Notifier:
    from hune.alerting.notifiers import discord

    assert receiver.discord
    url = setting.secret(receiver.discord.webhook)
    endpoint = setting.endpoint(url, what=discord.WHAT, remedy=discord.REMEDY)
    return MessageNotifier(discord.DiscordWebhook(endpoint), discord.DiscordComposer(setting.writer))


def _slack(receiver: Receiver, setting: Setting) -> Notifier:
    from hune.alerting.notifiers import slack

    assert receiver.slack
    if receiver.slack.webhook:
        url = setting.secret(receiver.slack.webhook)
        endpoint = setting.endpoint(url, what=slack.WEBHOOK, remedy=slack.REMEDY, interval_seconds=slack.INTERVAL)
        return MessageNotifier(slack.SlackWebhook(endpoint), slack.SlackComposer(setting.writer))
    assert receiver.slack.token
    assert receiver.slack.channel
    token = setting.secret(receiver.slack.token)
    endpoint = setting.endpoint(
        receiver.slack.api, what=slack.TOKEN, remedy=slack.BOT_REMEDY, interval_seconds=slack.INTERVAL
    )
    bot = slack.SlackBot(endpoint, token, receiver.slack.channel)
    return MessageNotifier(bot, slack.SlackComposer(setting.writer, threads=True))


def _teams(receiver: Receiver, setting: Setting) -> Notifier:
    from hune.alerting.notifiers import teams

    assert receiver.teams
    url = setting.secret(receiver.teams.workflow)
    endpoint = setting.endpoint(url, what=teams.WHAT, remedy=teams.REMEDY, interval_seconds=teams.INTERVAL)
    return MessageNotifier(teams.TeamsWorkflow(endpoint), teams.TeamsComposer(setting.writer))


def _email(receiver: Receiver, setting: Setting) -> Notifier:
    from hune.alerting.notifiers import mail

    assert receiver.email
    password = setting.secret(receiver.email.password) if receiver.email.password else None
    server = mail.MailServer(receiver.email, password, timeout_seconds=setting.timeout_seconds)
    return MessageNotifier(server, mail.MailComposer(setting.writer, receiver.name, receiver.email))


def _webhook(receiver: Receiver, setting: Setting) -> Notifier:
    from hune.alerting.notifiers import webhook

    assert receiver.webhook
    url = setting.secret(receiver.webhook.url)
    secret = setting.secret(receiver.webhook.secret) if receiver.webhook.secret else None
    endpoint = setting.endpoint(url, what=webhook.WHAT, remedy=webhook.REMEDY)
    composer = webhook.WebhookComposer(setting.writer, receiver.name)
    return MessageNotifier(webhook.SignedWebhook(endpoint, secret), composer, has_plain=False)


def _apprise(receiver: Receiver, setting: Setting) -> Notifier:
    from hune.alerting.notifiers import apprised

    assert receiver.apprise
    service = apprised.AppriseService(setting.secret(receiver.apprise.url), timeout_seconds=setting.timeout_seconds)
    return MessageNotifier(service, apprised.AppriseComposer(setting.writer), has_plain=False)


def _console(_receiver: Receiver, setting: Setting) -> Notifier:
    from hune.alerting.notifiers.console import ConsoleNotifier

    return ConsoleNotifier(Wording(setting.site.language), setting.environ)


_CHANNELS: Mapping[str, Callable[[Receiver, Setting], Notifier]] = {
    "discord": _discord,
    "slack": _slack,
    "teams": _teams,
    "email": _email,
    "webhook": _webhook,
    "apprise": _apprise,
    "console": _console,
}
