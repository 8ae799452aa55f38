"""Geometry of what is drawn: gauges, sparklines, charts, as numbers and paths that templates put into SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

Points = Sequence[tuple[float, float]]

# Gauges of temperature begin where a room does.
COOL_CELSIUS = 20.0


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps values to 0…1."""

    low: float
    high: float

    def fraction(self, value: float) -> float:
        """Return where a value lies, held within the scale."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))

    def percent(self, value: float) -> str:
        """Return where a value lies, as SVG writes it."""
        return f"{100 * self.fraction(value):.1f}%"


def celsius_scale(limit: float) -> Scale:
    """Return the scale of a thermal gauge: the limit lies at the same place of every gauge with the same limit."""
    return Scale(COOL_CELSIUS, max(100.0, limit + 15.0))


@dataclass(frozen=True, slots=True)
class Spark:
    """A small curve in a box of `width` × `height` units."""

    width: int
    height: int
    line: str
    area: str
    threshold_y: float | None
    last: tuple[float, float] | None


def spark(
    points: Points,
    *,
    start: float,
    end: float,
    scale: Scale,
    step_seconds: float,
    threshold: float | None = None,
    width: int = 240,
    height: int = 40,
) -> Spark | None:
    """Return the curve of some points, broken where more than two are missing; None if there is nothing to draw."""
    runs = [run for run in _runs(points, step_seconds) if run]
    if not runs:
        return None

    def place(point: tuple[float, float]) -> tuple[float, float]:
        at, value = point
        return (at - start) / (end - start) * width, height - scale.fraction(value) * height

    placed = [[place(point) for point in run] for run in runs]
    return Spark(
        width=width,
        height=height,
        line="".join(_polyline(run) for run in placed),
        area="".join(
            f"{_polyline(run)}L{_n(run[-1][0])} {height}L{_n(run[0][0])} {height}Z" for run in placed if len(run) > 1
        ),
        threshold_y=None if threshold is None else round(height - scale.fraction(threshold) * height, 1),
        last=placed[-1][-1],
    )


def _runs(points: Points, step_seconds: float) -> Iterable[list[tuple[float, float]]]:
    run: list[tuple[float, float]] = []
    for at, value in points:
        if not math.isfinite(value):
            continue
        if run and at - run[-1][0] > 2.5 * step_seconds:
            yield run
            run = []
        run.append((at, value))
    yield run


def _polyline(run: Sequence[tuple[float, float]]) -> str:
    # A lone point becomes a short line, or it would not be drawn.
    if len(run) == 1:
        run = [run[0], (run[0][0] + 0.5, run[0][1])]
    return "M" + "L".join(f"{_n(x)} {_n(y)}" for x, y in run)


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a chart, with the place of its name at the right edge."""

    name: str
    text: str
    tone: str
    line: str
    x: float
    y: float
    label_y: float


@dataclass(frozen=True, slots=True)
class Mark:
    """A labelled place on an axis."""

    text: str
    at: float


@dataclass(frozen=True, slots=True)
class Chart:
    """Several curves over time; all numbers are units of the drawing."""

    width: int
    height: int
    left: int
    right: int
    plot_height: int
    curves: tuple[Curve, ...]
    x_marks: tuple[Mark, ...]
    y_marks: tuple[Mark, ...]
    thresholds: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """What a curve is made of."""

    name: str
    text: str
    tone: str
    points: Points


@dataclass(frozen=True, slots=True)
class Frame:
    """Size of a chart, and the room beside its plot for names and numbers and below it for times."""

    width: int
    height: int
    right: int
    bottom: int
    label_height: int
    left: int = 0


def chart(
    lines: Sequence[Line],
    *,
    start: float,
    end: float,
    step_seconds: float,
    scale: Scale,
    frame: Frame,
    thresholds: Mapping[float, str],
    x_marks: Mapping[float, str],
    y_marks: Mapping[float, str],
) -> Chart:
    """Return a chart; names stand at the ends of their lines, moved apart where they would touch."""
    width, height = frame.width - frame.right - frame.left, frame.height - frame.bottom

    def x(at: float) -> float:
        return round(frame.left + (at - start) / (end - start) * width, 1)

    def y(value: float) -> float:
        return round(height - scale.fraction(value) * height, 1)

    drawn: list[tuple[Line, str, float, float]] = []
    for line in lines:
        runs = [[(x(at), y(value)) for at, value in run] for run in _runs(line.points, step_seconds) if run]
        if runs:
            drawn.append((line, "".join(_polyline(run) for run in runs), *runs[-1][-1]))
    places = spread([y_end for *_, y_end in drawn], frame.label_height, height)
    return Chart(
        width=frame.width,
        height=frame.height,
        left=frame.left,
        right=frame.left + width,
        plot_height=height,
        curves=tuple(
            Curve(line.name, line.text, line.tone, path, x_end, y_end, place)
            for (line, path, x_end, y_end), place in zip(drawn, places, strict=True)
        ),
        x_marks=tuple(Mark(text, x(at)) for at, text in x_marks.items()),
        y_marks=tuple(Mark(text, y(value)) for value, text in y_marks.items()),
        thresholds=tuple(Mark(text, y(value)) for value, text in thresholds.items()),
    )


def spread(places: Sequence[float], gap: float, height: float) -> list[float]:
    """Return places at least `gap` apart within the height, in the order of the given ones and near to them."""
    order = sorted(range(len(places)), key=lambda index: places[index])
    moved = [0.0] * len(places)
    below = gap / 2
    for index in order:
        moved[index] = max(below, places[index])
        below = moved[index] + gap
    above = height - gap / 2
    for index in reversed(order):
        moved[index] = round(min(above, moved[index]), 1)
        above = moved[index] - gap
    return moved


def ticks(low: float, high: float, about: int) -> list[float]:
    """Return round values between two, roughly so many."""
    raw = (high - low) / max(1, about)
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * size for factor in (1, 2, 5, 10) if factor * size >= raw)
    first = math.ceil(low / step) * step
    return [round(first + step * i, 6) for i in range(int((high - first) / step + 1e-9) + 1)]


def hours(start: float, end: float, step_seconds: int, offset_seconds: int) -> list[float]:
    """Return the moments between two that lie on whole steps of local time."""
    first = math.ceil((start + offset_seconds) / step_seconds) * step_seconds - offset_seconds
    return [float(at) for at in range(int(first), int(end) + 1, step_seconds)]
