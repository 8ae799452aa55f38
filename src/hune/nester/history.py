"""The past, from the store: asked seldom, kept for a while, never waited for when something older can be shown."""

from __future__ import annotations

import asyncio
import logging
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hune.core.clock import Clock
from hune.core.errors import HuneError
from hune.nester.snapshot import Source
from hune.promapi.prometheus import PrometheusClient, Series

log = logging.getLogger(__name__)

_PATIENCE_SECONDS = 1.0

Points = list[tuple[float, float]]

CPU_CHIPS = "coretemp|k10temp|zenpower"
# What carries guests and bridges rather than the machine's own traffic.
_VIRTUAL = "lo|veth.*|tap.*|fw(br|ln|pr|ap).*|vmbr.*|docker.*|br-.*|bonding_masters|virbr.*|dummy.*"

HOT = (
    'max by (node) (max_over_time(node_hwmon_temp_celsius{{job="node"{node}}}[{window}]) and on (node, chip)'
    f' last_over_time(node_hwmon_chip_names{{{{job="node",chip_name=~"{CPU_CHIPS}"}}}}[{{window}}]))'
)
# Idle against all of the time that was counted, so that a reboot isn't drawn as work.
BUSY = (
    '1 - sum by (node) (rate(node_cpu_seconds_total{{job="node",mode="idle"{node}}}[{window}]))'
    ' / (sum by (node) (rate(node_cpu_seconds_total{{job="node"{node}}}[{window}])) > 0)'
)
USED = (
    '1 - avg_over_time(node_memory_MemAvailable_bytes{{job="node"{node}}}[{window}])'
    ' / avg_over_time(node_memory_MemTotal_bytes{{job="node"{node}}}[{window}])'
)
RECEIVED = '8 * rate(node_network_receive_bytes_total{{job="node"{node},device{devices}}}[{window}])'
SENT = '8 * rate(node_network_transmit_bytes_total{{job="node"{node},device{devices}}}[{window}])'

# Of a guest: whatever node it was on. Proxmox itself measures every ten seconds.
GUEST_BUSY = "max(avg_over_time(pve_cpu_usage_ratio{{{guest}}}[{window}]))"
GUEST_USED = (
    "max(avg_over_time(pve_memory_usage_bytes{{{guest}}}[{window}]))"
    " / max(avg_over_time(pve_memory_size_bytes{{{guest}}}[{window}]))"
)
GUEST_RECEIVED = "8 * max(rate(pve_network_receive_bytes_total{{{guest}}}[{window}]))"
GUEST_SENT = "8 * max(rate(pve_network_transmit_bytes_total{{{guest}}}[{window}]))"
GUEST_READ = "max(rate(pve_disk_read_bytes_total{{{guest}}}[{window}]))"
GUEST_WRITTEN = "max(rate(pve_disk_written_bytes_total{{{guest}}}[{window}]))"


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time up to now, and how finely it is looked at."""

    seconds: int
    step_seconds: int
    keep_seconds: float

    @property
    def window(self) -> str:
        """How much each point sums up: at least four scrapes."""
        return f"{max(60, self.step_seconds)}s"


# Of a stack that was started just now the shorter one shows more.
SPARKS = (Span(600, 15, 15.0), Span(3600, 60, 15.0))
WALLS = (Span(900, 15, 15.0), Span(3 * 3600, 90, 30.0))
DAY = Span(86_400, 600, 60.0)
RANGES: dict[str, Span] = {
    "1h": Span(3600, 15, 15.0),
    "24h": Span(86_400, 300, 60.0),
    "30d": Span(30 * 86_400, 7200, 300.0),
}


def expression(template: str, span: Span, *, node: str = "", devices: str = "") -> str:
    """Return the PromQL of a template; names of nodes hold no quotes (the site's models see to it)."""
    return template.format(
        node=f',node="{node}"' if node else "",
        devices=devices or f'!~"{_VIRTUAL}"',
        window=span.window,
    )


def of_guest(template: str, span: Span, *, cluster: str, guest: str) -> str:
    """Return the PromQL of a template about a guest (`qemu/101`)."""
    return template.format(guest=f'job="pve",cluster="{cluster}",id="{guest}"', window=span.window)


def only(devices: Sequence[str]) -> str:
    """Return the matcher of these devices alone."""
    return '=~"' + "|".join(re.escape(device).replace("\\", "\\\\") for device in sorted(devices)) + '"'


@dataclass(frozen=True, slots=True)
class Recent:
    """What is known of each node over a span that ends at `end`."""

    span: Span
    end: float
    points: Mapping[str, Points]


@dataclass
class _Kept:
    series: list[Series] = field(default_factory=list)
    asked_at: float = float("-inf")
    end: float = 0.0
    asking: asyncio.Task[None] | None = None


class History:
    """Asks the store and keeps its answers; while it is silent, what it last said is shown, and `source` says so."""

    def __init__(self, store: PrometheusClient, clock: Clock, group: asyncio.TaskGroup) -> None:
        self._store = store
        self._clock = clock
        self._group = group
        self._kept: dict[tuple[str, Span], _Kept] = {}
        self.source = Source("victoriametrics")

    async def look(self, query: str, span: Span) -> tuple[list[Series], float]:
        """Return the series of a query over a span up to now, and the moment where they end.

        The first answer is waited for, for a moment; later ones arrive behind what is already there.
        """
        kept = self._kept.setdefault((query, span), _Kept())
        now = self._clock.monotonic()
        if kept.asking is None and now - kept.asked_at >= span.keep_seconds:
            kept.asked_at = now
            self._forget(now)
            kept.asking = self._group.create_task(self._ask(query, span, kept), name="history")
        if kept.asking is not None and not kept.end:
            await asyncio.wait({kept.asking}, timeout=_PATIENCE_SECONDS)
        return kept.series, kept.end or self._clock.now()

    async def _ask(self, query: str, span: Span, kept: _Kept) -> None:
        # On the step's grid, so that points don't wander from one answer to the next.
        end = self._clock.now() // span.step_seconds * span.step_seconds
        try:
            series = await self._store.query_range(
                query, start=end - span.seconds, end=end, step_seconds=span.step_seconds, timeout_seconds=8.0
            )
        except HuneError as error:
            if self.source.answers:
                log.warning("the store does not answer: %s", error)
                self.source = Source("victoriametrics", self._clock.now(), error.message)
        else:
            if not self.source.answers:
                log.info("the store answers again")
            self.source = Source("victoriametrics")
            kept.series, kept.end = series, end
        finally:
            kept.asking = None

    def _forget(self, now: float) -> None:
        """Drop what nobody has asked for in ten minutes."""
        old = [key for key, kept in self._kept.items() if kept.asking is None and now - kept.asked_at > 600]
        for key in old:
            del self._kept[key]

    async def by_node(self, template: str, *spans: Span) -> Recent:
        """Return the points of each node over the last of the spans, or the first if there is no more than it holds."""
        short, long = spans[0], spans[-1]
        recent = await self._by_node(template, long)
        begins = min((points[0][0] for points in recent.points.values() if points), default=math.inf)
        return await self._by_node(template, short) if begins >= recent.end - short.seconds else recent

    async def _by_node(self, template: str, span: Span) -> Recent:
        series, end = await self.look(expression(template, span), span)
        return Recent(span, end, {row.labels.get("node", ""): row.points for row in series})
