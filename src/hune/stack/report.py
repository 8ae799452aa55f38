"""What the conductor says of its processes, to people and to Prometheus."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hune.stack.child import Child, State


def rows(children: Iterable[Child]) -> list[dict[str, Any]]:
    """Return a row for each process, as JSON."""
    return [
        {
            "name": child.process.name,
            "state": child.state,
            "pid": child.pid,
            "since": child.since,
            "restarts": child.restarts,
            "detail": child.detail,
        }
        for child in children
    ]


def metrics(
    children: Iterable[Child], services: Iterable[Mapping[str, Any]], *, has_gap: bool, complete_until: float
) -> str:
    """Return the text that Prometheus scrapes."""
    lines = [
        "# TYPE hune_process_up gauge",
        "# TYPE hune_process_restarts_total counter",
        "# TYPE hune_service_healthy gauge",
    ]
    for child in children:
        label = f'{{process="{child.process.name}"}}'
        lines.append(f"hune_process_up{label} {int(child.state is State.READY)}")
        lines.append(f"hune_process_restarts_total{label} {child.restarts}")
    lines += [f'hune_service_healthy{{service="{row["name"]}"}} {int(row["healthy"])}' for row in services]
    lines += ["# TYPE hune_store_gap gauge", f"hune_store_gap {int(has_gap)}"]
    lines += [
        "# TYPE hune_store_complete_timestamp_seconds gauge",
        f"hune_store_complete_timestamp_seconds {complete_until!r}",
    ]
    return "\n".join(lines) + "\n"
