"""A node as a tile: its state, its hottest core, an hour, how busy it is, its ports."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hune.nester.drawing import Points, Scale, Spark, celsius_scale, spark
from hune.nester.history import Span
from hune.nester.judge import PortState, State, Verdict, judge_port
from hune.nester.language import NO_BREAK, Language
from hune.nester.snapshot import SLOW_SECONDS, Node, Reading, Sensor, Snapshot, is_core
from hune.nester.views.words import kind_text, port_brief, port_text, port_title, shorten

_RATIOS = Scale(0.0, 1.0)
# A sparkline shows at least this much above and below, so that a calm machine looks calm.
_SPARK_LOW_CELSIUS = 25.0
_SPARK_LEAST_RATIO = 0.2


@dataclass(frozen=True, slots=True)
class Gauge:
    """A bar: how far it is filled, where its threshold is; percentages as SVG writes them."""

    fill: str
    tick: str
    low: float
    high: float
    value: float


@dataclass(frozen=True, slots=True)
class CoreBar:
    """One core in the small columns beside the figure."""

    height: float
    hottest: bool
    over: bool
    title: str


@dataclass(frozen=True, slots=True)
class Stat:
    """A small figure with a bar below."""

    name: str
    label: str
    value: str
    fill: str
    title: str
    stale: bool
    high: bool


@dataclass(frozen=True, slots=True)
class PortLook:
    """A port as it is drawn."""

    name: str
    brief_name: str
    state: PortState
    stale: bool
    text: str
    brief: str
    title: str


@dataclass(frozen=True, slots=True)
class Tile:
    """Everything a tile shows, in words and numbers ready to print."""

    name: str
    kind: str
    lab: bool
    state: State
    down: bool
    word: str
    stale: bool
    age: str
    figure: str
    unit: str
    metric: str
    caption: str
    detail: str
    over: bool
    gauge: Gauge | None
    cores: tuple[CoreBar, ...]
    hour: str
    spark: Spark | None
    stats: tuple[Stat, ...]
    ports: tuple[PortLook, ...]
    uptime: str


@dataclass(frozen=True, slots=True)
class Hour:
    """The last hour of a node, or what there is of it: how hot it was, or how busy where nothing measures heat."""

    points: Points
    span: Span
    end: float
    thermal: bool


def make_tile(node: Node, verdict: Verdict, snapshot: Snapshot, hour: Hour, t: Language) -> Tile:
    """Return the tile of a node. Its figure is the hottest sensor, or the CPU where nothing measures heat."""
    now = snapshot.taken_at
    hottest = node.hottest
    thermal = hottest is not None or hour.thermal
    reading = _main_reading(node, hour)
    stale = verdict.stale or (reading is not None and reading.is_stale(now))
    over = thermal and reading is not None and reading.value > node.limit_celsius
    return Tile(
        name=node.name,
        kind=kind_text(node, t),
        lab=node.lab,
        state=verdict.state,
        down=verdict.down,
        word=_word(verdict, t),
        stale=stale,
        age=t("tile.age", age=t.duration(now - reading.at)) if stale and reading else "",
        figure=_figure(reading, thermal, t),
        unit="" if reading is None else "°C" if thermal else "%",
        metric="temperature" if thermal else "cpu",
        caption=_caption(node, reading, thermal, t),
        detail=_detail(node, t),
        over=over,
        gauge=_gauge(node, reading, thermal),
        cores=_cores(node, t),
        hour=_hour(hour, None if verdict.down else hottest, t),
        spark=_spark(node, hour),
        stats=_stats(node, now, thermal, t),
        ports=port_looks(node, now, t),
        uptime=_uptime(node, verdict, now, t),
    )


def _word(verdict: Verdict, t: Language) -> str:
    """Return the state in a word; what is down is said to be, also while somebody looks after it."""
    word = t(f"state.{verdict.state}")
    return f"{t('state.down')} · {word}" if verdict.down and verdict.state != "down" else word


def _main_reading(node: Node, hour: Hour) -> Reading | None:
    """Return what a tile is about; of a node that fell silent before anybody watched, what the store knows."""
    if node.hottest:
        return node.hottest.celsius
    if not hour.thermal:
        return node.cpu_ratio
    known = [(at, value) for at, value in hour.points if math.isfinite(value)]
    return Reading(known[-1][1], known[-1][0], SLOW_SECONDS) if known else None


def port_looks(node: Node, now: float, t: Language) -> tuple[PortLook, ...]:
    """Return the watched ports of a node."""
    return tuple(
        PortLook(
            name=port.name,
            brief_name=shorten(port.name, 6),
            state=judge_port(port),
            stale=port.up is not None and port.up.is_stale(now),
            text=port_text(port, t),
            brief=port_brief(port, t),
            title=port_title(port, t),
        )
        for port in node.ports
    )


def _figure(reading: Reading | None, thermal: bool, t: Language) -> str:
    if reading is None:
        return "–"
    return t.number(reading.value if thermal else reading.value * 100)


def _caption(node: Node, reading: Reading | None, thermal: bool, t: Language) -> str:
    if thermal:
        return t("tile.limit", limit=t.celsius(node.limit_celsius))
    if node.up and node.up.value == 1 and not reading:
        return t("tile.soon")
    return t("tile.cpu") if reading else ""


def _detail(node: Node, t: Language) -> str:
    """Return the hottest core, or the hottest sensor where cores don't tell."""
    cores = [sensor for sensor in node.sensors if is_core(sensor)]
    shown = max(cores, key=lambda sensor: sensor.celsius.value) if cores else node.hottest
    return f"{shown.label}{NO_BREAK}{t.number(shown.celsius.value)}°" if shown else ""


def _gauge(node: Node, reading: Reading | None, thermal: bool) -> Gauge | None:
    if reading is None:
        return None
    if not thermal:
        return Gauge(_RATIOS.percent(reading.value), "", 0, 100, round(reading.value * 100))
    scale = celsius_scale(node.limit_celsius)
    return Gauge(
        fill=scale.percent(reading.value),
        tick=scale.percent(node.limit_celsius),
        low=scale.low,
        high=scale.high,
        value=round(reading.value, 1),
    )


def _cores(node: Node, t: Language) -> tuple[CoreBar, ...]:
    cores = [sensor for sensor in node.sensors if is_core(sensor)]
    if len(cores) < 2:
        return ()
    scale = celsius_scale(node.limit_celsius)
    hottest = max(cores, key=lambda sensor: sensor.celsius.value)
    return tuple(
        CoreBar(
            height=round(max(0.06, scale.fraction(core.celsius.value)) * 100, 1),
            hottest=core is hottest,
            over=core.celsius.value > node.limit_celsius,
            title=f"{core.label}: {t.celsius(core.celsius.value)}",
        )
        for core in cores
    )


def _spark(node: Node, hour: Hour) -> Spark | None:
    peak = max((value for _, value in hour.points if math.isfinite(value)), default=0.0)
    scale, threshold = Scale(0.0, min(1.0, max(_SPARK_LEAST_RATIO, 1.25 * peak))), None
    if hour.thermal:
        scale, threshold = Scale(_SPARK_LOW_CELSIUS, max(node.limit_celsius, peak) + 6.0), node.limit_celsius
    return spark(
        hour.points,
        start=hour.end - hour.span.seconds,
        end=hour.end,
        scale=scale,
        step_seconds=hour.span.step_seconds,
        threshold=threshold,
    )


def _hour(hour: Hour, hottest: Sensor | None, t: Language) -> str:
    """Return what the sparkline shows, and its highest value."""
    values = [value for _, value in hour.points if math.isfinite(value)]
    span = t.duration(hour.span.seconds)
    if not values:
        return span
    if not hour.thermal:
        return t("tile.hour_peak", span=span, peak=t.percent(max(values)))
    # The store knows less of the last seconds than the live value does.
    peak = max([*values, hottest.celsius.value] if hottest else values)
    return t("tile.hour_peak", span=span, peak=f"{t.number(peak)}°")


def _stats(node: Node, now: float, thermal: bool, t: Language) -> tuple[Stat, ...]:
    memory = t.bytes(node.memory_bytes) if node.memory_bytes else ""
    cpus = t("tile.cpus", count=node.cpus) if node.cpus else ""
    found = []
    if thermal:
        found.append(_ratio("cpu", t("stat.cpu"), node.cpu_ratio, cpus, now, t))
    found.append(_ratio("memory", t("stat.memory"), node.memory_ratio, memory, now, t))
    load = node.load
    found.append(
        Stat(
            name="load",
            label=t("stat.load"),
            value="–" if load is None else t.load(load.value),
            fill=_RATIOS.percent(load.value / node.cpus) if load and node.cpus else "0%",
            title=" · ".join(filter(None, [t("stat.load_title"), cpus])),
            stale=load is not None and load.is_stale(now),
            high=bool(load and node.cpus and load.value > 2 * node.cpus),
        )
    )
    found.append(_ratio("disk", t("stat.disk"), node.disk_ratio, t("stat.disk_title"), now, t))
    return tuple(found)


def _ratio(name: str, label: str, reading: Reading | None, title: str, now: float, t: Language) -> Stat:
    return Stat(
        name=name,
        label=label,
        value="–" if reading is None else t.percent(reading.value),
        fill="0%" if reading is None else _RATIOS.percent(reading.value),
        title=title,
        stale=reading is not None and reading.is_stale(now),
        high=reading is not None and reading.value > 0.9,
    )


def _uptime(node: Node, verdict: Verdict, now: float, t: Language) -> str:
    if node.booted_at is None or verdict.down:
        return ""
    return t("tile.uptime", duration=t.duration(now - node.booted_at))
