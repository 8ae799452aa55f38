"""Those who must report to the hub: what the site file expects, and who is overdue.

The hub counts for how long it has heard nothing, while it listens; so neither its restart nor a sleep is a silence.
"""

from __future__ import annotations

from collections.abc import Iterable

from hune.alerting.promql import Reading, last_said
from hune.alerting.rules.held import alert, held
from hune.alerting.rules.model import Rule
from hune.site.models import Site

_HUB = Reading("35s")
"""The hub is asked every 15 s, as all of Hune's own."""


def expected(site: Site) -> Iterable[Rule]:
    """Return the constants: who is expected, and after how long its silence is told."""
    for one in site.expects:
        labels = {"heartbeat": one.name}
        yield Rule("vector(1)", record="hune:site_heartbeat", labels={**labels, "severity": one.severity})
        yield Rule(f"vector({one.limit_seconds})", record="hune:site_heartbeat_seconds", labels=labels)


def overdue(site: Site) -> Iterable[Rule]:
    """Return the alert, where anybody is expected."""
    if not site.expects:
        return
    silence, limit = _HUB.live("hune_hub_heartbeat_silence_seconds"), _HUB.constant("hune:site_heartbeat_seconds")
    yield alert(
        site,
        "HeartbeatMissed",
        held(
            "HeartbeatMissed",
            subject=last_said("hune:site_heartbeat"),
            fires=f"{silence} > on (heartbeat) group_left () {limit}",
            read=_HUB,
        ),
        measures=silence,
    )
