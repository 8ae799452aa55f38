"""What is found out about the machine Hune runs on."""

from pathlib import Path

import pytest

from hune.site.detect import Chip, Port, has_address, inspect, source_towards


def grow(root: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def test_hypervisor_is_known_by_its_configuration(tmp_path: Path) -> None:
    assert inspect(tmp_path).kind == "linux"
    (tmp_path / "etc/pve").mkdir(parents=True)
    assert inspect(tmp_path).kind == "proxmox"


def test_only_physical_ports_are_found(tmp_path: Path) -> None:
    net = "sys/class/net"
    grow(
        tmp_path,
        {
            f"{net}/enp1s0f0/device/vendor": "0x8086",
            f"{net}/enp1s0f0/operstate": "up\n",
            f"{net}/enp1s0f0/speed": "10000\n",
            f"{net}/eno1/device/vendor": "0x8086",
            f"{net}/eno1/operstate": "down\n",
            f"{net}/eno1/speed": "-1\n",
            f"{net}/vmbr0/operstate": "up\n",
            f"{net}/lo/operstate": "unknown\n",
            f"{net}/bonding_masters": "bond0\n",
        },
    )
    assert inspect(tmp_path).ports == (
        Port("eno1", is_up=False, speed=None),
        Port("enp1s0f0", is_up=True, speed=10_000_000_000),
    )


def test_chips_are_named_as_the_node_exporter_names_them(tmp_path: Path) -> None:
    grow(
        tmp_path,
        {
            "sys/devices/platform/coretemp.0/uevent": "",
            "sys/devices/pci0000:00/0000:00:18.3/uevent": "",
            "sys/class/hwmon/hwmon0/name": "coretemp\n",
            "sys/class/hwmon/hwmon1/name": "k10temp\n",
            "sys/class/hwmon/hwmon2/name": "acpitz\n",
        },
    )
    (tmp_path / "sys/class/hwmon/hwmon0/device").symlink_to("../../../devices/platform/coretemp.0")
    (tmp_path / "sys/class/hwmon/hwmon1/device").symlink_to("../../../devices/pci0000:00/0000:00:18.3")
    assert inspect(tmp_path).chips == (
        Chip("coretemp", "platform_coretemp_0"),
        Chip("k10temp", "pci0000:00_0000:00:18_3"),
        Chip("acpitz", "acpitz"),
    )


def test_machine_that_tells_nothing_is_still_a_machine(tmp_path: Path) -> None:
    found = inspect(tmp_path)
    assert (found.ports, found.chips) == ((), ())
    assert found.name


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.10", "localhost", "LOCALHOST."])
def test_own_addresses_are_known(address: str) -> None:
    assert has_address(address)


@pytest.mark.parametrize("address", ["192.0.2.77", "2001:db8::77", "fe80::1%nosuchport", "pve-01.example.com"])
def test_addresses_of_others_are_not_taken_for_own(address: str) -> None:
    assert not has_address(address)


def test_address_of_a_port_of_this_machine_is_known() -> None:
    # Where there is a way out, the address it starts from is one of this machine's.
    own = source_towards("192.0.2.77") or "127.0.0.1"
    assert has_address(own)


def test_no_way_to_an_address_is_told_as_such() -> None:
    assert source_towards("fe80::1%nosuchport") is None
