"""What options mean: which site file, with and without a stack that runs; which alert."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from hune.cli.options import number, site_file_of


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("HUNE_SITE", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_any_it_is_this_machine() -> None:
    assert site_file_of(None, None) is None
    assert site_file_of(None, {"request": {"site_file": ""}}) is None


def test_the_one_that_hune_runs_with_goes_before_the_one_here(here: Path) -> None:
    (here / "site.yaml").touch()
    assert site_file_of(None, {"request": {"site_file": "/etc/hune/site.yaml"}}) == Path("/etc/hune/site.yaml")


def test_a_stack_that_runs_without_one_takes_the_one_here(here: Path) -> None:
    (here / "site.yaml").touch()
    assert site_file_of(None, {"request": {"site_file": ""}}) == here / "site.yaml"


def test_the_one_that_is_given_goes_before_all(here: Path) -> None:
    assert site_file_of(Path("other.yaml"), {"request": {"site_file": "/etc/hune/site.yaml"}}) == here / "other.yaml"


@pytest.mark.parametrize("text", ["way", "0", "-1", "1.0", "\N{ARABIC-INDIC DIGIT THREE}", "9" * 20, ""])
def test_what_is_no_number_of_an_alert_is_named(text: str) -> None:
    with pytest.raises(typer.BadParameter, match=re.escape(repr(text))):
        number(text)


def test_numbers_of_alerts_are_numbers() -> None:
    assert number("17") == 17
