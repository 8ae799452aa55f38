"""Closing gaps in the history of a cluster with what Proxmox itself remembers.

Proxmox VE 8.2.5 and later keep half an hour of samples, one every ten seconds, and hand them out at
`/cluster/metrics/export`. After an outage of Prometheus, or of the way to Proxmox, they are written to the store under
the identities that the scrapes around the gap have, so that no series is new; nothing is written where samples are.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

HISTORY_SECONDS = 1800.0
"""How far back Proxmox remembers."""

_BYTES_IN = ("pve_network_receive_bytes", "pve_network_receive_bytes_total")
_BYTES_OUT = ("pve_network_transmit_bytes", "pve_network_transmit_bytes_total")

SERIES: Mapping[str, tuple[str, ...]] = {
    "cpu_current": ("pve_cpu_usage_ratio",),
    "cpu_max": ("pve_cpu_usage_limit",),
    "mem_used": ("pve_memory_usage_bytes",),
    "mem_total": ("pve_memory_size_bytes",),
    "disk_used": ("pve_disk_usage_bytes",),
    "disk_total": ("pve_disk_size_bytes",),
    "disk_read": ("pve_disk_read_bytes", "pve_disk_read_bytes_total"),
    "disk_write": ("pve_disk_write_bytes", "pve_disk_written_bytes_total"),
    "net_in": _BYTES_IN,
    "net_out": _BYTES_OUT,
    "uptime": ("pve_uptime_seconds",),
}
"""Which series a metric of the export is a sample of."""

Labels = Mapping[str, str]
Points = list[tuple[float, float]]


@dataclass(frozen=True)
class Gap:
    """A stretch without samples, from the last one before to the first one after it (seconds since the epoch)."""

    start: float
    end: float


def gaps(moments: Sequence[float], *, interval_seconds: float, since: float, known_before: bool) -> list[Gap]:
    """Return the gaps between scrapes at `moments` (sorted, all after `since`).

    More than two and a half intervals without a scrape is a gap. One that reaches back to `since` counts only if
    the series were known before; one that goes on until now isn't closed yet, and is none.
    """
    edges = [since, *moments] if known_before else list(moments)
    return [
        Gap(before, after) for before, after in itertools.pairwise(edges) if after - before > 2.5 * interval_seconds
    ]


def usual_interval(moments: Sequence[float]) -> float:
    """Return the median of the seconds between scrapes at `moments` (sorted), 60 if there are too few."""
    distances = [after - before for before, after in itertools.pairwise(moments)]
    return statistics.median(distances) if len(distances) >= 3 else 60.0


def clock_offset(told: float, asked_at: float, answered_at: float) -> float:
    """Return by how many whole seconds the clock that told `told` is ahead of ours; 0 if that is within its precision.

    A clock that tells whole seconds is known within one: the next look may find one more or less (see `agreeing`).
    """
    offset = told - (asked_at + answered_at) / 2
    slack = (answered_at - asked_at) / 2 + 1.0
    return 0.0 if abs(offset) <= slack else float(round(offset))


def agreeing(ahead_seconds: float, exported: object, there: Set[float]) -> float:
    """Return the offset, by a second at most another one, at which an answer falls on what is `there` already of it.

    So a second look gives the same time to the same sample. Where nothing is there, the offset is what was measured.
    """
    told = {record["timestamp"] for record in _records(exported)}
    near = (ahead_seconds, ahead_seconds - 1.0, ahead_seconds + 1.0)
    return max(near, key=lambda offset: len({moment - offset for moment in told} & there))


def identities(series: Iterable[Labels]) -> dict[tuple[str, str], Labels]:
    """Return the labels of each series by name and `id`, without those whose identity is not clear."""
    found: dict[tuple[str, str], Labels] = {}
    twice = set()
    for labels in series:
        key = (labels.get("__name__", ""), labels.get("id", ""))
        if key in found:
            twice.add(key)
        found[key] = labels
    return {key: labels for key, labels in found.items() if key not in twice}


def samples(
    exported: object, gaps: Sequence[Gap], known: Mapping[tuple[str, str], Labels], *, ahead_seconds: float = 0.0
) -> Iterator[tuple[Labels, Points]]:
    """Return the points of known series that lie in gaps, of the answer of one node whose clock is ahead by that much.

    What isn't a record of the documented shape is passed over.
    """
    points: dict[tuple[str, str], Points] = defaultdict(list)
    for record in _records(exported):
        moment = record["timestamp"] - ahead_seconds
        if not any(gap.start < moment < gap.end for gap in gaps):
            continue
        for name in SERIES.get(record["metric"], ()):
            key = (name, record["id"])
            if key in known:
                points[key].append((moment, record["value"]))
    for key, found in points.items():
        yield known[key], sorted(dict(found).items())


def _records(exported: object) -> Iterator[dict[str, Any]]:
    rows = exported.get("data") if isinstance(exported, dict) else exported
    for row in rows if isinstance(rows, list) else ():
        if (
            isinstance(row, dict)
            and isinstance(row.get("id"), str)
            and isinstance(row.get("metric"), str)
            and _is_number(row.get("timestamp"))
            and _is_number(row.get("value"))
        ):
            yield row


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
