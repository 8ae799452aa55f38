"""Speech: the catalogues agree, and numbers and times read as each language writes them."""

import re
import tomllib
from importlib import resources

import pytest

from hune.nester.language import LANGUAGES, Code, choose, language

EN, FR = language("en"), language("fr")
PLACEHOLDER = re.compile(r"\{(\w+)\}")


def test_every_language_has_the_same_keys() -> None:
    assert set(EN.texts) == set(FR.texts)


def test_translations_fill_in_the_same_names() -> None:
    # A plural may leave the number out: "the machine is up".
    for key in EN.texts:
        english, french = (set(PLACEHOLDER.findall(t.texts[key])) - {"count"} for t in (EN, FR))
        assert english == french, key


@pytest.mark.parametrize("code", LANGUAGES)
def test_no_sentence_is_empty(code: Code) -> None:
    assert [key for key, text in language(code).texts.items() if not text.strip()] == []


def test_french_keeps_its_double_signs_on_the_line() -> None:
    assert [key for key, text in FR.texts.items() if re.search(r" [:;?!»]", text)] == []


def test_catalogues_are_sorted_into_the_same_tables() -> None:
    tables = [
        list(tomllib.loads(resources.files("hune.nester").joinpath("locale", f"{code}.toml").read_text()))
        for code in LANGUAGES
    ]
    assert tables[0] == tables[1]


def test_temperatures() -> None:
    assert EN.celsius(78.4) == "78\u00a0°C"
    assert FR.celsius(78.4) == "78\u202f°C"
    assert EN.celsius(-0.2) == "0\u00a0°C"


def test_percentages() -> None:
    assert EN.percent(0.823) == "82%"
    assert FR.percent(0.823) == "82\u202f%"
    assert FR.percent(0.0123, 1) == "1,2\u202f%"


def test_decimals_and_thousands() -> None:
    assert EN.number(12345.678, 1) == "12,345.7"
    assert FR.number(12345.678, 1) == "12\u202f345,7"


@pytest.mark.parametrize(("value", "text"), [(0.42, "0.42"), (2.13, "2.1"), (12.6, "13")])
def test_load_has_the_digits_that_matter(value: float, text: str) -> None:
    assert EN.load(value) == text


@pytest.mark.parametrize(
    ("bits", "text"), [(1e10, "10G"), (2.5e9, "2.5G"), (1e9, "1G"), (1e8, "100M"), (9.9e9, "9.9G"), (0, "0")]
)
def test_speeds_read_as_people_say_them(bits: float, text: str) -> None:
    assert EN.bits(bits) == text


def test_speeds_in_french_have_a_decimal_comma() -> None:
    assert FR.bits(2.5e9) == "2,5G"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0\u00a0s"),
        (34.9, "34\u00a0s"),
        (125, "2\u00a0min"),
        (3 * 3600 + 300, "3\u00a0h\u00a005"),
        (4 * 3600, "4\u00a0h"),
        (30 * 3600 + 300, "30\u00a0h"),
        (41 * 86_400, "41\u00a0d"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert EN.duration(seconds) == text


def test_days_in_french() -> None:
    assert FR.duration(41 * 86_400) == "41\u202fj"


def test_nothing_shown_is_no_time_old() -> None:
    assert EN.age(0.3) == "1\u00a0s"
    assert EN.age(12.4) == "12\u00a0s"


def test_sizes_and_short_times() -> None:
    assert EN.bytes(32 * 2**30) == "32\u00a0GiB"
    assert FR.bytes(1.5 * 2**30) == "1,5\u202fGiB"
    assert EN.milliseconds(0.023) == "23\u00a0ms"
    assert EN.milliseconds(0.0042) == "4.2\u00a0ms"
    assert FR.milliseconds(1.24) == "1,2\u202fs"


def test_plurals() -> None:
    assert EN("count.warning", count=1) == "1 warning"
    assert EN("count.warning", count=0) == "0 warnings"
    assert FR("count.warning", count=0) == "0 avertissement"
    assert FR("count.warning", count=2) == "2 avertissements"


def test_unknown_key_is_an_error() -> None:
    with pytest.raises(KeyError):
        EN("no.such.key")


def test_time_of_day_carries_its_date_unless_it_is_today() -> None:
    now = 1_795_000_000.0
    assert EN.moment(now - 1, now=now) == EN.clock(now - 1)
    assert EN.moment(now - 3 * 86_400, now=now) == EN.date_time(now - 3 * 86_400)


@pytest.mark.parametrize(
    ("wished", "kept", "accept", "default", "chosen"),
    [
        ("fr", "en", "en", "en", "fr"),
        (None, "fr", "en", "en", "fr"),
        ("xx", "yy", "de, fr-CH;q=0.9, en;q=0.8", "en", "fr"),
        (None, None, "en-GB,en;q=0.9,fr;q=0.95", "fr", "en"),
        (None, None, "de;q=1, es", "fr", "fr"),
        (None, None, "", "fr", "fr"),
        (None, None, "fr;q=0, en;q=nonsense", "en", "en"),
    ],
)
def test_language_is_chosen_by_wish_then_cookie_then_browser_then_site(
    wished: str | None, kept: str | None, accept: str, default: Code, chosen: str
) -> None:
    assert choose(wished, kept, accept, default) == chosen
