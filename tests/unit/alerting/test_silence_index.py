"""Which silences hold an alert, however many there are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hune.alerting.holds import silences
from hune.promapi.alertmanager import Silence, SilenceMatcher

_NAMES = st.sampled_from(["alertname", "node", "chip"])
_VALUES = st.sampled_from(["", "a", "b", "a|b", ".*", "a?"])
_MATCHERS = st.builds(SilenceMatcher, _NAMES, _VALUES, st.booleans(), st.booleans())
_LABELS = st.dictionaries(_NAMES, st.sampled_from(["a", "b", "c"]))


@given(st.lists(st.lists(_MATCHERS, max_size=3), max_size=8), _LABELS)
def test_index_finds_what_judging_each_finds(matchers: list[list[SilenceMatcher]], labels: dict[str, str]) -> None:
    known = [Silence(f"s{number}", tuple(each), 0.0, 100.0, "Ada", "x") for number, each in enumerate(matchers)]
    expected = [one.id for one in known if silences.matches(one.matchers, labels)]
    assert [hold.id for hold in silences.Index(known).holds_of(labels)] == expected


def test_silence_without_matchers_holds_nothing() -> None:
    assert silences.Index([Silence("s1", (), 0.0, 100.0, "", "")]).holds_of({"alertname": "CpuHot"}) == ()
