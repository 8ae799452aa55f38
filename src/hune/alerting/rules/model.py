"""Rules and groups of rules, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Rule:
    """A recording rule (`record`) or an alert (`alert`)."""

    expr: str
    record: str = ""
    alert: str = ""
    wait: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    measures: str = ""
    """Of an alert, not part of what Prometheus reads: the PromQL of what it judges, of everything it can be about."""

    def as_data(self) -> dict[str, Any]:
        """Return the rule as Prometheus reads it."""
        written: dict[str, Any] = {"alert": self.alert} if self.alert else {"record": self.record}
        written["expr"] = self.expr
        if self.wait:
            written["for"] = self.wait
        if self.labels:
            written["labels"] = dict(self.labels)
        if self.annotations:
            written["annotations"] = dict(self.annotations)
        return written


@dataclass(frozen=True)
class Group:
    """Rules that are evaluated together, in order."""

    name: str
    interval: str
    rules: tuple[Rule, ...]

    def as_data(self) -> dict[str, Any]:
        """Return a rule file with this group alone."""
        rules = [rule.as_data() for rule in self.rules]
        return {"groups": [{"name": self.name, "interval": self.interval, "rules": rules}]}
