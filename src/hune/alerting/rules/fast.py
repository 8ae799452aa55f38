"""Every second: what is true now, and the alerts that must be told at once.

Raw samples count for 5 s, so that one scrape that fails or comes late is no event; what they say is gone after that.
Series that end in `:last`, and those of when something was last seen, remember: each reads its own past, which bridges
a restart of Prometheus of up to five minutes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from hune.alerting.catalogue import firing
from hune.alerting.promql import NOW, Reading, last_said, one_of
from hune.alerting.rules.held import PORT, alert, held, looked_up
from hune.alerting.rules.model import Group, Rule
from hune.site.models import Site

_NODE = NOW.live("hune:node")
_LINK = NOW.live("hune:link")
_REMOTE_NODE = NOW.live("hune:node", remote="true")
_FORGET_AFTER_SECONDS = 86_400
_MOST_CHIPS = 32
"""No machine has more processors; one that invents them would fill memory, evaluation and book of all others."""


def fast(site: Site) -> Group:
    """Return the group that is evaluated every second."""
    rules = [*_clock(), *_subjects(site), *_nodes(), *_cpus(), *_links(), *_probes(site)]
    rules += [*_node_alerts(site), *_cpu_alerts(site), *_link_alerts(site), *_probe_alerts(site)]
    # Of this group, since an alert outlives a dead Prometheus by 20 s here, and by a minute in a slower one.
    rules.append(alert(site, "Watchdog", "vector(1)"))
    return Group("hune-fast", "1s", tuple(rules))


def _raw(metric: str, window: str = "5s", where: str = "", **matching: str) -> str:
    return Reading(window).live(metric, where, job="node-fast", **matching)


def _clock() -> Iterable[Rule]:
    yield Rule("vector(1)", record="hune:tick")
    # 15 seconds in a row with a tick just before: not so after a start, a suspended machine, or a leap of the clock.
    # Single evaluations may be missed, or a busy machine would never alert.
    yield Rule("count_over_time(last_over_time(hune:tick[2500ms])[15s:1s]) >= 15", record="hune:settled")


def _subjects(site: Site) -> Iterable[Rule]:
    for kind in ("node", "link", *(("probe",) if site.probes else ())):
        yield Rule(last_said(f"hune:site_{kind}"), record=f"hune:{kind}")


def _nodes() -> Iterable[Rule]:
    scraped = 'max_over_time(up{job="node-fast"}[3s])'
    answered = 'max_over_time(probe_success{job="node-alive"}[3s])'
    yield Rule(f"max by (node, lab) ({scraped})", record="hune:exporter_up")
    # This host lives as long as this is evaluated. Silence is an attempt that failed; without any attempt, as after a
    # reload that dropped the target, it takes 30 s. Neither is believed in the first seconds, ours or the node's.
    silent = (
        f"{_NODE}\n"
        f"    and on (node) last_over_time(hune:site_node[12s] offset 15s)\n"
        f"    and on () {NOW.live('hune:settled')}\n"
        f"    and on (node) (max by (node) ({scraped} or {answered}) == 0"
        f' or {_NODE} unless on (node) max_over_time(up{{job="node-fast"}}[30s]))'
    )
    yield Rule(
        f"max by (node, remote, lab) (\n"
        f"  {NOW.live('hune:node', remote='false')}\n"
        f"  or {_NODE}\n"
        f"    and on (node) (max by (node) ({scraped} or {answered}) == 1)\n"
        f"  or 0 * (\n    {silent}\n  )\n"
        f")",
        record="hune:node_up",
    )
    # Of those whose death was told already nothing new is learnt.
    watched = f"({NOW.live('hune:node_up', remote='true')} unless on (node) {firing('NodeDown')})"
    yield Rule(
        f"group by (lab) ({_REMOTE_NODE}\n"
        f"  and on (lab) (\n"
        f"    max by (lab) {watched} == 0\n"
        f"      and count by (lab) {watched} >= 2\n"
        f"    or {firing('CutOff')}\n"
        f"  )\n"
        f"  unless on (lab) ({NOW.live('hune:node_up', remote='true')} == 1)\n"
        f")\n"
        f"or 0 * max by (lab) ({NOW.live('hune:node_up', remote='true')})",
        record="hune:cut_off",
    )
    yield Rule(
        f'group by (node, lab) (max_over_time(up{{job="node-fast"}}[1500ms]) == 1) * time()\n'
        f"or hune:exporter_seen_seconds and on (node) {_NODE}\n"
        f"or group by (node, lab) ({_NODE}) * time()",
        record="hune:exporter_seen_seconds",
    )


def _cpus() -> Iterable[Rule]:
    chips = _raw("node_hwmon_chip_names", where='chip_name=~"coretemp|k10temp"')
    # Whoever is known stays; beside as many as a machine may have nobody is new, for as long as each is remembered.
    listed, known = f"group by (node, chip) ({chips})", "group by (node, chip) (hune:cpu_seen_seconds)"
    yield Rule(
        f"{listed} and on (node, chip) {known}\n"
        f"or {listed} unless on (node) (count by (node) ({listed} or {known}) > {_MOST_CHIPS})",
        record="hune:cpu_chip",
    )
    celsius = (
        f"(max by (node, chip, sensor, lab) ({_raw('node_hwmon_temp_celsius')})"
        f" and on (node, chip) {NOW.live('hune:cpu_chip')})"
    )
    named = f"group by (node, chip, sensor, label) ({_raw('node_hwmon_sensor_label')})"
    # Two names of one sensor would be an error of the rule, which then measures no node at all: it has none.
    labels = f"({named}\n      unless on (node, chip, sensor) (count by (node, chip, sensor) ({named}) > 1))"
    # Tctl is Tdie with an offset on some processors: it counts only where there is no Tdie.
    shadowed = (
        f"{_raw('node_hwmon_sensor_label', label='Tctl')}"
        f" and on (node, chip) {_raw('node_hwmon_sensor_label', label='Tdie')}"
    )
    yield Rule(
        f"(\n"
        f"  {celsius}\n    * on (node, chip, sensor) group_left (label) {labels}\n"
        f"  or on (node, chip, sensor) {celsius}\n"
        f")\n"
        f"unless on (node, chip, sensor) ({shadowed})",
        record="hune:cpu_celsius",
    )
    yield Rule(f"max by (node, chip, lab) ({NOW.live('hune:cpu_celsius')})", record="hune:cpu_celsius:max")
    measured = NOW.live("hune:cpu_celsius:max")
    yield Rule(
        f"group by (node, chip, lab) ({measured}) * time()\n"
        f"or hune:cpu_seen_seconds > time() - {_FORGET_AFTER_SECONDS} and on (node) {_NODE}",
        record="hune:cpu_seen_seconds",
    )
    yield Rule(
        f"{measured}\nor hune:cpu_celsius:last and on (node, chip) {NOW.live('hune:cpu_seen_seconds')}",
        record="hune:cpu_celsius:last",
    )
    known = f"group by (node, chip, lab) ({NOW.live('hune:cpu_celsius:last')})"
    for what in ("limit", "clear"):
        # A matcher of an empty `chip` would pass by all chips that anybody ever named.
        of_chip = NOW.constant(f"hune:site_cpu_{what}_celsius")
        of_node = f"({of_chip} and on (node, chip) {_NODE})"
        yield Rule(
            f"{known}\n  * on (node, chip) group_left () {of_chip}\nor {known}\n  * on (node) group_left () {of_node}",
            record=f"hune:cpu_{what}_celsius",
        )


def _links() -> Iterable[Rule]:
    carrier = 'node_network_carrier{job="node-fast"}'
    # Some drivers never say `up`, but have a carrier. Set down, a port has none: its stale marker counts, not its past.
    linked = f"max by (node, device) ({carrier} == 1 and timestamp({carrier}) > time() - 5)"
    up = f"max by (node, device) ({_raw('node_network_up')})"
    # A port that vanished from the machine.
    known = _raw("node_network_up", "10s")
    listed = _raw("node_scrape_collector_success", "2s", collector="netclass")
    yield Rule(
        f"max by (node, device, lab) (\n"
        f"  {_LINK} * on (node, device) group_left () ({linked} or {up})\n"
        f"  or 0 * ({_LINK} unless on (node, device) {known}) and on (node) ({listed} == 1)\n"
        f")",
        record="hune:link_up",
    )
    yield Rule(
        f"({NOW.live('hune:link_up')} == 1)\n"
        f"  * on (node, device) group_left () (max by (node, device) ({_raw('node_network_speed_bytes')}) > 0)",
        record="hune:link_speed_bytes",
    )
    yield Rule(
        f"{NOW.live('hune:link_speed_bytes')}\nor hune:link_speed_bytes:last and on (node, device) {_LINK}",
        record="hune:link_speed_bytes:last",
    )


def _probes(site: Site) -> Iterable[Rule]:
    if not site.probes:
        return
    of_interval: dict[float, list[str]] = defaultdict(list)
    for probe in site.probes:
        of_interval[probe.interval_seconds].append(probe.name)
    parts = []
    for interval, names in sorted(of_interval.items()):
        tries = f'probe_success{{job="probe",probe=~{one_of(names)}}}[{round(2500 * interval)}ms]'
        parts.append(f"max_over_time({tries}) == 1\nor max_over_time({tries}) and count_over_time({tries}) >= 2")
    yield Rule("max by (probe) (\n" + "\nor ".join(parts) + "\n)", record="hune:probe_up")


def _node_alerts(site: Site) -> Iterable[Rule]:
    yield alert(
        site,
        "CutOff",
        held("CutOff", subject=f"count by (lab) ({_REMOTE_NODE})", fires=f"{NOW.live('hune:cut_off')} == 1"),
        measures=NOW.live("hune:cut_off"),
    )
    # The wait lets a cut take effect first, when all fall silent within a second; after it heals, 5 s to come back.
    yield alert(
        site,
        "NodeDown",
        held(
            "NodeDown",
            subject=f"group by (node, lab) ({_NODE})",
            fires=f"{NOW.live('hune:node_up')} == 0\n  unless on (lab) max_over_time(hune:cut_off[5s]) == 1",
        ),
        wait="1s",
        measures=NOW.live("hune:node_up"),
    )
    seen = NOW.live("hune:exporter_seen_seconds")
    yield alert(
        site,
        "ExporterSilent",
        held(
            "ExporterSilent",
            subject=f"(time() - {seen})",
            fires=f"time() - {seen} > on (node) group_left () {NOW.constant('hune:site_exporter_silence_seconds')}\n"
            # A machine that boots answers long before its exporter.
            f"  and on (node) (min_over_time(hune:node_up[30s]) == 1)\n"
            f"  and on () {NOW.live('hune:settled')}",
        ),
        measures=f"time() - {seen}",
        limit=looked_up("hune:site_exporter_silence_seconds", "node"),
    )


def _cpu_alerts(site: Site) -> Iterable[Rule]:
    hot = f"{NOW.live('hune:cpu_celsius:max')} > on (node, chip) {NOW.live('hune:cpu_limit_celsius')}"
    yield alert(
        site,
        "CpuHot",
        held("CpuHot", subject=NOW.live("hune:cpu_celsius:last"), fires=hot),
        measures=NOW.live("hune:cpu_celsius:max"),
        value='{{ $value | printf "%.1f" }}',
        threshold=looked_up("hune:cpu_limit_celsius", "node", "chip"),
        clear=looked_up("hune:cpu_clear_celsius", "node", "chip"),
    )


def _link_alerts(site: Site) -> Iterable[Rule]:
    yield alert(
        site,
        "LinkDown",
        held(
            "LinkDown",
            subject=f"group by (node, device, lab) ({_LINK})",
            fires=f"{NOW.live('hune:link_up')} == 0",
        ),
        measures=NOW.live("hune:link_up"),
        port=PORT,
    )
    expected = last_said("hune:site_link_speed_bytes")
    yield alert(
        site,
        "LinkSlow",
        held(
            "LinkSlow",
            subject=f"{NOW.live('hune:link_speed_bytes:last')} * 8 / 1e9 and on (node, device) {expected}",
            fires=f"{NOW.live('hune:link_speed_bytes')} < on (node, device) {expected}",
        ),
        wait="5s",
        measures=NOW.live("hune:link_speed_bytes"),
        value='{{ $value | printf "%.4g" }}',
        port=PORT,
        threshold=looked_up("hune:site_link_speed_bytes", "node", "device", times=" * 8 / 1e9"),
    )


def _probe_alerts(site: Site) -> Iterable[Rule]:
    if site.probes:
        yield alert(
            site,
            "ProbeFailed",
            held(
                "ProbeFailed",
                subject=NOW.live("hune:probe"),
                fires=f"{NOW.live('hune:probe_up')} == 0",
            ),
            measures=NOW.live("hune:probe_up"),
        )
