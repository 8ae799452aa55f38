"""Labs that are started at the same moment take different ports."""

import os
import threading
import time

import pytest

from hune.core.errors import Unavailable
from hune.lab import turns


@pytest.fixture(autouse=True)
def _own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests of labs go on beside this one."""
    monkeypatch.setattr(turns, "_NAME", f"\0hune-test-{os.getpid()}")


def test_ports_are_chosen_only_when_those_of_the_lab_before_are_listened_on() -> None:
    listened_on: set[int] = set()
    chosen: list[int] = []

    def start() -> None:
        with turns.turn(patience_seconds=60):
            port = next(port for port in range(9100, 9200) if port not in listened_on)
            chosen.append(port)
            # Long enough for all others to choose too, if nothing kept them.
            time.sleep(0.2)
            listened_on.add(port)

    labs = [threading.Thread(target=start) for _ in range(3)]
    for lab in labs:
        lab.start()
    for lab in labs:
        lab.join(60)
    assert sorted(chosen) == [9100, 9101, 9102]


def test_one_that_never_comes_up_is_told_of_and_its_end_frees_the_way() -> None:
    with (
        turns.turn(patience_seconds=0),
        pytest.raises(Unavailable, match="another lab is being started"),
        turns.turn(patience_seconds=0),
    ):
        pass
    with turns.turn(patience_seconds=0):
        pass
