"""Alerts to put into a hub."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime

from hune.alerting.state.episode import Incoming


def make_alert(
    *,
    firing: bool = True,
    name: str = "CpuHot",
    node: str = "pve-02",
    starts_at: float | None = 1000.0,
    ends_at: float | None = None,
    value: str = "78",
    severity: str = "critical",
    **labels: str,
) -> Incoming:
    """Return an alert: CpuHot of pve-02, firing since 1000, unless said otherwise."""
    return Incoming(
        firing=firing,
        labels={"alertname": name, "severity": severity, "node": node, **labels},
        annotations={
            "summary": f"{node}: CPU at {value} °C, limit 70 °C",
            "description": "The hottest sensor of platform_coretemp_0 is above its limit.",
            "runbook_url": f"http://hune.example/runbooks/{name}",
            "value": value,
            "unit": "°C",
            "threshold": "70",
        },
        starts_at=starts_at,
        ends_at=ends_at,
    )


def payload(alerts: Iterable[Incoming], *, receiver: str = "discord") -> bytes:
    """Return Alertmanager's notification of these alerts."""
    rows = [
        {
            "status": "firing" if alert.firing else "resolved",
            "labels": dict(alert.labels),
            "annotations": dict(alert.annotations),
            "startsAt": _written(alert.starts_at),
            "endsAt": _written(alert.ends_at),
            "generatorURL": "http://prometheus.example/graph",
            "fingerprint": alert.fingerprint[:16],
        }
        for alert in alerts
    ]
    return json.dumps({"version": "4", "receiver": receiver, "truncatedAlerts": 0, "alerts": rows}).encode()


def _written(moment: float | None) -> str:
    return "0001-01-01T00:00:00Z" if moment is None else datetime.fromtimestamp(moment, UTC).isoformat()
