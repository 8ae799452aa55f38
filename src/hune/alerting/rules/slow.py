"""Every 15 seconds: what takes minutes to judge."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from hune.alerting.promql import NOW, Reading, one_of
from hune.alerting.rules.heartbeats import overdue
from hune.alerting.rules.held import PORT, alert, held, looked_up
from hune.alerting.rules.model import Group, Rule
from hune.site.models import Site

_SENSOR_LOST_SECONDS = 300
_FAST = Reading("3s")
_LINK = _FAST.live("hune:link")


def slow(site: Site) -> Group:
    """Return the group that is evaluated every 15 s."""
    devices = sorted({link.device for node in site.nodes for link in node.links})
    links = [*_flaps(), *_errors(one_of(devices))] if devices else []
    rules = [*links, *(_link_alerts(site) if devices else ()), *_certificates(site), _sensor_lost(site)]
    return Group("hune-slow", "15s", (*rules, *overdue(site), *_daily_tests(site)))


def _certificates(site: Site) -> Iterable[Rule]:
    of_interval: dict[float, list[str]] = defaultdict(list)
    for probe in site.probes:
        if probe.has_certificate:
            of_interval[probe.interval_seconds].append(probe.name)
    if not of_interval:
        return
    series = 'probe_ssl_earliest_cert_expiry{{job="probe",probe=~{}}}[{}ms]'.format
    ends = "\nor ".join(
        f"last_over_time({series(one_of(names), round(2500 * interval))})"
        for interval, names in sorted(of_interval.items())
    )
    yield from _remembered(
        "hune:probe_certificate_days", f"(max by (probe) (\n{ends}\n) - time()) / 86400", "probe", "hune:probe"
    )
    left, before = NOW.live("hune:probe_certificate_days"), NOW.live("hune:probe_certificate_days:last")
    for name, limit in (
        ("ProbeCertificateExpiring", "hune:site_probe_certificate_days"),
        ("ProbeCertificateEnding", "hune:site_probe_certificate_critical_days"),
    ):
        yield alert(
            site,
            name,
            held(name, subject=before, fires=f"{left} < on (probe) {NOW.constant(limit)}"),
            measures=left,
            value='{{ $value | printf "%.1f" }}',
            threshold=looked_up(limit, "probe"),
        )


def _daily_tests(site: Site) -> Iterable[Rule]:
    """Return a rule for each receiver that wants a test: it fires for a minute at that time of the day, in UTC."""
    for receiver in site.receivers:
        if receiver.daily_test is None:
            continue
        hours, minutes = map(int, receiver.daily_test.split(":"))
        moment = hours * 3600 + minutes * 60
        now = "vector(time() % 86400)"
        rule = alert(site, "DailyTest", f"{now} >= {moment} < {moment + 60}", receiver=receiver.name)
        yield replace(rule, labels={**rule.labels, "receiver": receiver.name})


def _flaps() -> Iterable[Rule]:
    # Samples a second apart leave `increase` next to nothing to extrapolate; it also sees through a reboot's reset.
    changes = 'increase(node_network_carrier_changes_total{job="node-fast"}[15m])'
    yield from _remembered(
        "hune:link_flaps",
        f"group by (node, device, lab) ({_LINK})\n"
        f"  * on (node, device) group_left () (max by (node, device) ({changes}) / 2)\n"
        f"  and on (node) ({_FAST.live('hune:exporter_up')} == 1)",
    )


def _errors(devices: str) -> Iterable[Rule]:
    directions = "\n    or ".join(_errors_of(direction, devices) for direction in ("receive", "transmit"))
    yield from _remembered(
        "hune:link_errors_ratio",
        f"group by (node, device, lab) ({_LINK})\n"
        f"  * on (node, device) group_left () max by (node, device) (\n    {directions}\n  )\n"
        f'  and on (node) (last_over_time(up{{job="node"}}[40s]) == 1)',
    )


def _errors_of(direction: str, devices: str) -> str:
    """Return the ratio of bad packets of one direction: judged if there are enough packets, or no errors at all."""
    of = f'{{job="node",device=~{devices}}}[5m]'
    bad, good = (f"rate(node_network_{direction}_{kind}_total{of})" for kind in ("errs", "packets"))
    enough = NOW.constant("hune:site_link_errors_min_packets")
    ratio = f"{bad} / ({good} + {bad}) and {good} + {bad} >= on (node) group_left () {enough} or {bad} == 0"
    # What labels an exporter adds are its own: series that differ in `direction` alone would be an error of the rule.
    return f'label_replace(max by (node, device) ({ratio}), "direction", "{direction}", "", "")'


def _remembered(name: str, expr: str, identity: str = "node, device", subject: str = "hune:link") -> Iterable[Rule]:
    """Return a rule, and one that remembers its last value as long as the site has its subject."""
    yield Rule(expr, record=name)
    yield Rule(f"{NOW.live(name)}\nor {name}:last and on ({identity}) {_FAST.live(subject)}", record=f"{name}:last")


def _link_alerts(site: Site) -> Iterable[Rule]:
    flaps, flaps_limit = NOW.live("hune:link_flaps"), NOW.constant("hune:site_link_flaps")
    yield alert(
        site,
        "LinkFlapping",
        held(
            "LinkFlapping",
            subject=NOW.live("hune:link_flaps:last"),
            fires=f"{flaps} >= on (node) group_left () {flaps_limit}",
        ),
        measures=flaps,
        value='{{ $value | printf "%.0f" }}',
        port=PORT,
        threshold=looked_up("hune:site_link_flaps", "node"),
    )
    ratio, ratio_limit = NOW.live("hune:link_errors_ratio"), NOW.constant("hune:site_link_errors_ratio")
    yield alert(
        site,
        "LinkErrors",
        held(
            "LinkErrors",
            subject=f"100 * {NOW.live('hune:link_errors_ratio:last')}",
            fires=f"{ratio} > on (node) group_left () {ratio_limit}",
        ),
        measures=ratio,
        value='{{ $value | printf "%.3g" }}',
        port=PORT,
        threshold=looked_up("hune:site_link_errors_ratio", "node", times=" * 100"),
    )


def _sensor_lost(site: Site) -> Rule:
    unseen = f"time() - {_FAST.live('hune:cpu_seen_seconds')}"
    return alert(
        site,
        "CpuSensorLost",
        held(
            "CpuSensorLost",
            subject=_FAST.live("hune:cpu_celsius:last"),
            fires=f"{unseen} > {_SENSOR_LOST_SECONDS} and on (node) ({_FAST.live('hune:exporter_up')} == 1)",
            read=_FAST,
        ),
        measures=unseen,
    )
