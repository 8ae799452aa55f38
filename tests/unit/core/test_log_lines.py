"""A log has one line an event, whatever others made it say."""

from __future__ import annotations

import logging
import sys

from hune.core.logs import LineFormatter


def written(text: str, *arguments: object, failure: bool = False) -> list[str]:
    record = logging.LogRecord("hub", logging.WARNING, "", 0, text, arguments, sys.exc_info() if failure else None)
    return LineFormatter("%(levelname)s %(message)s").format(record).split("\n")


def test_nobodys_words_begin_a_line_or_steer_a_terminal() -> None:
    hostile = "nothing\n2026-11-21 INFO all is well\r\x1b[2J\x9b1A"
    line = r"WARNING anna says: nothing\x0a2026-11-21 INFO all is well\x0d\x1b[2J\x9b1A"
    assert written("anna says: %s", hostile) == [line]


def test_traceback_keeps_its_lines_and_no_secret() -> None:
    try:
        raise ValueError("http://hub/alerts/1?key=secret \x1b]0;gone\x07")
    except ValueError:
        first, *lines = written("failed\n", failure=True)
    assert first == "WARNING failed"
    assert lines[0].startswith("Traceback")
    assert lines[-1] == r"ValueError: http://hub/… \x1b]0;gone\x07"
