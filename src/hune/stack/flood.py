"""Noticing a node whose exporter names its series anew again and again.

What a scrape may hold is bounded, what many scrapes add up to is not: Prometheus keeps every series for hours, and each
look at honest ones passes by all of them. One such node would take memory and alerts from all others.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from hune.core.clock import Clock
from hune.core.errors import Refused
from hune.promapi.prometheus import Sample
from hune.stack.engines import prometheus
from hune.stack.model import Plan

INTERVAL_SECONDS = 5.0
PATIENCE_SECONDS = 30.0
MOST_SERIES: Mapping[str, int] = {"node": 100_000, "node-fast": 3_000}
"""Different series of one node within an hour, by job: twice, and six times, what one scrape may hold."""

_WINDOW_SECONDS = 3600.0
_ACQUITTED_SECONDS = 120.0

Query = Callable[[str], Awaitable[list[Sample]]]


class FloodWatch:
    """Looks at how many different series each node has told since the watch began."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock.monotonic()
        self._acquitted: dict[tuple[str, str], float] = {}

    async def offenders(self, query: Query) -> dict[str, str]:
        """Return the nodes that told too many, and in words how many.

        `query` asks Prometheus, and raises HuneError if it doesn't answer.
        """
        window = f"{max(10.0, min(_WINDOW_SECONDS, self._clock.monotonic() - self._began)):.0f}s"
        found = {}
        for job, most in MOST_SERIES.items():
            added = f'sum by (node) (sum_over_time(scrape_series_added{{job="{job}"}}[{window}])) > {most}'
            for suspect in await query(added):
                if await self._is_guilty(query, job, suspect["node"], window, most):
                    found[suspect["node"]] = f"more than {most:,} different series within an hour (job {job})"
        return found

    async def _is_guilty(self, query: Query, job: str, node: str, window: str, most: int) -> bool:
        """Whether these were different ones: an exporter that fails now and then adds the same again and again."""
        now = self._clock.monotonic()
        if now - self._acquitted.get((job, node), float("-inf")) < _ACQUITTED_SECONDS:
            return False
        different = f'count(last_over_time({{job="{job}",node="{node}"}}[{window}])) > {most}'
        try:
            guilty = bool(await query(different))
        except Refused:
            # Too many to count.
            return True
        if not guilty:
            self._acquitted[job, node] = now
        return guilty


def without(plan: Plan, nodes: Mapping[str, str]) -> Plan:
    """Return the plan in which Prometheus doesn't ask the exporters of these nodes, with the reasons as notes."""
    files = tuple(
        replace(file, content=prometheus.without(file.content, nodes)) if file.path == "prometheus.yml" else file
        for file in plan.files
    )
    return replace(plan, files=files, notes=(*plan.notes, *(note(node, why) for node, why in nodes.items())))


def note(node: str, why: str) -> str:
    """Return what people are told."""
    return f"{node}: its exporter told {why}; it is not asked any more until: hune reload"
