"""The history of one machine: what is drawn, as numbers for the browser and as a drawing for a page without scripts."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from typing import Any, Literal

from hune.nester import history
from hune.nester.drawing import Chart, Frame, Line, Points, Scale, chart, hours, ticks
from hune.nester.history import History, Span
from hune.nester.language import Language, utc_offset_seconds
from hune.nester.snapshot import Node

Unit = Literal["celsius", "ratio", "bits", "bytes"]

FRAME = Frame(720, 220, left=56, right=8, bottom=24, label_height=16)


@dataclass(frozen=True, slots=True)
class Curve:
    """One line: what it is called, and its points."""

    name: str
    points: Points


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart of the page."""

    name: str
    unit: Unit
    curves: tuple[Curve, ...]
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """The charts of a machine over a span that ends at `end`."""

    span: Span
    end: float
    panels: tuple[Panel, ...]

    def data(self, offset_seconds: int) -> dict[str, Any]:
        """Return the numbers as the browser takes them: one list of moments, one list of values a curve."""
        start = self.end - self.span.seconds
        count = self.span.seconds // self.span.step_seconds + 1
        moments = [start + i * self.span.step_seconds for i in range(count)]
        return {
            "offset": offset_seconds,
            "keep": self.span.keep_seconds,
            "moments": moments,
            "panels": [
                {
                    "name": panel.name,
                    "unit": panel.unit,
                    "limit": panel.limit,
                    "curves": [{"name": curve.name, "values": self._aligned(curve, count)} for curve in panel.curves],
                }
                for panel in self.panels
            ],
        }

    def _aligned(self, curve: Curve, count: int) -> list[float | None]:
        start = self.end - self.span.seconds
        values: list[float | None] = [None] * count
        for at, value in curve.points:
            place = round((at - start) / self.span.step_seconds)
            if 0 <= place < count and math.isfinite(value):
                values[place] = float(f"{value:.4g}")
        return values


async def past(node: Node, span: Span, past_of: History, t: Language) -> Past:
    """Return the history of a machine."""
    devices = history.only([port.device for port in node.ports]) if node.ports else ""
    names = {port.device: port.name for port in node.ports}
    ends = [0.0]

    async def ask(template: str) -> list[tuple[str, Points]]:
        query = history.expression(template, span, node=node.name, devices=devices if "{devices}" in template else "")
        series, end = await past_of.look(query, span)
        ends.append(end)
        found = [(row.labels.get("device", ""), row.points) for row in series]
        return [(names.get(device, device), points) for device, points in sorted(found)]

    hot, busy, used, received, sent = await asyncio.gather(
        ask(history.HOT), ask(history.BUSY), ask(history.USED), ask(history.RECEIVED), ask(history.SENT)
    )
    links = [Curve(t("chart.received", port=name), points) for name, points in received]
    links += [Curve(t("chart.sent", port=name), points) for name, points in sent]
    panels = [
        Panel("temperature", "celsius", _curves(t("chart.hottest"), hot), node.limit_celsius),
        Panel("cpu", "ratio", _curves(t("stat.cpu"), busy)),
        Panel("memory", "ratio", _curves(t("stat.memory"), used)),
        Panel("links", "bits", tuple(links)),
    ]
    if not node.sensors and not hot:
        del panels[0]
    return Past(span, max(ends), tuple(panels))


async def past_of_guest(cluster: str, guest: str, span: Span, past_of: History, t: Language) -> Past:
    """Return the charts of a guest: how busy it was, its memory, what it sent and received, read and wrote."""
    ends: list[float] = []

    async def ask(template: str) -> list[tuple[str, Points]]:
        series, end = await past_of.look(history.of_guest(template, span, cluster=cluster, guest=guest), span)
        ends.append(end)
        return [("", row.points) for row in series]

    busy, used, received, sent, read, written = await asyncio.gather(
        *(
            ask(template)
            for template in (
                history.GUEST_BUSY,
                history.GUEST_USED,
                history.GUEST_RECEIVED,
                history.GUEST_SENT,
                history.GUEST_READ,
                history.GUEST_WRITTEN,
            )
        )
    )
    panels = (
        Panel("cpu", "ratio", _curves(t("stat.cpu"), busy)),
        Panel("memory", "ratio", _curves(t("stat.memory"), used)),
        Panel("links", "bits", (*_curves(t("chart.in"), received), *_curves(t("chart.out"), sent))),
        Panel("disk", "bytes", (*_curves(t("chart.read"), read), *_curves(t("chart.written"), written))),
    )
    return Past(span, max(ends), panels)


def _curves(name: str, series: list[tuple[str, Points]]) -> tuple[Curve, ...]:
    return tuple(Curve(name, points) for _, points in series)


def draw(panel: Panel, past_: Past, t: Language) -> Chart | None:
    """Return a chart as a drawing, None if there is nothing to draw."""
    values = [value for curve in panel.curves for _, value in curve.points if math.isfinite(value)]
    if not values:
        return None
    scale, y_marks = _y_axis(panel, values, t)
    start, end = past_.end - past_.span.seconds, past_.end
    return chart(
        [Line(curve.name, curve.name, "calm", curve.points) for curve in panel.curves],
        start=start,
        end=end,
        step_seconds=past_.span.step_seconds,
        scale=scale,
        frame=FRAME,
        thresholds={panel.limit: ""} if panel.limit is not None else {},
        x_marks=_x_marks(start, end, t),
        y_marks=y_marks,
    )


def _y_axis(panel: Panel, values: list[float], t: Language) -> tuple[Scale, dict[float, str]]:
    if panel.unit == "ratio":
        return Scale(0.0, 1.0), {value: t.percent(value) for value in (0.0, 0.25, 0.5, 0.75, 1.0)}
    if panel.unit == "celsius":
        scale = Scale(min(30.0, math.floor(min(values) / 10) * 10), max([*values, panel.limit or 0.0]) + 5)
        return scale, {value: f"{t.number(value)}°" for value in ticks(scale.low, scale.high, 4)}
    scale = Scale(0.0, max(values) * 1.1 or 1.0)
    return scale, {value: t.bits(value) for value in ticks(0.0, scale.high, 4)}


def _x_marks(start: float, end: float, t: Language) -> dict[float, str]:
    span = end - start
    step = 900 if span <= 3600 else 6 * 3600 if span <= 86_400 else 7 * 86_400
    moments = hours(start, end, step, utc_offset_seconds(end))
    return {at: t.clock(at)[:5] if span <= 86_400 else t.date_time(at).rsplit("\u00a0", 1)[0] for at in moments}
