"""What a machine still lacks to be watched, judged from facts, with the one command that gives it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from hune.site.models import Link, Node, format_speed
from hune.stack.node_facts import Metrics, NodeFacts

State = Literal["ok", "lacking", "note"]

# What the rules and pages are made of.
COLLECTORS = ("cpu", "filesystem", "hwmon", "loadavg", "meminfo", "netclass", "netdev", "time", "uname")
CPU_CHIPS = ("coretemp", "k10temp")
OLDEST_MAJOR = 1
MAX_OFFSET_SECONDS = 1.0
MAX_SCRAPE_SECONDS = 0.5
MANY_DEVICES = 60

_INSTALL = "apt-get install -y prometheus-node-exporter"
_RESTART = "systemctl restart prometheus-node-exporter"
LOAD_SENSORS = (
    "for m in coretemp k10temp; do modprobe -q $m && echo $m; done > /etc/modules-load.d/cpu-temperature.conf"
)
_VIRTUAL = ("qemu", "kvm", "vmware", "virtualbox", "innotek", "xen", "hyper-v", "virtual machine", "bochs")
_GUEST_PORTS = "^(veth|tap|fwbr|fwln|fwpr).*"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `remedy` is a command on the machine, one here, or a line of the site file."""

    what: str
    state: State
    detail: str
    remedy: str = ""
    where: Literal["machine", "here", "site file"] = "machine"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def judge(node: Node, facts: NodeFacts) -> list[Finding]:
    """Return what was found, in the order in which it should be mended."""
    if facts.resolved is None:
        detail = f"{node.address} does not resolve to an IP address"
        return [Finding("address", "lacking", detail, "give its IP address as address", "site file")]
    return [*_judge_life(node, facts), *_judge_exporter(node, facts)]


def _judge_life(node: Node, facts: NodeFacts) -> Iterator[Finding]:
    if not node.is_remote:
        yield Finding("alive", "ok", "this machine")
    elif facts.alive:
        yield Finding("alive", "ok", f"{facts.resolved} answers ({facts.alive_by})")
    elif facts.port in ("open", "refused"):
        detail = f"{facts.resolved} lives but does not answer {facts.alive_by}: without its exporter it would seem dead"
        remedy = "alive: tcp:PORT, a port that it answers on (22, or 8006 of Proxmox)"
        yield Finding("alive", "lacking", detail, remedy, "site file")
    else:
        detail = f"{facts.resolved} does not answer ({facts.alive_by})"
        yield Finding("alive", "lacking", detail, f"ping -c 3 {facts.resolved}", "here")


def _judge_exporter(node: Node, facts: NodeFacts) -> Iterator[Finding]:
    port, where = node.exporter.port, node.exporter_address
    if facts.port == "refused":
        if node.is_remote:
            yield Finding("exporter", "lacking", f"nothing listens on {where}", _INSTALL)
        else:
            yield Finding("exporter", "lacking", f"nothing listens on {where}: Hune brings its own", "hune up", "here")
    elif facts.port != "open":
        if facts.alive:
            detail = f"{where} does not answer, though the machine lives: a firewall drops it"
            yield Finding("exporter", "lacking", detail, _open_port(node, facts.source, port))
        else:
            yield Finding("exporter", "lacking", f"{where} does not answer", _INSTALL)
    elif facts.metrics is None or facts.metrics.status != 200:
        yield _judge_answer(node, facts.metrics)
    elif not facts.metrics.of("node_exporter_build_info"):
        detail = f"what answers on {where} is not a node exporter"
        yield Finding("exporter", "lacking", detail, f"ss -ltnp 'sport = :{port}'  # then {_INSTALL}")
    else:
        yield from _judge_metrics(node, facts.metrics)


def _open_port(node: Node, source: str | None, port: int) -> str:
    origin = source or "HUNE"
    if node.kind == "proxmox":
        rule = f"--type in --action ACCEPT --proto tcp --dport {port} --source {origin} --enable 1"
        return f"pvesh create /nodes/$(hostname)/firewall/rules {rule}"
    return f"{'ip6tables' if ':' in origin else 'iptables'} -I INPUT -p tcp -s {origin} --dport {port} -j ACCEPT"


def _judge_answer(node: Node, metrics: Metrics | None) -> Finding:
    where = f"{node.exporter.scheme}://{node.exporter_address}/metrics"
    status = metrics.status if metrics else 0
    if status in (401, 403):
        return Finding(
            "exporter",
            "lacking",
            f"{where} wants credentials ({status})",
            "remove --web.config.file's basic_auth_users",
        )
    if status:
        return Finding(
            "exporter", "lacking", f"{where} answers {status}", "exporter: {port: …} of its node exporter", "site file"
        )
    other = "https" if node.exporter.scheme == "http" else "http"
    return Finding(
        "exporter",
        "lacking",
        f"{where}: {metrics.error if metrics else 'no answer'}",
        f"exporter: {{scheme: {other}}}, if it speaks that",
        "site file",
    )


def _judge_metrics(node: Node, metrics: Metrics) -> Iterator[Finding]:
    yield _judge_version(metrics)
    yield from _judge_collectors(metrics)
    yield _judge_cpu(metrics)
    for link in node.links:
        yield _judge_link(link, metrics)
    yield _judge_clock(metrics)
    yield _judge_load(metrics)


def _judge_version(metrics: Metrics) -> Finding:
    version = metrics.of("node_exporter_build_info")[0][0].get("version", "")
    series = sum(len(rows) for rows in metrics.series.values())
    major = version.partition(".")[0]
    if major.isdigit() and int(major) < OLDEST_MAJOR:
        upgrade = "apt-get install -y --only-upgrade prometheus-node-exporter"
        return Finding("exporter", "lacking", f"version {version}, {OLDEST_MAJOR}.0 or newer is needed", upgrade)
    return Finding("exporter", "ok", f"node exporter {version or 'of unknown version'}, {series} series")


def _judge_collectors(metrics: Metrics) -> Iterator[Finding]:
    there = {labels.get("collector"): value for labels, value in metrics.of("node_scrape_collector_success")}
    missing = [name for name in COLLECTORS if name not in there]
    if missing:
        edit = "".join(f"s/ *--no-collector.{name}//;" for name in missing)
        yield Finding(
            "collectors",
            "lacking",
            f"switched off: {', '.join(missing)}",
            f"sed -i '{edit}' /etc/default/prometheus-node-exporter && {_RESTART}",
        )
    failing = [name for name in COLLECTORS if there.get(name) == 0 and name != "hwmon"]
    if failing:
        yield Finding(
            "collectors", "lacking", f"failing: {', '.join(failing)}", "journalctl -u prometheus-node-exporter -n 20"
        )
    if not missing and not failing:
        yield Finding("collectors", "ok", f"{len(there)} switched on, all that are needed")


def _judge_cpu(metrics: Metrics) -> Finding:
    chips = {
        labels.get("chip", ""): labels.get("chip_name", "")
        for labels, _ in metrics.of("node_hwmon_chip_names")
        if labels.get("chip_name") in CPU_CHIPS
    }
    values = [value for labels, value in metrics.of("node_hwmon_temp_celsius") if labels.get("chip") in chips]
    if values:
        names = ", ".join(f"{chip} ({driver})" for chip, driver in sorted(chips.items()))
        return Finding("cpu temperature", "ok", f"{len(values)} sensors of {names}, hottest {max(values):.0f} °C")
    if chips:
        return Finding("cpu temperature", "lacking", "the CPU's chip is there, without values", "sensors")
    if machine := _virtual_machine(metrics):
        return Finding("cpu temperature", "note", f"none: a virtual machine ({machine}) has no sensor of its CPU")
    return Finding("cpu temperature", "lacking", "no coretemp or k10temp chip: its driver is not loaded", LOAD_SENSORS)


def _virtual_machine(metrics: Metrics) -> str:
    for labels, _ in metrics.of("node_dmi_info"):
        text = " ".join((labels.get("system_vendor", ""), labels.get("product_name", ""))).strip()
        if any(word in text.lower() for word in _VIRTUAL):
            return text
    return ""


def _judge_link(link: Link, metrics: Metrics) -> Finding:
    what = f"link {link.device}"
    ups = metrics.of("node_network_up", device=link.device)
    if not ups:
        there = sorted(labels.get("device", "") for labels, _ in metrics.of("node_network_up"))
        near = difflib.get_close_matches(link.device, there, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(there[:8])}"
        return Finding(what, "lacking", f"the machine has no such port; {hint}", "correct the device", "site file")
    if ups[0][1] != 1:
        flags = metrics.of("node_network_flags", device=link.device)
        if flags and not int(flags[0][1]) & 1:
            return Finding(what, "lacking", "switched off", f"ip link set {link.device} up")
        return Finding(what, "lacking", "down: no carrier", f"ethtool {link.device}  # cable, transceiver, switch")
    speeds = metrics.of("node_network_speed_bytes", device=link.device)
    bits = speeds[0][1] * 8 if speeds else 0
    if bits <= 0:
        state: State = "lacking" if link.speed else "note"
        fix = "leave its speed out" if link.speed else ""
        return Finding(what, state, "up; its driver does not tell the speed", fix, "site file")
    if link.speed and bits < link.speed:
        slow = f"up at {format_speed(bits)}, {format_speed(link.speed)} expected"
        return Finding(what, "lacking", slow, f"ethtool {link.device}  # cable, transceiver, the other side's speed")
    return Finding(what, "ok", f"up at {format_speed(bits)}")


def _judge_clock(metrics: Metrics) -> Finding:
    told = metrics.of("node_time_seconds")
    if not told:
        return Finding("clock", "note", "not told by the exporter")
    # It is read at some moment between question and answer.
    middle, slack = metrics.asked_at + metrics.seconds / 2, metrics.seconds / 2
    offset = told[0][1] - middle
    if abs(offset) - slack > MAX_OFFSET_SECONDS:
        ahead = "ahead of" if offset > 0 else "behind"
        return Finding("clock", "lacking", f"{abs(offset):.1f} s {ahead} this machine's", "apt-get install -y chrony")
    return Finding("clock", "ok", f"agrees within {abs(offset) + slack:.2f} s")


def _judge_load(metrics: Metrics) -> Finding:
    guests = ("veth", "tap", "fwbr", "fwln", "fwpr")
    ports = [labels for labels, _ in metrics.of("node_network_up") if labels.get("device", "").startswith(guests)]
    if len(ports) > MANY_DEVICES:
        flag = f"--collector.netclass.ignored-devices={_GUEST_PORTS} --collector.netdev.device-exclude={_GUEST_PORTS}"
        edit = f"""sed -i 's/^ARGS="/&{flag} /' /etc/default/prometheus-node-exporter && {_RESTART}"""
        detail = f"{len(ports)} ports of guests are measured each second; leaving them out spares its CPU"
        return Finding("cost", "note", detail, edit)
    if metrics.seconds > MAX_SCRAPE_SECONDS:
        return Finding("cost", "note", f"a whole scrape takes {metrics.seconds:.2f} s")
    return Finding("cost", "ok", f"a whole scrape takes {metrics.seconds * 1000:.0f} ms")
