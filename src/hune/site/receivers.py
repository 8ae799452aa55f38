"""Receivers: where messages can go, one channel each."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from hune.site.base import Model
from hune.site.escalation import RemindInterval
from hune.site.values import (
    SLACK_CHANNEL_PATTERN,
    AbsolutePath,
    DayTime,
    EmailAddress,
    Host,
    MailUser,
    Name,
    Port,
    SecretRef,
    SecretUrlRef,
    Url,
    is_loopback,
)

CHANNELS = ("discord", "slack", "teams", "email", "webhook", "apprise")
"""The keys of a receiver that lead to people or to programs; beside them there is the console."""


class Discord(Model):
    """A Discord channel's webhook."""

    webhook: SecretUrlRef = Field(description="URL of the webhook by reference: env:NAME or file:/absolute/path")


class Slack(Model):
    """A Slack channel: through an incoming webhook, or as a bot, which can edit and thread its messages."""

    webhook: SecretUrlRef | None = Field(None, description="URL of an incoming webhook by reference: env:NAME")
    token: SecretRef | None = Field(
        None, description="instead of a webhook: a bot's token (xoxb-…, scope chat:write) by reference"
    )
    channel: Annotated[str, Field(pattern=SLACK_CHANNEL_PATTERN)] | None = Field(
        None, description="the channel that the bot writes to, by its id: C0123456789"
    )
    api: Url = Field("https://slack.com/api", description="address of Slack's API for the bot; GovSlack has its own")

    @model_validator(mode="after")
    def _one_way(self) -> Slack:
        if (self.webhook is None) == (self.token is None):
            raise ValueError("not exactly one way; give webhook, or token and channel")
        if (self.token is None) != (self.channel is None):
            raise ValueError("token and channel belong together; give both, or a webhook alone")
        url = urlsplit(self.api)
        if self.token and url.scheme == "http" and not is_loopback(url.hostname or ""):
            raise ValueError("the token would travel in the clear; use https in api")
        return self


class Teams(Model):
    """A channel or chat of Microsoft Teams, through a workflow."""

    workflow: SecretUrlRef = Field(
        description="URL of the workflow 'When a Teams webhook request is received', by reference: env:NAME"
    )


_SUBMISSION_PORTS = {"starttls": 587, "tls": 465, "none": 25}


class Email(Model):
    """People by e-mail, through an SMTP server."""

    host: Host = Field(description="the SMTP server: smtp.example.com")
    port: Port | None = Field(None, description="its port; default 587, with tls 465, with none 25")
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="starttls, tls (from the first byte), or none; certificates are checked"
    )
    ca_file: AbsolutePath | None = Field(None, description="file of the authority that signed its certificate")
    user: MailUser | None = Field(None, description="who signs in, if the server wants it")
    password: SecretRef | None = Field(None, description="the user's password: env:NAME or file:/absolute/path")
    sender: EmailAddress = Field(description="address that messages come from: hune@example.com")
    to: list[EmailAddress] = Field(min_length=1, max_length=50, description="addresses of the people")

    @model_validator(mode="after")
    def _whole(self) -> Email:
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password belong together; give both or neither")
        if self.security == "none" and self.password and not is_loopback(self.host):
            raise ValueError("the password would travel in the clear; use security: starttls or tls")
        return self

    @property
    def submission_port(self) -> int:
        """The port given, or the usual one."""
        return self.port or _SUBMISSION_PORTS[self.security]


class Webhook(Model):
    """A program of yours, told in JSON."""

    url: SecretUrlRef = Field(description="URL that takes POST requests, by reference: env:NAME")
    secret: SecretRef | None = Field(
        None, description="key that requests are signed with (Standard Webhooks): env:NAME or file:/absolute/path"
    )


class Apprise(Model):
    """Any service that Apprise knows; needs hune[apprise]."""

    url: SecretRef = Field(description="Apprise's URL of the service by reference: env:NAME")


class Receiver(Model):
    """Where messages go; exactly one channel each."""

    name: Name = Field(description="name of the receiver, once in the site")
    discord: Discord | None = Field(None, description="a Discord channel")
    slack: Slack | None = Field(None, description="a Slack channel")
    teams: Teams | None = Field(None, description="a channel or chat of Microsoft Teams")
    email: Email | None = Field(None, description="people by e-mail")
    webhook: Webhook | None = Field(None, description="a program of yours, told in JSON")
    apprise: Apprise | None = Field(None, description="any other service, through Apprise")
    console: bool = Field(False, description="print on Hune's own log")
    lab: bool = Field(False, description="also take messages of the lab")
    remind: RemindInterval | None = Field(
        None, description="tell again what still fires after so long, if nobody looks after it: 4h; default never"
    )
    daily_test: DayTime | None = Field(
        None, description="time of day (UTC) at which a test message is sent through everything: '07:30'"
    )

    @property
    def channel(self) -> str:
        """The key of its channel."""
        return next((key for key in CHANNELS if getattr(self, key) is not None), "console")

    @model_validator(mode="after")
    def _one_channel(self) -> Receiver:
        if sum(getattr(self, key) is not None for key in CHANNELS) + self.console != 1:
            raise ValueError(f"not exactly one channel; give one of {', '.join(CHANNELS)}, console")
        return self
