"""A budget is never exceeded in any minute, and is used if it can be."""

from hypothesis import given
from hypothesis import strategies as st

from hune.pve.budget import Budget
from support.stepped_clock import SteppedClock


@given(st.floats(1, 1000), st.lists(st.floats(0, 30), max_size=300))
def test_no_minute_has_more_calls_than_the_budget(per_minute: float, pauses: list[float]) -> None:
    clock = SteppedClock()
    budget = Budget(per_minute, clock)
    made: list[float] = []
    for pause in pauses:
        clock.step(pause)
        wait = budget.reserve(10.0)
        if wait is not None:
            made.append(clock.monotonic() + wait)
    made.sort()
    for index, first in enumerate(made):
        within = sum(first <= moment < first + 60 for moment in made[index:])
        # Below four calls a minute the one call that is always allowed counts beside the rest.
        assert within <= max(per_minute, 1) + 1e-6 or (per_minute < 4 and within <= per_minute + 1)


def test_a_quarter_may_be_made_at_once_and_the_rest_waits() -> None:
    budget = Budget(60, SteppedClock())
    waits = [budget.reserve(100.0) for _ in range(17)]
    assert waits[:15] == [0.0] * 15
    assert [round(wait or 0, 2) for wait in waits[15:]] == [1.33, 2.67]


def test_a_call_that_could_not_be_made_in_time_takes_nothing() -> None:
    clock = SteppedClock()
    budget = Budget(60, clock)
    for _ in range(15):
        budget.reserve(0.0)
    assert [budget.reserve(1.0) for _ in range(5)] == [None] * 5
    clock.step(1.4)
    assert budget.reserve(0.0) == 0.0


def test_what_is_spent_without_asking_is_waited_for() -> None:
    budget = Budget(60, SteppedClock())
    for _ in range(20):
        budget.spend()
    assert budget.reserve(5.0) is None
    assert budget.left < 0


def test_what_is_given_back_can_be_used() -> None:
    budget = Budget(4, SteppedClock())
    assert budget.reserve(0.0) == 0.0
    budget.give_back()
    assert budget.reserve(0.0) == 0.0


def test_without_a_budget_everything_is_allowed() -> None:
    budget = Budget(0, SteppedClock())
    assert {budget.reserve(0.0) for _ in range(1000)} == {0.0}
    assert budget.left == float("inf")
