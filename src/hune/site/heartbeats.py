"""Heartbeats: whom this site tells that it lives, and who must tell it."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from hune.site.base import Model
from hune.site.values import Duration, SecretUrlRef, seconds_of


def _interval(value: str) -> str:
    if not 10 <= seconds_of(value) <= 31 * 86_400:
        raise ValueError("not between ten seconds and a month; write it like 60s, 5m or 1d")
    return value


Interval = Annotated[Duration, AfterValidator(_interval)]


class Heartbeat(Model):
    """Whoever listens to this site, and tells people when it falls silent."""

    url: SecretUrlRef = Field(description="URL that is called while everything works, by reference: env:NAME")
    every: Interval = Field("60s", description="how often it is called: 60s")
