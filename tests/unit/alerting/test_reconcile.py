"""What becomes of an open episode: only a measurement ends an alert of Hune's own rules."""

import pytest

from hune.alerting.hub.judging import Verdict, is_checked, judge
from hune.alerting.hub.timing import Timing
from hune.alerting.state.episode import Episode, State

NOW = 100_000.0
TIMING = Timing()


def episode(
    *,
    state: State = State.FIRING,
    heard_at: float = NOW,
    expires_at: float | None = None,
    doubted_at: float | None = None,
    claimed_at: float | None = None,
) -> Episode:
    return Episode(
        id=1,
        fingerprint="f",
        labels={"alertname": "CpuHot"},
        annotations={},
        state=state,
        starts_at=NOW - 500,
        received_at=NOW - 500,
        heard_at=heard_at,
        expires_at=expires_at,
        doubted_at=doubted_at,
        claimed_at=claimed_at,
    )


def verdict(about: Episode, *, firing: bool | None, clear: bool = False, known: bool = True) -> Verdict:
    return judge(about, firing=firing, clear=clear, known=known, now=NOW, timing=TIMING)


@pytest.mark.parametrize(
    ("about", "firing", "clear", "expected"),
    [
        (episode(), True, False, Verdict.CONFIRM),
        (episode(state=State.UNKNOWN, doubted_at=NOW - 99), True, False, Verdict.CONFIRM),
        (episode(claimed_at=NOW - 1, doubted_at=NOW - 1), True, False, Verdict.CONFIRM),
        (episode(), False, True, Verdict.RESOLVE),
        (episode(claimed_at=NOW - 1, doubted_at=NOW - 1), False, True, Verdict.RESOLVE),
        (episode(state=State.UNKNOWN, doubted_at=NOW - 9999), False, True, Verdict.RESOLVE),
        (episode(), False, False, Verdict.DOUBT),
        (episode(), None, False, Verdict.DOUBT),
        (episode(doubted_at=NOW - 2), False, False, Verdict.KEEP),
        (episode(doubted_at=NOW - 5), False, False, Verdict.UNKNOWN),
        (episode(doubted_at=NOW - 5), None, False, Verdict.UNKNOWN),
        (episode(claimed_at=NOW - 5, doubted_at=NOW - 5), None, False, Verdict.UNKNOWN),
        (episode(doubted_at=NOW - TIMING.forget_unknown), False, False, Verdict.EXPIRE),
        (episode(doubted_at=NOW - TIMING.forget_unknown), None, False, Verdict.UNKNOWN),
    ],
)
def test_known_alert(about: Episode, firing: bool | None, clear: bool, expected: Verdict) -> None:
    assert verdict(about, firing=firing, clear=clear) is expected


@pytest.mark.parametrize(
    ("about", "firing", "expected"),
    [
        (episode(), False, Verdict.KEEP),
        (episode(), None, Verdict.KEEP),
        (episode(heard_at=NOW - TIMING.foreign_silence), False, Verdict.UNKNOWN),
        (episode(heard_at=NOW - TIMING.foreign_silence), True, Verdict.CONFIRM),
        (episode(heard_at=NOW - TIMING.forget_unknown), False, Verdict.EXPIRE),
        (episode(heard_at=NOW - TIMING.forget_unknown), None, Verdict.UNKNOWN),
        (episode(claimed_at=NOW - 1, doubted_at=NOW - 1), None, Verdict.KEEP),
        (episode(claimed_at=NOW - 5, doubted_at=NOW - 5), None, Verdict.UNKNOWN),
        (episode(claimed_at=NOW - 5, doubted_at=NOW - 5), False, Verdict.UNKNOWN),
        (episode(claimed_at=NOW - 5, doubted_at=NOW - 5), True, Verdict.CONFIRM),
    ],
)
def test_foreign_alert(about: Episode, firing: bool | None, expected: Verdict) -> None:
    assert verdict(about, firing=firing, known=False) is expected


def test_foreign_alert_that_is_known_nowhere_any_more_is_over() -> None:
    assert verdict(episode(), firing=False, clear=True, known=False) is Verdict.RESOLVE


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"alertname": "CpuHot"}, True),
        ({"alertname": "Foreign", "site": "home"}, True),
        ({"alertname": "Foreign", "site": "elsewhere"}, False),
        ({"alertname": "Foreign"}, False),
        # The hub's own: no Prometheus knows it.
        ({"alertname": "ChainBroken", "site": "home"}, False),
    ],
)
def test_end_of_what_our_prometheus_evaluates_is_asked_for_there(labels: dict[str, str], expected: bool) -> None:
    assert is_checked(labels, "home") is expected


def test_test_alert_lives_until_it_expires_whatever_prometheus_says() -> None:
    assert verdict(episode(expires_at=NOW + 1), firing=False, clear=True) is Verdict.KEEP
    assert verdict(episode(expires_at=NOW), firing=True) is Verdict.EXPIRE
