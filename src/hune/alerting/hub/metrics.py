"""What the hub tells of itself: series `hune_hub_…`."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 1800.0)


class HubMetrics:
    """The hub's series, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "hune_hub_requests", "Notifications by status of the answer", ["code"], registry=self.registry
        )
        self.received = Counter(
            "hune_hub_alerts_received", "Alerts in notifications", ["status"], registry=self.registry
        )
        self.deliveries = Counter(
            "hune_hub_deliveries",
            "Alerts handed to receivers: sent, retried, refused",
            ["receiver", "outcome"],
            registry=self.registry,
        )
        self.pending = Gauge("hune_hub_outbox_pending", "Alerts that wait", ["receiver"], registry=self.registry)
        self.oldest = Gauge(
            "hune_hub_outbox_oldest_seconds", "Age of what waits longest", ["receiver"], registry=self.registry
        )
        self.letters = Gauge(
            "hune_hub_dead_letters", "Messages refused for good, and kept", ["receiver"], registry=self.registry
        )
        self.complete = Gauge(
            "hune_store_complete_timestamp_seconds",
            "Until when a store holds everything, by what the conductor wrote down",
            ["store"],
            registry=self.registry,
        )
        self.delivery_seconds = Histogram(
            "hune_hub_delivery_seconds",
            "From an alert's arrival here to its acceptance",
            ["receiver"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.alert_seconds = Histogram(
            "hune_hub_alert_seconds",
            "From the start of an alert to the acceptance of its first message",
            ["receiver"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.episodes = Gauge("hune_hub_episodes", "Open alerts", ["state"], registry=self.registry)
        self.held = Gauge(
            "hune_hub_episodes_held",
            "Open alerts of which nobody is told now, or somebody isn't, by reason: silence, maintenance; hours",
            ["reason"],
            registry=self.registry,
        )
        self.reconciliations = Counter(
            "hune_hub_reconciliations", "Comparisons with Prometheus by outcome", ["outcome"], registry=self.registry
        )
        self.commit_seconds = Gauge(
            "hune_hub_commit_seconds", "Duration of the latest commit of the outbox", registry=self.registry
        )
        self.reserve_bytes = Gauge(
            "hune_hub_reserve_bytes", "Space set aside for a full disk that is left", registry=self.registry
        )

        self.heartbeats = Counter(
            "hune_hub_heartbeats", "Heartbeats to the outside by outcome", ["outcome"], registry=self.registry
        )
        self.heartbeat = Gauge(
            "hune_hub_heartbeat_seconds",
            "When one who must report last said that all is well, since the epoch",
            ["heartbeat"],
            registry=self.registry,
        )
        self.heartbeat_silence = Gauge(
            "hune_hub_heartbeat_silence_seconds",
            "For how long it has not, while the hub listened",
            ["heartbeat"],
            registry=self.registry,
        )
        self.watchdog = Gauge(
            "hune_hub_watchdog_timestamp_seconds", "When the Watchdog was last heard", registry=self.registry
        )

    def delivered(self, receiver: str, *, queued_at: float, now: float, started_at: float | None) -> None:
        """Count an accepted alert; `started_at` is given for the first word of it."""
        self.deliveries.labels(receiver, "sent").inc()
        self.delivery_seconds.labels(receiver).observe(max(0.0, now - queued_at))
        if started_at is not None:
            self.alert_seconds.labels(receiver).observe(max(0.0, now - started_at))
