"""The wall: one screen, read from five metres."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hune.nester import history
from hune.nester.drawing import Chart, Frame, Line, Scale, chart, hours, ticks
from hune.nester.judge import (
    ORDER,
    State,
    Verdict,
    is_hot,
    judge_alert,
    judge_probe,
    overall,
    tally,
    worst_clusters_first,
    worst_first,
)
from hune.nester.language import Language, utc_offset_seconds
from hune.nester.snapshot import Node
from hune.nester.views.attention import attentions
from hune.nester.views.frame import banners, critical
from hune.nester.views.look import Look, Part, Scene, title
from hune.nester.views.overview import last_hours
from hune.nester.views.proxmox.summary import summary
from hune.nester.views.tile import Hour, Tile, make_tile, port_looks
from hune.nester.views.words import alert_brief, alert_limit, alert_subject, shorten

PAGE_TILES = 4
PAGE_SECONDS = 20
SHOWN_ALERTS = 3
DRAWN_LINES = 12
DAY_ROWS = 4
# Units of the drawing; the style sheet gives it just this room when all is quiet, and when something is wrong.
QUIET_WIDTH, BUSY_WIDTH, CHART_HEIGHT = 590, 550, 860
LETTER_WIDTH = 19
# What a row about a cluster takes from the chart, its distance included.
CLUSTER_HEIGHT = 176
SHOWN_CLUSTERS = 2


async def wall(scene: Scene) -> Look:
    """Return the wall."""
    state = overall(scene.snapshot)
    quiet = state == "up"
    judged = worst_first(scene.snapshot)
    regions = {
        "banners": tuple(banners(scene)),
        "wall-verdict": (_verdict(scene, state),),
        "wall-nodes": tuple(_tiles(scene, judged, await last_hours(scene))),
        "wall-pages": (_pages(scene, judged),),
        "wall-chart": (await _chart(scene, judged, QUIET_WIDTH if quiet else BUSY_WIDTH),),
        "wall-clusters": tuple(_clusters(scene)),
        "wall-ports": tuple(_ports(scene, judged)),
        "wall-alerts": tuple(_alerts(scene)),
        # There is room for it beside one alert, not beside several.
        "wall-day": (await _day(scene, judged),) if len(scene.snapshot.open_alerts) <= 1 else (),
    }
    return Look(title(scene, scene.snapshot.site), state, regions, critical(scene))


def _verdict(scene: Scene, state: State) -> Part:
    t, snapshot = scene.t, scene.snapshot
    counts = tally(snapshot)
    down = sum(1 for _, each in worst_first(snapshot) if each.state == "down")
    if counts.critical:
        text = t("verdict.critical", count=counts.critical)
    elif snapshot.measured_at is None:
        text = t("wall.no_data")
    elif snapshot.is_stale:
        text = t("wall.stale", age=scene.ago(snapshot.measured_at))
    elif down:
        text = t("wall.down", count=down)
    elif counts.warning and state == "warning":
        text = t("verdict.warning", count=counts.warning)
    elif state in ("acknowledged", "held"):
        text = t(f"verdict.{state}", count=counts.acknowledged if state == "acknowledged" else counts.held)
    else:
        text = t("wall.partly_stale" if state == "stale" else f"wall.{state}")
    return scene.part("verdict", "parts/wall_verdict.html", state=state, text=text)


def _shown(scene: Scene, judged: list[tuple[Node, Verdict]]) -> tuple[int, int]:
    """Return the page that is shown now, and how many there are; what is critical comes first and stays."""
    pages = max(1, math.ceil(len(judged) / PAGE_TILES))
    pinned = any(verdict.state in ("critical", "down") for _, verdict in judged)
    return (0 if pinned else int(scene.now // PAGE_SECONDS) % pages), pages


def _tiles(scene: Scene, judged: list[tuple[Node, Verdict]], past: dict[str, Hour]) -> list[Part]:
    page, _ = _shown(scene, judged)
    parts = []
    for node, verdict in judged[page * PAGE_TILES : (page + 1) * PAGE_TILES]:
        tile = make_tile(node, verdict, scene.snapshot, past[node.name], scene.t)
        parts.append(
            scene.part(f"node-{node.name}", "parts/wall_tile.html", tile=tile, **_tile_words(scene, node, tile))
        )
    return parts


def _tile_words(scene: Scene, node: Node, tile: Tile) -> dict[str, str]:
    """Return the line below a tile's bar: since when it is silent, what is wrong if not heat, else the heat."""
    size = "" if len(node.name) <= 8 else "long" if len(node.name) <= 14 else "longer"
    if tile.down:
        since = next(
            (a.starts_at for a in scene.snapshot.open_alerts if a.name == "NodeDown" and a.label("node") == node.name),
            None,
        )
        line = scene.t("wall.since", at=scene.t.clock(since), duration=scene.ago(since)) if since else tile.age
    elif tile.stale:
        line = tile.age
    else:
        heat = " · ".join(filter(None, [tile.detail, tile.caption]))
        line = heat if tile.over else _worst(scene, node) or heat
    return {"size": size, "line": line}


def _worst(scene: Scene, node: Node) -> str:
    """Return the worst that is wrong with a node, in short; nothing if all is well."""
    wrong = (alert for alert in scene.snapshot.open_alerts if alert.label("node") == node.name)
    return next((alert_brief(alert, scene.t) for alert in wrong), "")


def _pages(scene: Scene, judged: list[tuple[Node, Verdict]]) -> Part:
    page, pages = _shown(scene, judged)
    return scene.part("pages", "parts/wall_pages.html", page=page, pages=pages)


async def _chart(scene: Scene, judged: list[tuple[Node, Verdict]], width: int) -> Part:
    """Return the thermal history of all nodes, or how busy they were where nothing measures heat."""
    thermal = any(node.sensors for node in scene.snapshot.nodes)
    template = history.HOT if thermal else history.BUSY
    recent = await scene.history.by_node(template, *history.WALLS)
    limits = sorted({node.limit_celsius for node, _ in judged if node.sensors})
    lines = [
        Line(
            node.name,
            shorten(node.name, 9),
            "critical" if is_hot(node, scene.snapshot) else "calm",
            recent.points[node.name],
        )
        # The worst, and the worst of them drawn last, above the others.
        for node, _ in reversed(judged[:DRAWN_LINES])
        if node.name in recent.points
    ]
    drawing = _draw(scene, lines, limits if thermal else [], recent, width, thermal) if lines else None
    return scene.part(
        "chart",
        "parts/wall_chart.html",
        chart=drawing,
        title=scene.t("wall.thermal" if thermal else "wall.busy", span=scene.t.duration(recent.span.seconds)),
    )


def _clusters(scene: Scene) -> list[Part]:
    """Return the clusters, worst first; more than there is room for take turns, except while one is critical."""
    judged = worst_clusters_first(scene.snapshot)
    turns = max(1, math.ceil(len(judged) / SHOWN_CLUSTERS))
    pinned = any(verdict.state in ("critical", "down") for _, verdict in judged)
    turn = 0 if pinned else int(scene.now // PAGE_SECONDS) % turns
    parts = []
    for cluster, _ in judged[turn * SHOWN_CLUSTERS : (turn + 1) * SHOWN_CLUSTERS]:
        shown = summary(scene, cluster)
        named = {fact.name: fact for fact in shown.facts}
        facts = [named[name] for name in ("nodes", "guests", "protection", "ceph", "load") if name in named]
        # What is wrong first: there is room for three.
        facts.sort(key=lambda fact: ORDER.index(fact.state))
        parts.append(scene.part(f"cluster-{cluster.name}", "parts/wall_cluster.html", cluster=shown, facts=facts[:3]))
    return parts


def _draw(
    scene: Scene, lines: list[Line], limits: list[float], recent: history.Recent, width: int, thermal: bool
) -> Chart:
    t, span, end = scene.t, recent.span, recent.end
    values = [value for line in lines for _, value in line.points if math.isfinite(value)]
    if thermal:
        scale = Scale(math.floor(min([*values, 40.0]) / 10) * 10, max([*values, *limits]) + 5)
        y_marks = {value: f"{t.number(value)}°" for value in ticks(scale.low, scale.high, 5)}
    else:
        scale = Scale(0.0, 1.0)
        y_marks = {value: t.percent(value) for value in (0.0, 0.25, 0.5, 0.75, 1.0)}
    height = CHART_HEIGHT - CLUSTER_HEIGHT * min(len(scene.snapshot.clusters), SHOWN_CLUSTERS)
    start = end - span.seconds
    names = 20 + LETTER_WIDTH * max(len(line.text) for line in lines)
    moments = hours(start, end, 3600 if span.seconds > 3600 else 300, utc_offset_seconds(end))
    return chart(
        lines,
        start=start,
        end=end,
        step_seconds=span.step_seconds,
        scale=scale,
        frame=Frame(width, height, left=72, right=names, bottom=44, label_height=38),
        thresholds={limit: t.celsius(limit) for limit in limits},
        x_marks={at: t.clock(at)[:5] for at in moments},
        y_marks=y_marks,
    )


def _ports(scene: Scene, judged: list[tuple[Node, Verdict]]) -> list[Part]:
    order = {"dark": 0, "slow": 1, "unknown": 2, "lit": 3}
    rows = [(node, port_looks(node, scene.now, scene.t)) for node, _ in judged if node.ports]
    rows.sort(key=lambda row: min(order[port.state] for port in row[1]))
    return [
        scene.part(f"ports-{node.name}", "parts/wall_ports.html", node=shorten(node.name, 9), ports=ports)
        for node, ports in rows[:PAGE_TILES]
    ]


def _alerts(scene: Scene) -> list[Part]:
    """Return what is wrong, longest first."""
    t = scene.t
    found = sorted(
        scene.snapshot.open_alerts,
        key=lambda alert: (bool(alert.holds), alert.care is not None, alert.severity != "critical", alert.starts_at),
    )
    parts = []
    for alert in found[:SHOWN_ALERTS]:
        attended = attentions(alert, t, now=scene.now)
        line = " · ".join(filter(None, [alert_brief(alert, t), "" if attended else alert_limit(alert, t)]))
        parts.append(
            scene.part(
                f"alert-{alert.id}",
                "parts/wall_alert.html",
                state=judge_alert(alert),
                word=attended[0].word if attended else t(f"state.{judge_alert(alert)}"),
                attended=" ".join([attended[0].word, attended[0].detail]) if attended else "",
                where=shorten(alert_subject(alert), 9),
                line=line,
                duration=scene.ago(alert.starts_at),
            )
        )
    if len(found) > SHOWN_ALERTS:
        parts.append(
            scene.part("alerts-more", "parts/wall_more.html", text=t("wall.more", count=len(found) - SHOWN_ALERTS))
        )
    return parts


@dataclass(frozen=True, slots=True)
class DayRow:
    """A node's last day: from its lowest to its highest."""

    name: str
    text: str
    x: str
    width: str


def _fired(scene: Scene) -> str:
    """Return how much fired in the last day and is over, if that is known."""
    count = sum(1 for alert in scene.snapshot.alerts if not alert.is_open)
    if not scene.snapshot.source("hub").answers:
        return scene.t("wall.past_unknown")
    if count:
        return scene.t("wall.fired", count=count)
    return scene.t("wall.nothing_else" if scene.snapshot.open_alerts else "wall.nothing_fired")


def _day_row(name: str, low: float, high: float, scale: Scale, t: Language) -> DayRow:
    width = max(1.0, 100 * (scale.fraction(high) - scale.fraction(low)))
    ends = dict.fromkeys([t.number(low), t.number(high)])
    return DayRow(name, f"{'–'.join(ends)}°", scale.percent(low), f"{width:.1f}%")


async def _day(scene: Scene, judged: list[tuple[Node, Verdict]]) -> Part:
    """Return the last 24 hours: how warm each node was, what fired."""
    t, snapshot = scene.t, scene.snapshot
    heat = (await scene.history.by_node(history.HOT, history.DAY)).points
    scale = Scale(20.0, max([100.0, *(node.limit_celsius + 15 for node in snapshot.nodes)]))
    rows = []
    for node, _ in judged:
        values = [value for _, value in heat.get(node.name, []) if math.isfinite(value)]
        if values:
            rows.append((max(values), _day_row(shorten(node.name, 15), min(values), max(values), scale, t)))
    # The hottest, as many as there is room for.
    rows.sort(key=lambda row: -row[0])
    shown = [row for _, row in rows[: DAY_ROWS - 2 * len(snapshot.open_alerts)]]
    tried = any(probe.success for probe in snapshot.probes) and not snapshot.is_stale
    good = sum(1 for probe in snapshot.probes if judge_probe(probe, scene.now) == "up")
    return scene.part(
        "day",
        "parts/wall_day.html",
        rows=shown,
        limit=scale.percent(snapshot.nodes[0].limit_celsius) if snapshot.nodes else "",
        fired=_fired(scene),
        probes=t("facts.probes", good=good, total=len(snapshot.probes)) if tried else "",
        date=t.long_date(scene.now),
    )
