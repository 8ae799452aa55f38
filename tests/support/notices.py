"""News to put into words."""

from __future__ import annotations

from typing import Any

from hune.alerting.notifiers import Digest, Notice
from hune.alerting.notifiers.content import Writer
from hune.alerting.notifiers.phrasing import Wording
from hune.alerting.state.episode import Ending, Episode, State

PAGE = "https://hune.example"
NOW = 2_000_000.0


def episode(
    *, state: State = State.FIRING, ending: Ending | None = None, resolved_at: float | None = None, **changes: Any
) -> Episode:
    labels = {
        "alertname": "CpuHot",
        "severity": "critical",
        "site": "home",
        "node": "pve-02",
        "chip": "platform_coretemp_0",
        **changes.get("labels", {}),
    }
    annotations = {
        "summary": "pve-02: CPU at 78 °C, limit 70 °C",
        "description": "The hottest sensor of platform_coretemp_0 is above its limit.",
        "runbook_url": "https://hune.example/runbooks/CpuHot",
        "value": "78",
        "unit": "°C",
        "threshold": "70",
        **changes.get("annotations", {}),
    }
    return Episode(
        id=changes.get("id", 12),
        fingerprint="f",
        labels=labels,
        annotations=annotations,
        state=state,
        starts_at=NOW - 192.0,
        received_at=NOW - 191.0,
        heard_at=NOW,
        resolved_at=resolved_at,
        ending=ending,
        value=78.04,
        peak=81.26,
    )


def notice(*, over: bool = False, is_news: bool = True, message: str | None = None, **changes: Any) -> Notice:
    if over:
        about = episode(state=State.RESOLVED, ending=changes.pop("ending", Ending.MEASURED), resolved_at=NOW, **changes)
        return Notice(about, State.RESOLVED, is_news, NOW, message)
    return Notice(episode(**changes), State.FIRING, is_news, NOW, message)


def writer(language: str = "en") -> Writer:
    """Return what writes the messages of a site called home."""
    return Writer(Wording(language), site="home", page=PAGE, nodes={"pve-02"})


def digest_of(*notices: Notice, away_since: float | None = None) -> Digest:
    return Digest(notices, f"{PAGE}/alerts?digest=9", NOW, away_since)
