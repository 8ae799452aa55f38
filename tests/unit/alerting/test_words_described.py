"""What an alert says of itself is told in the reader's language, with the values that it gives."""

import re

import pytest

from hune.alerting.words import WORDS, described


@pytest.mark.parametrize("name", WORDS["en"])
def test_every_description_is_the_same_in_both_languages(name: str) -> None:
    fields = set(re.findall(r"\{(\w+)\}", WORDS["en"][name].description))
    values = {field: f"{field} of Ö\n7.5" for field in fields}
    english, french = (WORDS[language][name].description.format(**values) for language in ("en", "fr"))
    assert described(name, english, "fr") == french
    assert described(name, french, "en") == english
    assert described(name, french, "fr") == french


def test_words_of_others_stay_as_they_are() -> None:
    assert described("DiskOnFire", "It burns.", "fr") == "It burns."
    assert described("NodeDown", "Our own words.", "fr") == "Our own words."
    assert described("NodeDown", "", "fr") == ""


def test_braces_in_values_are_only_braces() -> None:
    said = WORDS["en"]["CpuHot"].description.format(chip="{clear} {0} {", clear="60")
    assert "{clear} {0} {" in described("CpuHot", said, "fr")
