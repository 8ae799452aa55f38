"""`hune alert list` and `history`: what comes first, and what makes no sense."""

from typing import Any

import pytest

from hune.cli.alert_list import _urgency, history
from hune.core.errors import InputError


def row(name: str, severity: str, at: float, **changes: Any) -> dict[str, Any]:
    return {"name": name, "severity": severity, "starts_at": at, "care": None, "holds": [], **changes}


def test_what_calls_for_somebody_comes_first_and_the_worst_of_it_before_all_else() -> None:
    rows = [
        row("held", "critical", 1, holds=[{"kind": "silence"}]),
        row("looked after", "critical", 2, care={"by": "Ana"}),
        row("of a stranger", "", 3),
        row("warning", "warning", 4),
        row("new", "critical", 9),
        row("old", "critical", 5),
    ]
    wanted = ["old", "new", "warning", "of a stranger", "looked after", "held"]
    assert [each["name"] for each in sorted(rows, key=_urgency)] == wanted


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"since": "2d", "until": "3d"}, "--since is not before --until"),
        ({"since": "yesterday"}, "'yesterday': not a moment"),
        ({"json_output": True, "csv_output": True}, "--json and --csv: one of them"),
    ],
)
def test_history_that_makes_no_sense_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        history(**given)
