"""The page of metrics says what the collectors yield, no more and no less."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from hune.collect.pve.collector import Collector
from hune.collect.pve.collectors import ALL
from hune.collect.pve.protection import Aspect, Code, Outcome, State
from support import golden

PAGE = Path(__file__).parents[3] / "docs" / "proxmox-metrics.md"
BEGIN = "<!-- from here on written by the tests: GOLDEN=write scripts/test tests/unit/collect_pve -->\n"


def test_every_series_is_on_the_page() -> None:
    written, mark, _ = PAGE.read_text().partition(BEGIN)
    assert mark
    golden.check(PAGE, written + mark + "".join(_section(collector) for collector in ALL))


def _section(collector: Collector) -> str:
    about = (sys.modules[collector.collect.__module__].__doc__ or "").partition("\n")[0]
    rows = [
        f"| `{family.name}` | {family.kind} | {_code(family.labels)} | {family.help} "
        f"| {_code(family.source.split(', '))} | {family.privilege or 'none'} |\n"
        for family in collector.families
    ]
    head = "| series | type | labels | meaning | source | privilege |\n|---|---|---|---|---|---|\n"
    return f"\n### {collector.name}\n{about}\n\n{head}{''.join(rows)}"


def _code(words: list[str] | tuple[str, ...]) -> str:
    return ", ".join(f"`{word}`" for word in words)


@pytest.mark.parametrize("word", [str(word) for kind in (Aspect, Code, Outcome, State) for word in kind])
def test_every_word_of_the_verdict_is_explained(word: str) -> None:
    assert f"`{word}`" in PAGE.read_text().partition(BEGIN)[0]


@pytest.mark.parametrize("collector", ALL, ids=lambda collector: collector.name)
def test_names_and_labels_follow_the_rules(collector: Collector) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", collector.name)
    assert collector.scope == "cluster"
    for family in collector.families:
        assert family.name.startswith(("hune_pve_", "hune_guest_protect"))
        # Prometheus would call them `exported_…`: the target has them.
        assert not {"cluster", "job", "instance"} & set(family.labels)
        assert family.help.endswith(".")
        assert "|" not in family.help
        assert family.source.startswith("/")


def test_no_series_is_announced_twice() -> None:
    names = [family.name for collector in ALL for family in collector.families]
    assert len(names) == len(set(names))
    assert len({collector.name for collector in ALL}) == len(ALL)


@pytest.mark.parametrize("collector", ALL, ids=lambda collector: collector.name)
def test_docstrings_show_what_is_yielded(collector: Collector) -> None:
    shown = re.findall(r"^(hune_\w+)", sys.modules[collector.collect.__module__].__doc__ or "", re.MULTILINE)
    assert shown
    assert set(shown) <= {family.name for family in collector.families}
