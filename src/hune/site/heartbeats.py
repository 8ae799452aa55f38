"""Heartbeats: whom this site tells that it lives, and who must tell it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from hune.site.base import Model
from hune.site.values import Duration, Name, SecretKeyRef, SecretUrlRef, seconds_of


def _interval(value: str) -> str:
    if not 10 <= seconds_of(value) <= 31 * 86_400:
        raise ValueError("not between ten seconds and a month; write it like 60s, 5m or 1d")
    return value


Interval = Annotated[Duration, AfterValidator(_interval)]


class Heartbeat(Model):
    """Whoever listens to this site, and tells people when it falls silent."""

    url: SecretUrlRef = Field(description="URL that is called while everything works, by reference: env:NAME")
    every: Interval = Field("60s", description="how often it is called: 60s")


class Expected(Model):
    """A site, a machine or a job that must report here; its silence is an alert."""

    name: Name = Field(description="who reports; part of the URL that it calls")
    every: Interval = Field("60s", description="how often it reports: 60s, 1d")
    grace: Interval | None = Field(None, description="how much later is not too late; default as long as `every`")
    key: SecretKeyRef = Field(
        description="what it proves itself with, 16 characters or more, by reference: env:NAME or file:/absolute/path"
    )
    severity: Literal["critical", "warning", "info"] = Field("critical", description="of the alert when it is silent")

    @property
    def limit_seconds(self) -> int:
        """After how long its silence is told."""
        return seconds_of(self.every) + seconds_of(self.grace or self.every)
