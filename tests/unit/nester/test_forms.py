"""Forms: each wish once, whoever clicks how often."""

from __future__ import annotations

import asyncio

import pytest
from starlette.responses import Response

from hune.core.errors import Unavailable
from hune.nester.forms import Form, Once
from support.stepped_clock import SteppedClock


class Deed:
    """Something that takes until it is let go on."""

    def __init__(self, error: Exception | None = None) -> None:
        self.done = 0
        self.go_on = asyncio.Event()
        self._error = error

    async def __call__(self) -> Response:
        self.done += 1
        await self.go_on.wait()
        if self._error:
            raise self._error
        return Response("done")


async def test_clicks_that_follow_each_other_do_it_once_and_all_hear_of_it() -> None:
    once, deed = Once(SteppedClock()), Deed()
    clicks = [asyncio.create_task(once.do("form", "acknowledge", deed)) for _ in range(3)]
    await asyncio.sleep(0)
    deed.go_on.set()
    assert [(await click).body for click in clicks] == [b"done"] * 3
    assert deed.done == 1


async def test_other_forms_and_other_wishes_are_others() -> None:
    once, deed = Once(SteppedClock()), Deed()
    deed.go_on.set()
    for token, wish in (("form", "acknowledge"), ("form", "release"), ("other", "acknowledge"), ("", "x"), ("", "x")):
        await once.do(token, wish, deed)
    assert deed.done == 5


async def test_who_comes_back_to_a_form_later_means_it() -> None:
    clock = SteppedClock()
    once, deed = Once(clock), Deed()
    deed.go_on.set()
    await once.do("form", "silence", deed)
    clock.step(11)
    await once.do("form", "silence", deed)
    assert deed.done == 2


async def test_who_hangs_up_does_not_undo_it_and_failure_reaches_everybody() -> None:
    once, deed = Once(SteppedClock()), Deed(Unavailable("the hub is silent"))
    first = asyncio.create_task(once.do("form", "acknowledge", deed))
    await asyncio.sleep(0)
    first.cancel()
    second = asyncio.create_task(once.do("form", "acknowledge", deed))
    await asyncio.sleep(0)
    deed.go_on.set()
    with pytest.raises(Unavailable):
        await second
    assert deed.done == 1
    with pytest.raises(Unavailable):
        await once.do("form", "acknowledge", deed)
    assert (deed.done, once.kept) == (2, 0)


async def test_of_forms_that_nobody_has_to_answer_for_nothing_is_kept() -> None:
    once, deed = Once(SteppedClock()), Deed()
    deed.go_on.set()
    for number in range(3):
        await once.do("", f"wish {number}", deed)
    assert (deed.done, once.kept) == (3, 0)
    await once.do("form", "wish", deed)
    assert once.kept == 1


def test_whoever_changes_a_field_wishes_something_else() -> None:
    wishes = {
        Form(fields).wish
        for fields in ({"nodes": ["a"]}, {"nodes": ["b"]}, {"nodes": ["a", "b"]}, {"nodes": ["a"], "reason": ["x"]}, {})
    }
    assert len(wishes) == 5
    assert Form({"a": ["1"], "b": ["2"]}).wish == Form({"b": ["2"], "a": ["1"]}).wish


def test_fields_are_read_on_one_line_or_line_by_line() -> None:
    form = Form({"by": ["  Ana \r\n Ruiz "], "matchers": ["a=b\r\n\r\n  c=d  "], "id": ["1", "2", "1"]})
    assert (form.text("by"), form.lines("matchers"), form.all("id")) == ("Ana Ruiz", ["a=b", "c=d"], ["1", "2"])
    assert (form.text("nothing"), form.lines("nothing"), form.all("nothing")) == ("", [], [])
