"""The alerts about Hune itself, from what its engines and services tell: what each is about, and what proves it over.

As with machines, Prometheus records every 15 s what is *wrong now* (`wrong`: measured, and not yet past the value that
clears), and which services were read just now (`hune:own_read`). An alert is over when the service that tells of it
was read and the thing isn't among what is wrong. That a dead Prometheus, Alertmanager or hub tells nothing is no
business of rules: the conductor watches those, and outside of this machine the dead man's switch does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from hune.alerting.promql import Reading

Severity = Literal["critical", "warning"]

SERVICES: Mapping[str, Severity] = {
    "prometheus": "critical",
    "victoriametrics": "warning",
    "alertmanager": "critical",
    "blackbox-exporter": "critical",
    "hub": "critical",
    "nester": "warning",
    "pve-exporter": "critical",
    "timescale": "warning",
    "timescale-query": "warning",
}
"""Who tells metrics of its own, and how bad it is if it doesn't: without some of them other alerts can't come."""


@dataclass(frozen=True)
class Fault:
    """One kind of alert about Hune; `source` is the service that tells of it, by default the one of the alert's label.

    `severity` None: that of the service in `SERVICES`. `limit`: what the value is compared with; `falls`: an alert
    begins below it. `scale` makes what is recorded a value in `unit`.
    """

    name: str
    severity: Severity | None
    about: Literal["service", "receiver", "rule_group"]
    source: str = ""
    unit: str = ""
    limit: float | None = None
    falls: bool = False
    scale: float = 1.0

    @property
    def identity(self) -> tuple[str, ...]:
        """The labels that tell one alert from another."""
        return (self.about,)

    @property
    def wrong(self) -> str:
        """The name of the series of what is wrong now."""
        return f"hune:own_wrong:{self.name}"

    def over(self, read: Reading) -> str:
        """Return the expression that holds while it was read, and isn't wrong."""
        was_read = self._of_source(read).live("hune:own_read")
        return f"{was_read} unless on () {read.live(self.wrong)}"

    def member(self, read: Reading) -> str:
        """Return the constant that exists as long as the site has the service that tells of it."""
        return self._of_source(read).constant("hune:site_service", "service")

    def _of_source(self, read: Reading) -> Reading:
        return Reading(read.window, {"service": self.source or read.subject.get("service", "")})


_EACH = (
    Fault("ServiceDown", None, "service"),
    Fault("ConfigurationRefused", "warning", "service"),
    Fault("RulesFailing", "critical", "rule_group", "prometheus"),
    Fault("RulesLate", "warning", "rule_group", "prometheus", "%", 25),
    Fault("ScrapesRefused", "warning", "service"),
    Fault("PrometheusDiskFailing", "critical", "service"),
    Fault("PrometheusDamaged", "warning", "service"),
    Fault("AlertsRefused", "critical", "service"),
    Fault("ReceiverFailing", "critical", "receiver", "hub", "s", 300),
    Fault("MessagesRefused", "warning", "receiver", "hub"),
    Fault("HubDiskFull", "critical", "service", unit="MB", limit=4, falls=True, scale=1e-6),
    Fault("HubBlind", "warning", "service"),
    Fault("StoreBehind", "warning", "service", "prometheus", "s", 300),
    Fault("StoreLosing", "warning", "service", "prometheus"),
    Fault("StoreIncomplete", "warning", "service", "hub", "h", 1),
    Fault("StoreShort", "warning", "service", unit="GB", limit=1, falls=True, scale=1e-9),
    Fault("StoreReadOnly", "critical", "service"),
    Fault("DatabaseDown", "warning", "service"),
)

FAULTS: Mapping[str, Fault] = {fault.name: fault for fault in _EACH}

THINGS = tuple(sorted({fault.about for fault in _EACH}))
"""The labels that name what an alert about Hune is about."""
