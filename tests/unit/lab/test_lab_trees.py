"""The trees as data: what is there, and that every link leads somewhere."""

import posixpath
import random
import re

from hune.lab import procfs, sysfs
from hune.lab.climate import Climate
from hune.lab.hardware import CORES, GUESTS, MACHINES, guest_ports
from hune.lab.pve.guests import GUESTS as ALL_GUESTS
from hune.lab.vitals import Vitals

MACHINE = MACHINES[0]
PORTS = (*MACHINE.ports, *(port for guest in ALL_GUESTS[:GUESTS] for port in guest.ports))
READINGS = Climate(MACHINE, random.Random(0)).readings()


def vitals_after(seconds: float, *, without: str = "") -> Vitals:
    vitals = Vitals(MACHINE, random.Random(0), boot_time=1_700_000_000.5)
    carriers = {port.name for port in MACHINE.ports} - {without}
    vitals.step(seconds, [0.25] * CORES, carriers)
    return vitals


def test_each_guest_has_the_four_ports_of_a_firewall_bridge() -> None:
    shared = ["fwbr104i0", "fwpr104p0", "fwln104i0"]
    assert [port.name for port in guest_ports(104, "qemu")] == ["tap104i0", *shared]
    assert [port.name for port in guest_ports(104, "lxc")] == ["veth104i0", *shared]


def test_port_indices_and_addresses_are_unique_in_the_lab() -> None:
    ports = [*MACHINE.ports, *(port for guest in ALL_GUESTS for port in guest.ports)]
    for key in ("index", "name", "address"):
        found = [getattr(port, key) for port in ports if port.kind != "bridge" or port.guest]
        assert len(set(found)) == len(found)
    physical = [port.address for machine in MACHINES for port in machine.switchable]
    assert len(set(physical)) == 3 * len(MACHINES)


def test_every_link_leads_to_something() -> None:
    files, links = sysfs.build(MACHINE, PORTS, {}, READINGS)
    places = set(files)
    for path in [*files, *links]:
        while path := posixpath.dirname(path):
            places.add(path)
    for name, target in links.items():
        reached = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
        assert reached in places, name


def test_no_directory_is_both_a_link_and_a_parent() -> None:
    files, links = sysfs.build(MACHINE, PORTS, {}, READINGS)
    assert not [name for name in links if any(path.startswith(f"{name}/") for path in files)]


def test_chips_have_the_names_and_labels_of_the_real_ones() -> None:
    files, _ = sysfs.build(MACHINE, PORTS, {}, READINGS)
    assert [files[f"{chip}/name"] for chip in (sysfs.CORETEMP, sysfs.NVME, sysfs.ACPITZ)] == [
        "coretemp\n",
        "nvme\n",
        "acpitz\n",
    ]
    labels = [files[f"{sysfs.CORETEMP}/temp{i}_label"].strip() for i in range(1, CORES + 2)]
    assert labels == ["Package id 0", *(f"Core {core}" for core in range(CORES))]
    assert files[f"{sysfs.CORETEMP}/temp1_crit"] == "100000\n"


def test_the_package_is_written_before_the_cores_and_the_hottest_core_first() -> None:
    paths = list(sysfs.temperatures(READINGS))
    hottest = READINGS.cores.index(READINGS.package)
    assert paths[:2] == [f"{sysfs.CORETEMP}/temp1_input", f"{sysfs.CORETEMP}/temp{2 + hottest}_input"]


def test_cpu_time_adds_up_to_the_time_that_passed() -> None:
    stat = procfs.fast(vitals_after(1000.0))["stat"]
    cores = re.findall(r"^cpu\d+ (.*)$", stat, re.MULTILINE)
    assert len(cores) == CORES
    for core in cores:
        assert abs(sum(map(int, core.split())) - 100_000) < 10
    assert "btime 1700000000\n" in stat


def test_a_port_without_a_link_counts_no_traffic() -> None:
    dark = procfs.slow(vitals_after(60.0, without="enp1s0f0"))["net/dev"]
    assert re.search(r"enp1s0f0: 0 0 .* 0 0 0", dark)
    assert not re.search(r"enp1s0f1: 0 0", dark)


def test_memory_stays_within_what_the_machine_has() -> None:
    vitals = vitals_after(1.0)
    for _ in range(5000):
        vitals.step(5.0, [1.0] * CORES, set())
    fields = dict(re.findall(r"^(\w+): +(-?\d+)", procfs.slow(vitals)["meminfo"], re.MULTILINE))
    assert all(int(value) >= 0 for value in fields.values())
    assert 0 < int(fields["MemAvailable"]) < int(fields["MemTotal"])
