"""Maintenance: windows in which people are told nothing of what somebody works on."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from hune.site.base import Model
from hune.site.calendar import Every, Moment, TimeZone
from hune.site.values import Duration, Name, seconds_of

MOST_SECONDS = 7 * 86_400


class Window(Model):
    """When people are told nothing, and of what: once (from, until), or again and again (every, for)."""

    begins: Moment | None = Field(None, alias="from", description="when it begins, once: 2026-12-01 22:00")
    until: Moment | None = Field(None, description="when it ends: 2026-12-02 02:00")
    every: Every | None = Field(
        None,
        description="instead: when it begins again and again: daily 02:00, mon-fri 02:00, first sunday 02:00",
    )
    lasts: Duration | None = Field(None, alias="for", description="how long it lasts then, 7 days at most: 2h")
    timezone: TimeZone | None = Field(None, description="the time zone of its times: Europe/Paris; default the site's")
    nodes: list[Name] = Field(default_factory=list, description="names of nodes; nothing named is the whole site")
    groups: list[Name] = Field(default_factory=list, description="names of groups of nodes")
    clusters: list[Name] = Field(
        default_factory=list, description="names of Proxmox clusters: they, their nodes and guests"
    )
    probes: list[Name] = Field(default_factory=list, description="names of probes")
    reason: Annotated[str, Field(max_length=200)] = Field("", description="why; shown beside what it holds")

    @model_validator(mode="after")
    def _once_or_again(self) -> Window:
        once = (self.begins is not None) + (self.until is not None)
        again = (self.every is not None) + (self.lasts is not None)
        if (once, again) not in ((2, 0), (0, 2)):
            raise ValueError("neither once nor again and again; give from and until, or every and for")
        if self.lasts and not 0 < seconds_of(self.lasts) <= MOST_SECONDS:
            raise ValueError("for is nothing, or more than 7 days; make it 1s to 7d")
        return self
