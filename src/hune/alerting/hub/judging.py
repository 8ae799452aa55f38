"""What becomes of an open episode: pure, of what Alertmanager said, what Prometheus says and what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto

from hune.alerting import catalogue
from hune.alerting.hub.timing import Timing
from hune.alerting.state.episode import Episode


class Verdict(Enum):
    """What becomes of an open episode."""

    KEEP = auto()
    CONFIRM = auto()
    DOUBT = auto()
    UNKNOWN = auto()
    RESOLVE = auto()
    EXPIRE = auto()


def is_checked(labels: Mapping[str, str], site: str) -> bool:
    """Whether Prometheus is asked before Alertmanager is believed that an alert is over.

    So it is of Hune's own rules, and of all others that this site's Prometheus evaluates: it says where it is from.
    """
    name = labels.get("alertname", "")
    return catalogue.is_known(name) or (name not in catalogue.ALERTS and labels.get("site") == site)


def judge(episode: Episode, *, firing: bool | None, clear: bool, known: bool, now: float, timing: Timing) -> Verdict:
    """Return what becomes of an open episode.

    `firing`: whether Prometheus says so, None if it doesn't answer; `clear`: whether it was measured as over, or, of
    rules that aren't Hune's, isn't known any more; `known`: whether it is of Hune's own rules.
    """
    if episode.expires_at is not None:
        return Verdict.EXPIRE if now >= episode.expires_at else Verdict.KEEP
    if firing:
        return Verdict.CONFIRM
    if clear:
        return Verdict.RESOLVE
    doubted = 0.0 if episode.doubted_at is None else now - episode.doubted_at
    if not known:
        # Alertmanager declares over what a dead Prometheus no longer sends: nobody knows.
        if episode.claimed_at is not None and doubted >= timing.doubt:
            return _forgotten(doubted, firing, timing)
        silence = now - episode.heard_at
        if silence >= timing.foreign_silence:
            return _forgotten(silence, firing, timing)
        return Verdict.KEEP
    if episode.doubted_at is None:
        return Verdict.DOUBT
    return _forgotten(doubted, firing, timing) if doubted >= timing.doubt else Verdict.KEEP


def _forgotten(seconds: float, firing: bool | None, timing: Timing) -> Verdict:
    # While Prometheus doesn't answer, as after a long sleep of the machine, nothing is known that could be forgotten.
    return Verdict.EXPIRE if seconds >= timing.forget_unknown and firing is not None else Verdict.UNKNOWN
