"""The form in which alerts are put into words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """One alert in one language: a title of a few words, a line, and one or two plain sentences."""

    title: str
    summary: str
    description: str
