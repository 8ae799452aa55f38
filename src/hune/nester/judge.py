"""What state each thing is in, and what is worst: the words and their order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from hune.nester.proxmox.model import Cluster
from hune.nester.snapshot import Alert, Node, Port, Probe, Snapshot

State = Literal["down", "critical", "unknown", "warning", "stale", "acknowledged", "held", "notice", "up"]

# Worst first. `down` is a critical state with a word of its own; what somebody looks after, and what a silence
# or a maintenance holds, calls for nobody.
ORDER: tuple[State, ...] = get_args(State)

# State of a port: what its drawing looks like.
PortState = Literal["lit", "slow", "dark", "unknown"]
_STATE_OF_PORT: dict[PortState, State] = {"lit": "up", "slow": "warning", "dark": "critical", "unknown": "up"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The state of a node, whether what is shown of it is old, and whether it answers nothing.

    A machine that is down may be looked after: its state calls for nobody then, and it is down all the same.
    """

    state: State
    stale: bool
    down: bool = False


def judge_node(node: Node, snapshot: Snapshot) -> Verdict:
    """Return the state of a node: the worst of what is measured and of what fires on it.

    Measured counts as well as alerted, so that a page is right even when no alert could be evaluated.
    """
    now = snapshot.taken_at
    alerts = alerts_of(node, snapshot)
    heard = node.up is not None
    stale = snapshot.is_stale or any(sensor.celsius.is_stale(now) for sensor in node.sensors[:1])
    if node.up and node.up.value == 0:
        attended = [judge_alert(alert) for alert in alerts if alert.name == "NodeDown" and alert.is_attended]
        return Verdict(worst(attended) if attended else "down", stale=True, down=True)
    found: list[State] = [judge_alert(alert) for alert in alerts]
    if is_hot(node, snapshot) and not any(alert.name == "CpuHot" for alert in alerts):
        found.append("critical")
    # What is measured of a port that somebody looks after is that alert's.
    attended_ports = {alert.label("device") for alert in alerts if alert.is_attended}
    found += [_STATE_OF_PORT[judge_port(port)] for port in node.ports if port.device not in attended_ports]
    if not heard:
        found.append("unknown")
    if stale and heard:
        found.append("stale")
    return Verdict(worst(found), stale)


def is_hot(node: Node, snapshot: Snapshot) -> bool:
    """Whether a node is measured to be above its limit now, or an alert says so."""
    hottest = node.hottest
    if hottest and not hottest.celsius.is_stale(snapshot.taken_at) and hottest.celsius.value > node.limit_celsius:
        return True
    return any(alert.name == "CpuHot" for alert in alerts_of(node, snapshot))


def judge_port(port: Port) -> PortState:
    """Return whether a port is lit, slower than expected, dark, or not heard of."""
    if port.up is None:
        return "unknown"
    if port.up.value == 0:
        return "dark"
    if port.expected_bits and port.speed_bits and port.speed_bits.value < port.expected_bits * 0.99:
        return "slow"
    return "lit"


def judge_probe(probe: Probe, now: float) -> State:
    """Return the state of a probe."""
    if probe.success is None:
        return "unknown"
    if probe.success.value == 0:
        return "down"
    return "stale" if probe.success.is_stale(now) else "up"


def judge_alert(alert: Alert) -> State:
    """Return the state that an open alert stands for."""
    if alert.holds:
        return "held"
    if alert.care:
        return "acknowledged"
    if alert.state == "unknown":
        return "unknown"
    return "notice" if alert.severity == "info" else alert.severity


def judge_cluster(cluster: Cluster, snapshot: Snapshot) -> Verdict:
    """Return the state of a cluster, and whether what is shown of it is old.

    What could not be read is a notice beside what could; nothing at all is unknown.
    """
    now = snapshot.taken_at
    if not cluster.asked:
        return Verdict("notice", stale=False)
    found: list[State] = [judge_alert(alert) for alert in alerts_about(cluster, snapshot)]
    stale = snapshot.is_stale or cluster.status_is_old(now) or cluster.detail_is_old(now)
    if cluster.status_at is None and cluster.detail_at is None:
        found.append("unknown")
    elif stale:
        found.append("stale")
    else:
        # What is measured beside alerts that are all attended is theirs.
        alerts = alerts_about(cluster, snapshot)
        attended = {alert.name for alert in alerts if alert.is_attended}
        attended -= {alert.name for alert in alerts if not alert.is_attended}
        found += [state for state, names in _measured_of(cluster) if not attended & names]
    return Verdict(worst(found), stale)


def _measured_of(cluster: Cluster) -> Iterable[tuple[State, set[str]]]:
    """Yield each state that was measured, with the alerts that tell of it."""
    if cluster.quorate is False:
        yield "critical", {"PveQuorumLost"}
    if cluster.fencing:
        yield "critical", {"PveNodeFenced"}
    if cluster.offline or (cluster.nodes or 0) > (cluster.nodes_up or 0):
        yield "critical", {"PveNodeOffline"}
    if cluster.ceph:
        yield ("up", "warning", "critical")[min(max(cluster.ceph.health, 0), 2)], {"CephWarning", "CephFailing"}
    if cluster.verdicts.get("unprotected"):
        yield "warning", {"GuestUnprotected", "GuestsUnprotected"}
    if cluster.lacking or cluster.detail_at is None or cluster.status_at is None:
        yield "notice", set()


def alerts_about(cluster: Cluster, snapshot: Snapshot) -> tuple[Alert, ...]:
    """Return what is open about a cluster."""
    return tuple(alert for alert in snapshot.open_alerts if alert.label("cluster") == cluster.name)


def worst(states: Iterable[State]) -> State:
    """Return the worst of some states, `up` if there is none."""
    return min(states, key=ORDER.index, default="up")


def alerts_of(node: Node, snapshot: Snapshot) -> tuple[Alert, ...]:
    """Return what is open on a node."""
    return tuple(alert for alert in snapshot.open_alerts if alert.label("node") == node.name)


def worst_first(snapshot: Snapshot) -> list[tuple[Node, Verdict]]:
    """Return nodes with their state, worst first; among equals, as the site lists them."""
    judged = [(node, judge_node(node, snapshot)) for node in snapshot.nodes]
    # Values don't count, or tiles would change places with every degree.
    return sorted(judged, key=lambda pair: ORDER.index(pair[1].state))


def worst_clusters_first(snapshot: Snapshot) -> list[tuple[Cluster, Verdict]]:
    """Return clusters with their state, worst first; among equals, as the site lists them."""
    judged = [(cluster, judge_cluster(cluster, snapshot)) for cluster in snapshot.clusters]
    return sorted(judged, key=lambda pair: ORDER.index(pair[1].state))


def overall(snapshot: Snapshot) -> State:
    """Return the state of the whole site."""
    counted = tally(snapshot).state
    if snapshot.measured_at is None:
        return "critical" if counted == "critical" else "unknown"
    # What a cluster lacks is said where it is shown.
    clusters = [state for each in snapshot.clusters if (state := judge_cluster(each, snapshot).state) != "notice"]
    return worst([counted, *(verdict.state for _, verdict in worst_first(snapshot)), *clusters])


@dataclass(frozen=True, slots=True)
class Tally:
    """How much is wrong, and how much of that calls for nobody."""

    critical: int
    warning: int
    unknown: int
    acknowledged: int = 0
    held: int = 0

    @property
    def state(self) -> State:
        if self.critical:
            return "critical"
        if self.unknown:
            return "unknown"
        if self.warning:
            return "warning"
        return "acknowledged" if self.acknowledged else "held" if self.held else "up"


def tally(snapshot: Snapshot) -> Tally:
    """Count open alerts by what they are now."""
    states = [judge_alert(alert) for alert in snapshot.open_alerts]
    return Tally(
        critical=states.count("critical"),
        warning=states.count("warning"),
        unknown=states.count("unknown"),
        acknowledged=states.count("acknowledged"),
        held=states.count("held"),
    )
