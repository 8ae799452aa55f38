"""How tables of the command line meet a narrow terminal."""

import pytest

from hune.cli import show


def test_names_stay_whole_and_long_texts_wrap(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    detail = "ready, rules evaluate, Alertmanager reached, store written 1 s ago"
    show.table(
        ("service", "address", "since", "detail"),
        [("blackbox-exporter", "127.0.0.1:20614", "4 min 17 s", detail)],
    )
    printed = capsys.readouterr().out
    for whole in ("blackbox-exporter", "127.0.0.1:20614", "4 min 17 s"):
        assert whole in printed
    assert max(map(len, printed.splitlines())) <= 60
