"""Temperatures: believable when left alone, exact when asked for."""

import random

import pytest

from hune.lab.climate import Climate
from hune.lab.hardware import MACHINES, Machine

HOT = 78.0


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_unheated_cpu_moves_and_stays_well_below_the_default_limit(machine: Machine) -> None:
    climate = Climate(machine, random.Random(7))
    packages = []
    for _ in range(4 * 3600):
        climate.step(1.0)
        packages.append(climate.readings().package)
    assert max(packages) < 66_000
    assert min(packages) > 35_000
    assert len(set(packages)) >= 5


def test_cores_differ_show_whole_degrees_and_the_package_is_the_hottest() -> None:
    climate = Climate(MACHINES[0], random.Random(1))
    climate.step(1.0)
    readings = climate.readings()
    assert len(set(readings.cores)) > 1
    assert all(core % 1000 == 0 for core in readings.cores)
    assert readings.package == max(readings.cores)


def test_heat_is_exact_at_once_and_stays_within_half_a_degree() -> None:
    climate = Climate(MACHINES[1], random.Random(2))
    climate.heat(HOT)
    assert climate.readings().package == 78_000
    shown = set()
    for _ in range(3600):
        climate.step(1.0)
        package = climate.readings().package
        assert abs(package - 78_000) <= 400
        shown.add(package)
    assert len(shown) > 3


def test_heated_cores_differ_and_none_is_hotter_than_asked() -> None:
    climate = Climate(MACHINES[1], random.Random(2))
    climate.heat(HOT)
    cores = climate.readings().cores
    assert max(cores) == 78_000
    assert cores.count(78_000) == 1
    assert len(set(cores)) >= 5


def test_heat_comes_from_load() -> None:
    climate = Climate(MACHINES[1], random.Random(2))
    climate.heat(HOT)
    climate.step(1.0)
    assert climate.load > 0.9


def test_cooling_returns_to_normal_at_once() -> None:
    climate = Climate(MACHINES[1], random.Random(3))
    climate.heat(HOT)
    for _ in range(600):
        climate.step(1.0)
    climate.cool()
    assert climate.readings().package < 60_000


def test_a_busy_machine_is_no_warmer_when_cooled_than_a_moment_later() -> None:
    climate = Climate(MACHINES[1], random.Random(3))
    climate.heat(HOT)
    climate.usual = 0.97
    climate.cool()
    assert climate.readings().package < 62_000


def test_disk_warms_slowly() -> None:
    climate = Climate(MACHINES[0], random.Random(4))
    before = climate.readings().nvme
    climate.heat(95.0)
    climate.step(1.0)
    assert climate.readings().nvme - before <= 1000
    for _ in range(900):
        climate.step(1.0)
    assert climate.readings().nvme - before >= 5000
