"""The exporter's page names every flag and every series of `/pve`, no more and no less."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hune.cli.pve_exporter import parse
from hune.collect.pve import compat
from hune.collect.pve.collectors import NAMES
from hune.collect.pve.exporter import DURATION, PROBLEMS, SUCCESS
from support import golden

PAGE = Path(__file__).parents[3] / "docs" / "proxmox-exporter.md"
BEGIN = "<!-- from here on written by the tests: GOLDEN=write scripts/test tests/unit/collect_pve_exporter -->\n"
HEAD = "| series | type | labels | collector | meaning | source | privilege |\n|---|---|---|---|---|---|---|\n"


def test_every_series_is_on_the_page() -> None:
    rows = [
        f"| `{family.name}` | {family.kind} | {', '.join(f'`{label}`' for label in family.labels)} | {collector.name} "
        f"| {family.help} | `{family.source}` | {family.privilege or 'none'} |\n"
        for collector in compat.collectors()
        for family in collector.families
    ]
    written, mark, _ = PAGE.read_text().partition(BEGIN)
    assert mark
    golden.check(PAGE, written + mark + HEAD + "".join(rows))


def test_how_collectors_fared_is_explained() -> None:
    for family in (SUCCESS, DURATION, PROBLEMS):
        assert f"`{family.name}{{collector" in PAGE.read_text()


def test_every_flag_is_on_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--help"])
    page = PAGE.read_text()
    for flag in set(re.findall(r"--[a-z][\w.-]+", capsys.readouterr().out)) - {"--help"}:
        name = flag.removeprefix("--").removeprefix("no-")
        collector = name.removeprefix("collector.")
        if name.startswith("hune."):
            assert name.removeprefix("hune.") in NAMES
            continue
        assert name in page or (collector in compat.NAMES and f"`{collector}`" in page), flag
