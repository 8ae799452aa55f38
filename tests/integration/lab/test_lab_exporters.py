"""What the real node_exporter makes of the trees."""

import json
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from hune.lab import sysfs
from hune.lab.hardware import CORES
from hune.lab.places import events_path
from support.lab import ADDRESSES, PATIENCE_SECONDS, RunningLab, program, wait_until
from support.ports import free_port

PACKAGE = 'node_hwmon_temp_celsius{chip="platform_coretemp_0",sensor="temp1"}'


def of(metrics: dict[str, float], name: str, device: str) -> float | None:
    return metrics.get(f'node_network_{name}{{device="{device}"}}')


def link(lab: RunningLab, node: str, device: str) -> dict[str, float | None]:
    metrics = lab.metrics(node, "netclass")
    return {name: of(metrics, name, device) for name in ("up", "carrier", "speed_bytes", "carrier_changes_total")}


def test_every_collector_succeeds(lab: RunningLab) -> None:
    for node in ADDRESSES:
        metrics = lab.metrics(node)
        success = {s: v for s, v in metrics.items() if s.startswith("node_scrape_collector_success")}
        assert len(success) >= 25
        assert [series for series, value in success.items() if value != 1] == []
        assert f'node_softnet_processed_total{{cpu="{CORES - 1}"}}' in metrics


def test_temperatures_are_the_files(lab: RunningLab) -> None:
    def agree() -> bool:
        """The files may move between the two readings; they agree in one of a few tries."""
        directory = lab.layout.lab / "pve-01/sys" / sysfs.CORETEMP
        measured = lab.metrics("pve-01", "hwmon")
        return all(
            measured[f'node_hwmon_temp_celsius{{chip="platform_coretemp_0",sensor="temp{i}"}}']
            == int((directory / f"temp{i}_input").read_text()) / 1000
            for i in range(1, 8)
        )

    wait_until(agree, "the same temperatures in files and metrics")
    assert 'node_hwmon_temp_celsius{chip="nvme_nvme0",sensor="temp1"}' in lab.metrics("pve-01", "hwmon")
    assert 'node_hwmon_chip_names{chip="thermal_thermal_zone0",chip_name="acpitz"}' in lab.metrics("pve-01", "hwmon")


def test_thirty_guests_make_the_series_of_a_busy_hypervisor(lab: RunningLab) -> None:
    series = [s for s in lab.metrics("pve-03", "hwmon", "netclass") if s.startswith(("node_network", "node_hwmon"))]
    assert len(series) == pytest.approx(2435, rel=0.02)
    guests = [s for s in series if s.startswith("node_network_info") and re.search('device="(tap|veth)', s)]
    assert len(guests) == 30


def test_traffic_is_the_trees_not_the_hosts(lab: RunningLab) -> None:
    devices = {s for s in lab.metrics("pve-02", "netdev") if s.startswith("node_network_receive_bytes_total")}
    assert 'node_network_receive_bytes_total{device="tap201i0"}' in devices
    assert 'node_network_receive_bytes_total{device="eth0"}' not in devices


def test_counters_advance(lab: RunningLab) -> None:
    idle = 'node_cpu_seconds_total{cpu="3",mode="idle"}'
    before = lab.metrics("pve-01", "cpu")[idle]
    wait_until(lambda: lab.metrics("pve-01", "cpu")[idle] > before, "CPU time passing")


def test_heat_is_measured_as_soon_as_the_command_returns(healed: RunningLab) -> None:
    before = time.time()
    (event,) = healed.do("heat", node="PVE-02", celsius=78)
    assert healed.metrics("pve-02", "hwmon")[PACKAGE] == pytest.approx(78, abs=0.5)
    assert before <= event["time"] <= time.time()
    kept = [json.loads(line) for line in events_path(healed.layout).read_text().splitlines()]
    assert kept[-1] == event
    assert (event["event"], event["node"], event["celsius"]) == ("heat", "pve-02", 78.0)
    (event,) = healed.do("cool")
    assert event["node"] == "pve-02"
    assert healed.metrics("pve-02", "hwmon")[PACKAGE] < 65


def test_cut_link(healed: RunningLab) -> None:
    before = link(healed, "pve-01", "enp1s0f1")
    assert before == {"up": 1, "carrier": 1, "speed_bytes": 1.25e9, "carrier_changes_total": 2}
    healed.do("unplug", node="pve-01", device="enp1s0f1")
    assert link(healed, "pve-01", "enp1s0f1") == {
        "up": 0, "carrier": 0, "speed_bytes": -125_000, "carrier_changes_total": 3,
    }  # fmt: skip
    assert link(healed, "pve-01", "enp1s0f0")["up"] == 1
    healed.do("plug", node="pve-01", device="enp1s0f1")
    assert link(healed, "pve-01", "enp1s0f1") == before | {"carrier_changes_total": 4}


def test_port_set_down_has_no_carrier_series(healed: RunningLab) -> None:
    healed.do("unplug", node="pve-02", device="enp1s0f0", admin=True)
    found = link(healed, "pve-02", "enp1s0f0")
    assert (found["up"], found["carrier"], found["speed_bytes"]) == (0, None, None)


def test_slow_link(healed: RunningLab) -> None:
    before = link(healed, "pve-03", "enp1s0f0")["carrier_changes_total"]
    assert before is not None
    healed.do("slow", node="pve-03", device="enp1s0f0")
    assert link(healed, "pve-03", "enp1s0f0") == {
        "up": 1, "carrier": 1, "speed_bytes": 1.25e8, "carrier_changes_total": before + 2,
    }  # fmt: skip


def test_refusing_node(healed: RunningLab) -> None:
    healed.do("kill", node="pve-01", how="refuse")
    with pytest.raises(urllib.error.URLError, match="refused"):
        healed.metrics("pve-01")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(healed.machine("pve-01"), 5)


def test_hanging_node(healed: RunningLab) -> None:
    healed.do("kill", node="pve-02", how="hang")
    with pytest.raises(OSError, match="timed out"):
        healed.metrics("pve-02", timeout=0.5)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            socket.create_connection(healed.machine("pve-02"), 0.3)


def test_dead_exporter_on_a_living_machine(healed: RunningLab) -> None:
    healed.do("kill", node="pve-03", how="exporter")
    with pytest.raises(urllib.error.URLError, match="refused"):
        healed.metrics("pve-03")
    socket.create_connection(healed.machine("pve-03"), 5).close()


@pytest.mark.parametrize(("node", "how"), [("pve-01", "refuse"), ("pve-02", "hang")])
def test_revived_machine_has_booted_anew(healed: RunningLab, node: str, how: str) -> None:
    healed.do("kill", node=node, how=how)
    killed = int(time.time())
    assert [event["node"] for event in healed.do("revive")] == [node]
    assert healed.metrics(node, "stat")["node_boot_time_seconds"] >= killed
    socket.create_connection(healed.machine(node), 5).close()


def test_revived_exporter_is_no_reboot(healed: RunningLab) -> None:
    before = healed.metrics("pve-03", "stat")["node_boot_time_seconds"]
    healed.do("kill", node="pve-03", how="exporter")
    healed.do("revive", node="pve-03")
    assert healed.metrics("pve-03", "stat")["node_boot_time_seconds"] == before


def test_ways_to_die_follow_one_another(healed: RunningLab) -> None:
    for how in ("hang", "refuse", "hang", "exporter", "refuse", "exporter"):
        healed.do("kill", node="pve-02", how=how)
        assert healed.status()["pve-02"]["power"] == how
    healed.do("revive")
    assert healed.metrics("pve-02", "loadavg")


def test_blackbox_exporter_sees_each_way_to_die(healed: RunningLab, tmp_path: Path) -> None:
    config = tmp_path / "blackbox.yml"
    config.write_text("modules: {tcp: {prober: tcp, timeout: 700ms}}\n")
    port = free_port()
    blackbox = subprocess.Popen(
        [
            program("prometheus-blackbox-exporter"),
            f"--config.file={config}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=error",
        ]
    )

    def probe(node: str) -> float | None:
        target = ":".join(map(str, healed.machine(node)))
        try:
            url = f"http://127.0.0.1:{port}/probe?module=tcp&target={target}"
            with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as answer:
                text = answer.read().decode()
        except urllib.error.URLError:
            return None
        return float(text.partition("\nprobe_success ")[2].splitlines()[0])

    try:
        wait_until(lambda: probe("pve-01") == 1, "blackbox exporter and the machine answering")
        healed.do("kill", node="pve-01", how="refuse")
        healed.do("kill", node="pve-02", how="hang")
        healed.do("kill", node="pve-03", how="exporter")
        # On a busy machine a probe may also end before a living machine's answer is looked at.
        wait_until(lambda: [probe(node) for node in ADDRESSES] == [0, 0, 1], "each way to die seen")
        healed.do("revive")
        wait_until(lambda: [probe(node) for node in ADDRESSES] == [1, 1, 1], "the living seen")
    finally:
        blackbox.terminate()
        blackbox.wait(PATIENCE_SECONDS)


@pytest.mark.parametrize(
    ("command", "body", "reason"),
    [
        ("heat", {"node": "pve-4", "celsius": 78}, "pve-4: no such node of the lab; did you mean pve-0"),
        ("heat", {"node": "db", "celsius": 78}, "there are: pve-01, pve-02, pve-03"),
        ("heat", {"celsius": 78}, "no such node"),
        ("heat", {"node": "pve-01"}, "celsius: not a number"),
        ("heat", {"node": "pve-01", "celsius": "hot"}, "celsius: not a number"),
        ("heat", {"node": "pve-01", "celsius": True}, "celsius: not a number"),
        ("heat", {"node": "pve-01", "celsius": float("nan")}, "celsius: not a number"),
        ("heat", {"node": "pve-01", "celsius": 400}, "400 °C: no such CPU; give 20 to 110"),
        ("heat", {"node": "pve-01", "celsius": -5}, "-5 °C: no such CPU"),
        ("unplug", {"node": "pve-01", "device": "enp1s0f2"}, "pve-01 has no such port; did you mean enp1s0f"),
        ("unplug", {"node": "pve-01", "device": "tap101i0"}, "there are: eno1, enp1s0f0, enp1s0f1"),
        ("unplug", {"node": "pve-01"}, "no such port"),
        ("slow", {"node": "nobody", "device": "eno1"}, "nobody: no such node"),
        ("kill", {"node": "pve-01", "how": "softly"}, "softly: no such way to die; give refuse, hang or exporter"),
        ("kill", {"node": "pve-01", "how": "up"}, "up: no such way to die"),
        ("cool", {"node": "pve-07"}, "pve-07: no such node"),
    ],
)
def test_wrong_input_is_refused_in_one_line(
    lab: RunningLab, command: str, body: dict[str, object], reason: str
) -> None:
    refusal = lab.refusal(command, **body)
    assert reason in refusal
    assert "\n" not in refusal


def test_undoing_what_is_not_there_does_nothing(lab: RunningLab) -> None:
    assert [lab.do(command) for command in ("revive", "plug", "cool")] == [[], [], []]
