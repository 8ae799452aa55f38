"""The alerts that Hune raises: what each is called, whom it concerns, and when it is measured to be over.

A row holds what rules, routing, hub and pages must agree on. The words are in `words`, what makes an alert fire in
`rules`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from hune.alerting.catalogue import machine, own, proxmox
from hune.alerting.promql import Reading, quote
from hune.alerting.words import WORDS, Words

Severity = Literal["critical", "warning", "info", "none"]
Pace = Literal["fast", "slow"]

# How old a live value may be when the hub asks whether an alert is over: three evaluations, or two slow ones.
_FRESH: Mapping[Pace, str] = {"fast": "3s", "slow": "35s"}


@dataclass(frozen=True)
class Alert:
    """One kind of alert.

    `identity` are the labels that tell one from another, beside `alertname`; `over` returns the expression that holds
    while a value *measured now* shows that it is over; `member` is the constant that exists as long as the site has
    the thing at all. `severity` None: each alert carries its own.
    """

    name: str
    severity: Severity | None
    identity: tuple[str, ...]
    pace: Pace
    over: Callable[[Reading], str] | None
    member: Callable[[Reading], str] | None
    unit: str = ""

    def words(self, language: str) -> Words:
        """Return title, summary and description in a language of the site."""
        return WORDS[language][self.name]

    @property
    def window(self) -> str:
        """How old a live value may be when somebody asks for it between two evaluations."""
        return _FRESH[self.pace]

    def clear(self, labels: Mapping[str, str]) -> str:
        """Return PromQL that has a sample only if a value measured now shows that this alert is over.

        `labels` are the alert's; a missing one matches series without it. No sample means that nothing is known.
        """
        return self.over(self._reading(labels)) if self.over else _NEVER

    def gone(self, labels: Mapping[str, str]) -> str:
        """Return PromQL that has a sample only if what this alert is about isn't part of the site any more."""
        if self.member is None:
            return _NEVER
        reading = self._reading(labels)
        return f"{reading.constant('hune:site_loaded')} unless on () {self.member(reading)}"

    def _reading(self, labels: Mapping[str, str]) -> Reading:
        return Reading(self.window, {label: labels.get(label, "") for label in self.identity})


_NEVER = "vector(0) > 1"


def _cpu_cooled(read: Reading) -> str:
    return f"{read.live('hune:cpu_celsius:max')} < on (node, chip) {read.live('hune:cpu_clear_celsius')}"


def _cpu_measured(read: Reading) -> str:
    return read.live("hune:cpu_celsius:max")


def _node_answers(read: Reading) -> str:
    return f"{read.live('hune:node_up')} == 1"


def _exporter_answers(read: Reading) -> str:
    return f"{read.live('hune:exporter_up')} == 1"


def _a_remote_node_answers(read: Reading) -> str:
    return f"{read.live('hune:node_up', remote='true')} == 1"


def _link_is_up(read: Reading) -> str:
    return f"{read.live('hune:link_up')} == 1"


def _link_is_fast(read: Reading) -> str:
    expected = read.constant("hune:site_link_speed_bytes", "node", "device")
    return f"{read.live('hune:link_speed_bytes')} >= on (node, device) {expected}"


def _link_is_steady(read: Reading) -> str:
    limit = read.constant("hune:site_link_flaps", "node")
    return f"{read.live('hune:link_flaps')} < on (node) group_left () {limit}"


def _link_is_clean(read: Reading) -> str:
    limit = read.constant("hune:site_link_errors_ratio", "node")
    return f"{read.live('hune:link_errors_ratio')} <= on (node) group_left () {limit}"


def _probe_succeeds(read: Reading) -> str:
    return f"{read.live('hune:probe_up')} == 1"


def _certificate_is_good_for(constant: str) -> Callable[[Reading], str]:
    def over(read: Reading) -> str:
        return f"{read.live('hune:probe_certificate_days')} >= on (probe) {read.constant(constant, 'probe')}"

    return over


def _node(read: Reading) -> str:
    return read.constant("hune:site_node", "node")


def _remote_node(read: Reading) -> str:
    return read.constant("hune:site_node", "lab", remote="true")


def _link(read: Reading) -> str:
    return read.constant("hune:site_link", "node", "device")


def _link_with_speed(read: Reading) -> str:
    return read.constant("hune:site_link_speed_bytes", "node", "device")


def _probe(read: Reading) -> str:
    return read.constant("hune:site_probe", "probe")


def _heartbeat_comes(read: Reading) -> str:
    limit = read.constant("hune:site_heartbeat_seconds", "heartbeat")
    silence, last = (read.live(f"hune_hub_heartbeat_{name}") for name in ("silence_seconds", "seconds"))
    # A hub that forgot everything knows of no silence, nor of a beat.
    return (
        f"{silence} <= on (heartbeat) group_left () {limit}"
        f" and on (heartbeat) (time() - {last} <= on (heartbeat) group_left () {limit})"
    )


def _heartbeat(read: Reading) -> str:
    return read.constant("hune:site_heartbeat", "heartbeat")


ALERTS: Mapping[str, Alert] = {
    alert.name: alert
    for alert in (
        Alert("CpuHot", "critical", ("node", "chip"), "fast", _cpu_cooled, _node, "°C"),
        Alert("CpuSensorLost", "warning", ("node", "chip"), "slow", _cpu_measured, _node),
        Alert("NodeDown", "critical", ("node",), "fast", _node_answers, _node),
        Alert("ExporterSilent", "warning", ("node",), "fast", _exporter_answers, _node),
        Alert("CutOff", "critical", ("lab",), "fast", _a_remote_node_answers, _remote_node),
        Alert("LinkDown", "critical", ("node", "device"), "fast", _link_is_up, _link),
        Alert("LinkSlow", "warning", ("node", "device"), "fast", _link_is_fast, _link_with_speed, "Gbit/s"),
        Alert("LinkFlapping", "warning", ("node", "device"), "slow", _link_is_steady, _link),
        Alert("LinkErrors", "warning", ("node", "device"), "slow", _link_is_clean, _link, "%"),
        Alert("ProbeFailed", None, ("probe",), "fast", _probe_succeeds, _probe),
        Alert(
            "ProbeCertificateExpiring",
            "warning",
            ("probe",),
            "slow",
            _certificate_is_good_for("hune:site_probe_certificate_days"),
            _probe,
            "d",
        ),
        Alert(
            "ProbeCertificateEnding",
            "critical",
            ("probe",),
            "slow",
            _certificate_is_good_for("hune:site_probe_certificate_critical_days"),
            _probe,
            "d",
        ),
        Alert("Watchdog", "none", (), "fast", None, None),
        # Raised by the hub itself: no rule could.
        Alert("ChainBroken", "critical", (), "fast", None, None),
        Alert("HeartbeatMissed", None, ("heartbeat",), "slow", _heartbeat_comes, _heartbeat),
        Alert("DailyTest", "info", ("receiver",), "slow", None, None),
        *(
            Alert(each.name, each.severity, each.identity, "slow", each.over, proxmox.member, each.unit)
            for each in proxmox.PROBLEMS.values()
        ),
        *(
            Alert(each.name, each.severity, each.identity, "slow", each.over, machine.member, each.unit)
            for each in machine.TROUBLES.values()
        ),
        *(
            Alert(each.name, each.severity, each.identity, "slow", each.over, each.member, each.unit)
            for each in own.FAULTS.values()
        ),
    )
}

_OF_THE_HUB = frozenset({"ChainBroken"})


THINGS = (*machine.THINGS, *own.THINGS)
"""The labels that name what an alert is about, on a node or of Hune itself."""


def is_known(alertname: str) -> bool:
    """Whether this is an alert of Hune's own rules."""
    return alertname in ALERTS and alertname not in _OF_THE_HUB


def is_told_once(alertname: str) -> bool:
    """Whether the end of this alert is no news: it only says that alerts arrive."""
    return alertname == "DailyTest"


def clear(labels: Mapping[str, str]) -> str:
    """Return `Alert.clear` for the alert that `labels` name; raises KeyError if it isn't known."""
    return ALERTS[labels["alertname"]].clear(labels)


def gone(labels: Mapping[str, str]) -> str:
    """Return `Alert.gone` for the alert that `labels` name; raises KeyError if it isn't known."""
    return ALERTS[labels["alertname"]].gone(labels)


def firing(alertname: str) -> str:
    """Return the selector of an alert's own firing series, as Prometheus records it."""
    return f'ALERTS{{alertname={quote(alertname)},alertstate="firing"}}'
