"""What comes from elsewhere is shown in a terminal, and doesn't steer it."""

import pytest

from hune.cli import show
from hune.core.logs import visible

HOSTILE = "\x1b]0;title\x07\x1b[2J\x9b2J\rnew"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("78 °C · nœud 🔥\tok", "78 °C · nœud 🔥\tok"),
        ("\x1b[1;35mCRITICAL\x1b[0m", "\x1b[1;35mCRITICAL\x1b[0m"),
        (HOSTILE, r"\x1b]0;title\x07\x1b[2J\x9b2J\x0dnew"),
        ("one\nother", r"one\x0aother"),
    ],
)
def test_line_steers_no_terminal(line: str, shown: str) -> None:
    assert visible(line) == shown


def test_detail_of_a_service_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show.table(("detail",), [(show.escape(HOSTILE),)])
    show.line(show.escape(HOSTILE))
    assert not set(capsys.readouterr().out) & {"\x1b", "\x07", "\x9b", "\r"}
