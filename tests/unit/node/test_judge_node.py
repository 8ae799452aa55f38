"""What a machine lacks, judged from what it answered."""

import pytest

from hune.site.models import Node
from hune.stack.node_check import Finding, judge
from hune.stack.node_facts import Metrics, NodeFacts, Reached, parse

NEEDED = ("cpu", "filesystem", "hwmon", "loadavg", "meminfo", "netclass", "netdev", "time", "uname")
COLLECTORS = "".join(f'node_scrape_collector_success{{collector="{name}"}} 1\n' for name in NEEDED)
HEALTHY = (
    'node_exporter_build_info{version="1.5.0"} 1\n'
    + COLLECTORS
    + """\
node_hwmon_chip_names{chip="platform_coretemp_0",chip_name="coretemp"} 1
node_hwmon_temp_celsius{chip="platform_coretemp_0",sensor="temp1"} 48
node_hwmon_temp_celsius{chip="platform_coretemp_0",sensor="temp2"} 51
node_network_up{device="enp1s0f0"} 1
node_network_flags{device="enp1s0f0"} 4099
node_network_speed_bytes{device="enp1s0f0"} 1.25e+09
node_time_seconds 1000.05
"""
)


def node(**changes: object) -> Node:
    links = [{"device": "enp1s0f0", "speed": "10G"}]
    return Node.model_validate(
        {"name": "pve-01", "address": "10.0.0.11", "kind": "proxmox", "links": links, "this_host": False} | changes
    )


def facts(
    text: str = HEALTHY, *, alive: bool = True, port: Reached = "open", status: int = 200, seconds: float = 0.1
) -> NodeFacts:
    metrics = Metrics(status, parse(text), seconds=seconds, asked_at=1000.0) if port == "open" else None
    return NodeFacts("10.0.0.11", "icmp", alive, port, "10.0.0.5", metrics)


def lacking(found: list[Finding]) -> list[tuple[str, str, str]]:
    return [(finding.what, finding.detail, finding.remedy) for finding in found if finding.state == "lacking"]


def test_healthy_hypervisor_lacks_nothing() -> None:
    found = judge(node(), facts())
    assert {finding.state for finding in found} == {"ok"}
    assert [finding.what for finding in found] == [
        "alive",
        "exporter",
        "collectors",
        "cpu temperature",
        "link enp1s0f0",
        "clock",
        "cost",
    ]
    details = {finding.what: finding.detail for finding in found}
    assert details["cpu temperature"] == "2 sensors of platform_coretemp_0 (coretemp), hottest 51 °C"
    assert details["link enp1s0f0"] == "up at 10G"


def test_unknown_host_name_is_all_there_is_to_say() -> None:
    (finding,) = judge(node(address="pve-01.lan"), NodeFacts(None))
    assert (finding.state, finding.where) == ("lacking", "site file")


def test_missing_exporter_is_installed() -> None:
    found = judge(node(), facts(port="refused"))
    assert lacking(found) == [
        ("exporter", "nothing listens on 10.0.0.11:9100", "apt-get install -y prometheus-node-exporter")
    ]


def test_missing_exporter_of_this_host_is_brought_by_hune() -> None:
    found = judge(node(this_host=True), facts(port="refused"))
    assert [(finding.remedy, finding.where) for finding in found if finding.state == "lacking"] == [("hune up", "here")]


@pytest.mark.parametrize(("kind", "begin"), [("proxmox", "pvesh create"), ("linux", "iptables -I INPUT")])
def test_firewall_is_opened_for_this_machine_only(kind: str, begin: str) -> None:
    ((what, _, command),) = lacking(judge(node(kind=kind), facts(port="silent")))
    assert what == "exporter"
    assert command.startswith(begin)
    assert "10.0.0.5" in command
    assert "9100" in command


def test_dead_machine_is_told_as_such() -> None:
    found = judge(node(), facts(alive=False, port="silent"))
    assert [what for what, _, _ in lacking(found)] == ["alive", "exporter"]


def test_machine_that_hides_from_pings_needs_another_proof_of_life() -> None:
    ((what, detail, remedy),) = lacking(judge(node(), facts(alive=False)))
    assert what == "alive"
    assert "lives but does not answer icmp" in detail
    assert "alive: tcp:PORT" in remedy


@pytest.mark.parametrize("text", ["<html>hello</html>", "", "some_metric 1\n", "a{b=\n", "\x00\xff"])
def test_something_else_on_the_port_is_not_taken_for_an_exporter(text: str) -> None:
    ((what, detail, _),) = lacking(judge(node(), facts(text)))
    assert (what, detail) == ("exporter", "what answers on 10.0.0.11:9100 is not a node exporter")


@pytest.mark.parametrize(("status", "word"), [(401, "credentials"), (404, "answers 404"), (0, "no answer")])
def test_answers_that_are_no_metrics(status: int, word: str) -> None:
    given = facts(status=status)
    if not status:
        given = NodeFacts("10.0.0.11", "icmp", True, "open", None, None)
    ((what, detail, remedy),) = lacking(judge(node(), given))
    assert what == "exporter"
    assert word in detail
    assert remedy


def test_ancient_exporter_is_upgraded() -> None:
    ((what, detail, _),) = lacking(judge(node(), facts(HEALTHY.replace('"1.5.0"', '"0.18.1"'))))
    assert (what, detail) == ("exporter", "version 0.18.1, 1.0 or newer is needed")


def test_collectors_that_are_switched_off_are_switched_on() -> None:
    text = "\n".join(line for line in HEALTHY.splitlines() if "netclass" not in line and "loadavg" not in line)
    ((what, detail, command),) = lacking(judge(node(), facts(text)))
    assert (what, detail) == ("collectors", "switched off: loadavg, netclass")
    assert "s/ *--no-collector.loadavg//;s/ *--no-collector.netclass//;" in command


def test_collectors_that_fail_are_named() -> None:
    text = HEALTHY.replace('{collector="netclass"} 1', '{collector="netclass"} 0')
    assert lacking(judge(node(), facts(text)))[0][:2] == ("collectors", "failing: netclass")


def test_missing_cpu_sensor_gets_its_driver() -> None:
    text = "\n".join(line for line in HEALTHY.splitlines() if "hwmon" not in line or "scrape" in line)
    ((what, _, command),) = lacking(judge(node(), facts(text)))
    assert what == "cpu temperature"
    assert "modprobe" in command


def test_virtual_machine_is_not_asked_for_a_cpu_sensor() -> None:
    text = "\n".join(line for line in HEALTHY.splitlines() if "hwmon" not in line or "scrape" in line)
    found = judge(node(), facts(text + '\nnode_dmi_info{system_vendor="QEMU",product_name="Standard PC"} 1\n'))
    assert lacking(found) == []
    assert [finding.state for finding in found if finding.what == "cpu temperature"] == ["note"]


def test_watched_port_that_is_not_there_names_the_nearest() -> None:
    ((what, detail, remedy),) = lacking(judge(node(links=[{"device": "enp1s0f00"}]), facts()))
    assert (what, remedy) == ("link enp1s0f00", "correct the device")
    assert detail == "the machine has no such port; did you mean enp1s0f0?"


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        (('node_network_up{device="enp1s0f0"} 1', 'node_network_up{device="enp1s0f0"} 0'), "down: no carrier"),
        (("1.25e+09", "1.25e+08"), "up at 1G, 10G expected"),
        (("1.25e+09", "-125000"), "up; its driver does not tell the speed"),
    ],
)
def test_watched_port_below_what_is_expected(change: tuple[str, str], detail: str) -> None:
    ((what, told, remedy),) = lacking(judge(node(), facts(HEALTHY.replace(*change))))
    assert (what, told) == ("link enp1s0f0", detail)
    assert remedy


def test_port_that_is_switched_off_is_switched_on() -> None:
    text = HEALTHY.replace('up{device="enp1s0f0"} 1', 'up{device="enp1s0f0"} 0').replace("4099", "4098")
    assert lacking(judge(node(), facts(text)))[0][1:] == ("switched off", "ip link set enp1s0f0 up")


@pytest.mark.parametrize(("seconds", "word"), [("1004.05", "4.0 s ahead of"), ("996.05", "4.0 s behind")])
def test_clock_that_disagrees_is_told(seconds: str, word: str) -> None:
    ((what, detail, _),) = lacking(judge(node(), facts(HEALTHY.replace("1000.05", seconds))))
    assert what == "clock"
    assert word in detail


def test_slow_answer_does_not_count_against_the_clock() -> None:
    assert lacking(judge(node(), facts(HEALTHY.replace("1000.05", "1004.0"), seconds=6.0))) == []


def test_many_ports_of_guests_are_a_note() -> None:
    guests = "".join(f'node_network_up{{device="tap{number}i0"}} 1\n' for number in range(100, 190))
    (note,) = [finding for finding in judge(node(), facts(HEALTHY + guests)) if finding.state == "note"]
    assert note.what == "cost"
    assert "^(veth|tap|fwbr|fwln|fwpr).*" in note.remedy
