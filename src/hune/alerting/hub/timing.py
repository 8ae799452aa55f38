"""How long the hub waits for what; tests compress it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """Seconds."""

    reconcile: float = 10.0
    """From one comparison of the open alerts with Prometheus to the next."""
    watch: float = 2.0
    """The same while an alert is open: its peak is seen, and its end if Alertmanager loses it."""
    attend: float = 2.0
    """From one look whether somebody looks after what fires to the next."""
    doubt: float = 5.0
    """How long an alert may be unconfirmed before it is shown as unknown; until then it is asked every `recheck`."""
    recheck: float = 1.0
    missed: float = 60.0
    """How long Prometheus and Alertmanager both know an alert before the hub believes that it was never told."""
    test_alert: float = 300.0
    """Life of an alert that came without startsAt."""
    foreign_silence: float = 12 * 3600.0
    """How long Alertmanager may be silent about an alert of somebody else's rules before it is unknown."""
    unlisted: float = 300.0
    """How long neither Prometheus nor Alertmanager knows such an alert before it is over, though nobody said so."""
    forget_unknown: float = 7 * 86400.0
    """After which an alert nobody has confirmed or measured is closed."""
    keep: float = 400 * 86400.0
    """How long resolved alerts are kept."""
    keep_waiting: float = 30 * 86400.0
    """How long what is over waits for a receiver."""
    request: float = 10.0
    """For one request to a receiver."""
    outage: float = 60.0
    """How long a receiver fails before its current state goes out as a digest."""
    retry_first: float = 0.5
    retry_ceiling: float = 15.0
    broken_retry: float = 600.0
    """Between two tries of a receiver that refuses altogether."""
    unexplained: float = 86400.0
    """How long a message is tried that a receiver doesn't take without saying why."""
    listen: float = 5.0
    """From one count of a silence to the next."""
    chain_overdue: float = 25.0
    """Without the Watchdog, which comes every 11 s: something is slow, or about to be told."""
    chain_silence: float = 45.0
    """Without the Watchdog: the chain is broken. A killed engine is started again, and heard, before that."""
    chain_settle: float = 120.0
    """The same after a start of the hub, before it has heard the Watchdog once: everything may be starting."""
    heartbeat_trouble: float = 300.0
    """How long a receiver takes nothing before the heartbeat to the outside says so."""
