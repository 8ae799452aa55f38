"""Tables of the command line, in wide terminals and in narrow ones."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from hune.cli import show

ROWS = [
    ("prometheus", show.state("healthy"), "127.0.0.1:9090", "ready, rules evaluate, store written 2 s ago"),
    ("blackbox-exporter", show.state("unhealthy"), "127.0.0.1:9115", ""),
]
COLUMNS = ("service", "state", "address", "detail")


def printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(columns))
    show.table(COLUMNS, ROWS)
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


def test_a_wide_terminal_has_a_line_a_row(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    lines = printed(capsys, monkeypatch, 120)
    assert len(lines) == 3
    assert "ready, rules evaluate, store written 2 s ago" in lines[1]


@pytest.mark.parametrize("columns", [40, 60, 72])
def test_in_a_narrow_one_prose_goes_below_and_nothing_is_cut_apart(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    lines = printed(capsys, monkeypatch, columns)
    text = "\n".join(lines)
    for whole in ("blackbox-exporter", "127.0.0.1:9090", "127.0.0.1:9115"):
        assert whole in text
    below = lines[2]
    assert below.startswith("    ready, rules")


def test_what_is_no_terminal_gets_a_line_a_row_however_long(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    show.table(COLUMNS, [(*ROWS[0][:3], "word " * 100), ROWS[1]])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[1].endswith("word word")
    assert lines[0].index("address") == lines[1].index("127.0.0.1") == lines[2].index("127.0.0.1")
    assert not any(line.endswith(" ") for line in lines)


def test_in_a_narrow_one_the_other_columns_stay_under_their_headings(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = printed(capsys, monkeypatch, 60)
    assert {line.index("127.0.0.1") for line in lines if "127.0.0.1" in line} == {lines[0].index("address")}


def test_a_path_below_its_row_stays_whole(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    path = "/var/lib/hune/" + "engines/" * 8 + "prometheus"
    show.table(("engine", "fetched", "program"), [("prometheus", "2.42.0+ds-5+deb12u1", path)])
    assert path in capsys.readouterr().out


def test_a_fingerprint_keeps_its_letters(capsys: pytest.CaptureFixture[str]) -> None:
    show.line("ED:CD:AB:81:AB:09")
    show.table(("certificate",), [("ED:CD:AB:81:AB:09",)])
    assert capsys.readouterr().out.count("ED:CD:AB:81:AB:09") == 2


def test_a_locale_without_our_shapes_is_no_reason_to_fail() -> None:
    environ = {**os.environ, "PYTHONIOENCODING": "ascii"}
    result = subprocess.run(
        [sys.executable, "-m", "hune", "site", "check"], capture_output=True, text=True, env=environ, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "is right" in result.stdout
