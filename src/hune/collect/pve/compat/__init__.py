"""The collectors of prometheus-pve-exporter: the same names, labels, types and values, asked for once."""

from __future__ import annotations

from hune.collect.pve.collector import Collector
from hune.collect.pve.compat import backup_info, cluster, config, qdevice, replication, resources, status, subscription
from hune.collect.pve.compat.resources import NO_TRIM, Trim

__all__ = ["NAMES", "NO_TRIM", "Trim", "collectors"]

_FIXED = (
    status.COLLECTOR,
    cluster.NODE,
    cluster.CLUSTER,
    cluster.VERSION,
    backup_info.COLLECTOR,
    qdevice.COLLECTOR,
    subscription.COLLECTOR,
    config.COLLECTOR,
    replication.COLLECTOR,
)

NAMES: tuple[str, ...] = (_FIXED[0].name, resources.NAME, *(collector.name for collector in _FIXED[1:]))
"""As the switches call them, in the order in which their families are exposed."""


def collectors(enabled: frozenset[str] = frozenset(NAMES), trim: Trim = NO_TRIM) -> tuple[Collector, ...]:
    """Return the collectors of these names."""
    every = {collector.name: collector for collector in (*_FIXED, resources.collector(trim))}
    return tuple(every[name] for name in NAMES if name in enabled)
