"""Fields of answers: what is understood, and what is refused with the place where it stands."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hune.collect.pve.answers import Record, one_line, record, records
from hune.pve.errors import BadAnswer


def read(value: Any) -> Record:
    return Record({"it": value}, "/nodes/pve-01/qemu: item 3")


@pytest.mark.parametrize(("value", "number"), [(3, 3), (0.5, 0.5), ("42", 42), ("  5", 5), ("1.5e3", 1500), ("-1", -1)])
def test_numbers_may_come_as_text(value: Any, number: float) -> None:
    assert read(value).number("it") == number


@pytest.mark.parametrize(
    "value",
    [
        True,
        "",
        "0x10",
        "1_000",
        "nan",
        "inf",
        "٣",
        "1" * 50,
        float("nan"),
        float("inf"),
        10**400,
        2**64,
        [],
        {},
        "1e999",
    ],
)
def test_what_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(BadAnswer, match=r"^/nodes/pve-01/qemu: item 3: it is "):
        read(value).number("it")


@pytest.mark.parametrize(
    ("value", "flag"), [(1, True), (0, False), (True, True), (False, False), ("1", True), ("0", False), ("", False)]
)
def test_truth_comes_in_many_ways(value: Any, flag: bool) -> None:
    assert read(value).flag("it") is flag


@pytest.mark.parametrize("value", [2, "yes", [], {}, 0.5])
def test_what_is_neither_is_refused(value: Any) -> None:
    with pytest.raises(BadAnswer):
        read(value).flag("it")


def test_a_missing_field_takes_the_default_or_says_where() -> None:
    empty = record({"null": None}, "/version")
    assert (empty.text("null", "x"), empty.number("no", 7), empty.flag("no", False), empty.records("no")) == (
        "x",
        7,
        False,
        [],
    )
    with pytest.raises(BadAnswer, match=r"/version: release is missing"):
        empty.text("release")


def test_whole_numbers_and_amounts_are_what_they_say() -> None:
    assert (read(3.0).whole("it"), read("7").amount("it")) == (3, 7)
    with pytest.raises(BadAnswer):
        read(3.5).whole("it")
    with pytest.raises(BadAnswer):
        read(-1).amount("it")


def test_a_list_of_the_wrong_things_names_the_item() -> None:
    with pytest.raises(BadAnswer, match="item 2 is not an object"):
        records([{}, 5], "/nodes")
    with pytest.raises(BadAnswer, match="not a list"):
        records({}, "/nodes")
    with pytest.raises(BadAnswer, match="not an object"):
        record([], "/version")


@given(st.text(max_size=300))
def test_a_label_is_one_printable_line_of_bounded_length(text: str) -> None:
    label = one_line(text)
    label.encode()
    assert len(label) <= 200
    assert label.isprintable()


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner)))
def test_every_reader_returns_its_type_or_a_bad_answer(value: Any) -> None:
    one = read(value)
    readers = (one.text, one.page, one.number, one.whole, one.amount, one.flag, one.record, one.records, one.texts)
    for reader in readers:
        try:
            reader("it")
        except BadAnswer as error:
            str(error).encode()
