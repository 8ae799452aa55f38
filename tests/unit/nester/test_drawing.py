"""Geometry of gauges, sparklines and charts."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hune.nester.drawing import Frame, Line, Scale, celsius_scale, chart, hours, spark, spread, ticks


def test_scale_holds_values_within_itself() -> None:
    scale = Scale(20, 100)
    assert [scale.fraction(value) for value in (0, 20, 60, 100, 140)] == [0, 0, 0.5, 1, 1]
    assert scale.percent(60) == "50.0%"


def test_high_limit_widens_the_gauge() -> None:
    assert celsius_scale(70).high == 100
    assert celsius_scale(95).high == 110


def test_sparkline_breaks_where_points_are_missing() -> None:
    points = [(0.0, 40.0), (60.0, 42.0), (120.0, 41.0), (600.0, 50.0), (660.0, 51.0)]
    drawn = spark(points, start=0, end=3600, scale=Scale(0, 100), step_seconds=60)
    assert drawn is not None
    assert drawn.line.count("M") == 2
    assert drawn.area.count("Z") == 2


def test_sparkline_leaves_out_what_is_no_number() -> None:
    drawn = spark([(0, math.nan), (60, 50), (120, math.inf)], start=0, end=120, scale=Scale(0, 100), step_seconds=60)
    assert drawn is not None
    assert "nan" not in drawn.line + drawn.area
    assert "inf" not in drawn.line + drawn.area


def test_sparkline_of_nothing_is_none() -> None:
    assert spark([], start=0, end=60, scale=Scale(0, 1), step_seconds=60) is None


def test_threshold_lies_where_its_value_would() -> None:
    drawn = spark([(0, 70), (60, 70)], start=0, end=60, scale=Scale(0, 100), step_seconds=60, threshold=70, height=40)
    assert drawn is not None
    assert drawn.threshold_y == 12
    assert drawn.line == "M0 12L240 12"


def test_names_at_the_ends_of_lines_do_not_touch() -> None:
    frame = Frame(500, 300, right=100, bottom=20, label_height=30)
    lines = [Line(name, name, "calm", [(0, 50.0), (60, 50.0 + i)]) for i, name in enumerate("abc")]
    drawn = chart(
        lines,
        start=0,
        end=60,
        step_seconds=60,
        scale=Scale(0, 100),
        frame=frame,
        thresholds={70: "70 °C"},
        x_marks={0: "10:00"},
        y_marks={50: "50°"},
    )
    places = sorted(curve.label_y for curve in drawn.curves)
    assert all(after - before >= 30 for before, after in itertools.pairwise(places))
    assert drawn.thresholds[0].at == pytest.approx(84)
    assert (drawn.left, drawn.right) == (0, 400)


@given(st.lists(st.floats(0, 400), max_size=10))
def test_spread_keeps_order_and_distance(places: list[float]) -> None:
    moved = spread(places, 30, 400)
    order = sorted(range(len(places)), key=lambda index: places[index])
    ordered = [moved[index] for index in order]
    assert all(after - before >= 29.8 for before, after in itertools.pairwise(ordered))
    assert all(14.9 <= place <= 385.1 for place in moved)


@pytest.mark.parametrize(
    ("low", "high", "about", "expected"),
    [(30, 80, 5, [30, 40, 50, 60, 70, 80]), (0, 1.1, 4, [0, 0.5, 1.0]), (0, 1.7e9, 4, [0, 5e8, 1e9, 1.5e9])],
)
def test_ticks_are_round(low: float, high: float, about: int, expected: list[float]) -> None:
    assert ticks(low, high, about) == expected


def test_hours_lie_on_whole_local_hours() -> None:
    found = hours(1000, 8999, 3600, offset_seconds=1800)
    assert all((at + 1800) % 3600 == 0 and 1000 <= at <= 8999 for at in found)
    assert len(found) == 2
