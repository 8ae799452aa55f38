"""What the store tells of itself."""

from __future__ import annotations

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0)
_ROWS = (1, 10, 100, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000)


class StoreMetrics:
    """The store's series, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter("hune_store_requests", "Requests, by the answer they got", ["code"], registry=registry)
        self.reads = Counter("hune_store_reads", "Remote reads, by the answer they got", ["code"], registry=registry)
        self.samples_read = Counter("hune_store_samples_read", "Samples that remote reads found", registry=registry)
        self.read_seconds = Histogram(
            "hune_store_read_seconds",
            "Time until an answer, or its beginning, was there",
            buckets=_SECONDS,
            registry=registry,
        )
        self.received = Counter("hune_store_samples_received", "Samples that requests brought", registry=registry)
        self.written = Counter("hune_store_samples_written", "Samples that were stored", registry=registry)
        self.repeated = Counter(
            "hune_store_samples_repeated", "Samples that weren't stored since they were there", registry=registry
        )
        self.of_replicas = Counter(
            "hune_store_samples_of_replicas",
            "Samples that weren't stored since another replica of the cluster is believed",
            registry=registry,
        )
        self.refused = Counter(
            "hune_store_refused", "What is not stored and was told to the sender", ["what"], registry=registry
        )
        self.collisions = Counter(
            "hune_store_write_collisions", "Writes done again since others wrote the same", registry=registry
        )
        self.write_seconds = Histogram(
            "hune_store_write_seconds", "Time until rows were committed", buckets=_SECONDS, registry=registry
        )
        self.write_rows = Histogram(
            "hune_store_write_rows", "Rows that were committed together", buckets=_ROWS, registry=registry
        )
        self._newest = 0.0
        self.newest = Gauge(
            "hune_store_newest_sample_timestamp_seconds", "Time of the newest sample stored", registry=registry
        )
        self.rounds = Counter(
            "hune_store_housekeeping_rounds", "How often days that are over were seen to", registry=registry
        )
        self.packed = Counter("hune_store_samples_packed", "Samples of days that are over, packed", registry=registry)
        self.dropped = Counter("hune_store_days_dropped", "Days that retention dropped", registry=registry)
        self.samples_dropped = Counter(
            "hune_store_samples_dropped",
            "Samples that were dropped for what the site says of their metric",
            ["why"],
            registry=registry,
        )

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Tell what a function returns, whenever metrics are asked for."""
        Gauge(name, text, registry=self.registry).set_function(read)

    def stored(self, rows: int, written: int, newest_ms: int, seconds: float) -> None:
        """Count a write of different rows, some of which were there."""
        self.written.inc(written)
        self.repeated.inc(rows - written)
        self.write_rows.observe(rows)
        self.write_seconds.observe(seconds)
        # Nothing from the future, which would hide how far behind the rest is.
        self._newest = max(self._newest, min(newest_ms / 1000, time.time()))
        self.newest.set(self._newest)
