"""What `hune alert silence` takes its words for."""

from typing import Any

import pytest

from hune.cli.alert_silence import _meant
from hune.cli.options import lasting_seconds
from hune.core.errors import InputError


def matcher(name: str, value: str, *, is_regex: bool = False, is_equal: bool = True) -> dict[str, Any]:
    return {"name": name, "value": value, "is_regex": is_regex, "is_equal": is_equal}


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["17"], {"alert": 17}),
        (["pve-01"], {"matchers": [matcher("node", "pve-01")]}),
        (
            ["pve-01", "severity!=critical"],
            {"matchers": [matcher("node", "pve-01"), matcher("severity", "critical", is_equal=False)]},
        ),
        (['chip=~"a b|c"'], {"matchers": [matcher("chip", "a b|c", is_regex=True)]}),
        (["chip !~ x.*"], {"matchers": [matcher("chip", "x.*", is_regex=True, is_equal=False)]}),
        (["lab="], {"matchers": [matcher("lab", "")]}),
        (["a=~b=c"], {"matchers": [matcher("a", "b=c", is_regex=True)]}),
    ],
)
def test_words_mean_a_node_an_alert_or_matchers(words: list[str], meant: dict[str, Any]) -> None:
    assert _meant(words, ["pve-01"]) == meant


@pytest.mark.parametrize(
    ("words", "said"), [(["pve-O1"], "no node of the site"), (["a-b=c"], "not a matcher"), (["1", "2"], "no node")]
)
def test_words_that_mean_nothing_are_refused(words: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        _meant(words, ["pve-01"])


def test_duration_is_a_number_and_a_unit() -> None:
    assert (lasting_seconds("90m", most_days=30), lasting_seconds("30d", most_days=30)) == (5400.0, 2_592_000.0)
    cases = {"0h": "0h: too short; give 1s to 30d", "10y": "10y: too long"}
    for text, said in {**dict.fromkeys(("2x", "1.5h", "NaN", "-1h", ""), "not a duration"), **cases}.items():
        with pytest.raises(InputError, match=said):
            lasting_seconds(text, most_days=30)
