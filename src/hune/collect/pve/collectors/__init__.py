"""One file a collector; each ends with its `COLLECTOR`, and is registered in `ALL`."""

from __future__ import annotations

from hune.collect.pve.collector import Collector

ALL: tuple[Collector, ...] = ()
"""Every collector, in the order in which their families are exposed."""
