"""The `/sys` of a simulated machine, as data: paths and contents, nothing written.

Source: https://docs.kernel.org/admin-guide/abi.html (hwmon, net, thermal, cpufreq, nvme, dmi).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hune.lab.climate import Readings
from hune.lab.hardware import CORES, SATA_DISKS, SATA_SECTORS, Machine, Port
from hune.lab.ports import PortState, attributes

CORETEMP = "devices/platform/coretemp.0/hwmon/hwmon2"
_NVME_PCI = "devices/pci0000:00/0000:00:1b.0/0000:02:00.0"
NVME = f"{_NVME_PCI}/nvme/nvme0/hwmon1"
_ZONE = "devices/virtual/thermal/thermal_zone0"
ACPITZ = f"{_ZONE}/hwmon0"
_CPU = "devices/system/cpu"
_CLOCK = "devices/system/clocksource/clocksource0"
_DISK = f"{_NVME_PCI}/nvme/nvme0/nvme0n1"
_SATA = "devices/pci0000:00/0000:00:17.0/ata1/block"
_ACPI_MILLICELSIUS = 27_800  # this board's ACPI zone shows the same value for ever

Files = dict[str, str]


def temperatures(readings: Readings) -> Files:
    """Return the files that show temperatures, hottest first: whoever reads one alone sees the crossing."""
    cores = {f"{CORETEMP}/temp{2 + core}_input": value for core, value in enumerate(readings.cores)}
    values = {f"{CORETEMP}/temp1_input": readings.package}
    values |= dict(sorted(cores.items(), key=lambda item: -item[1]))
    values |= {
        f"{NVME}/temp1_input": readings.nvme,
        f"{NVME}/temp2_input": readings.nvme,
        f"{NVME}/temp3_input": readings.nvme_controller,
    }
    return {path: f"{value}\n" for path, value in values.items()}


def frequencies(loads: list[float]) -> Files:
    """Return the files that show each core's clock, which follows its load between 0.8 and 3.5 GHz."""
    return {
        f"{_CPU}/cpu{core}/cpufreq/scaling_cur_freq": f"{800_000 + round(27 * load) * 100_000}\n"
        for core, load in enumerate(loads)
    }


def port_files(port: Port, state: PortState) -> Files:
    """Return the files of a port, paths below the root of sysfs."""
    return {f"{port.path}/{name}": value for name, value in attributes(port, state).items()}


def port_link(port: Port) -> str:
    """Return the path of the link through which a port is found."""
    return f"class/net/{port.name}"


def build(
    machine: Machine, ports: Iterable[Port], states: Mapping[str, PortState], readings: Readings
) -> tuple[Files, Files]:
    """Return (files, links) of the whole tree; paths relative to the root of sysfs."""
    files, links = _hwmon()
    files |= temperatures(readings)
    for port in ports:
        files |= port_files(port, states.get(port.name, PortState()))
        links[port_link(port)] = f"../../{port.path}"
        if port.bus != "virtual":
            up = "../" * (port.path.count("/") + 1)
            links[f"{port.path}/device"] = "../.."
            links[f"{port.path}/subsystem"] = f"{up}class/net"
    files |= _cpus() | frequencies([machine.busy] * CORES) | _board(machine) | _disk(machine)
    links |= {
        "class/nvme/nvme0": f"../../{_NVME_PCI}/nvme/nvme0",
        "block/nvme0n1": f"../{_DISK}",
        **{f"block/{disk}": f"../{_SATA}/{disk}" for disk in SATA_DISKS},
        "class/dmi/id": "../../devices/virtual/dmi/id",
    }
    return files, links


def _hwmon() -> tuple[Files, Files]:
    coretemp = {"name": "coretemp", "temp1_label": "Package id 0"}
    coretemp |= {f"temp{2 + core}_label": f"Core {core}" for core in range(CORES)}
    for sensor in range(1, 2 + CORES):
        coretemp |= {f"temp{sensor}_max": "82000", f"temp{sensor}_crit": "100000", f"temp{sensor}_crit_alarm": "0"}
    nvme = {"name": "nvme", "temp1_alarm": "0", "temp1_crit": "84850"}
    for sensor, label in enumerate(("Composite", "Sensor 1", "Sensor 2"), 1):
        nvme |= {
            f"temp{sensor}_label": label,
            f"temp{sensor}_max": "84850" if sensor == 1 else "65261850",
            f"temp{sensor}_min": "-273150",
        }
    acpi = {"name": "acpitz", "temp1_input": str(_ACPI_MILLICELSIUS), "temp1_crit": "119000"}
    zone = {"type": "acpitz", "policy": "step_wise", "temp": str(_ACPI_MILLICELSIUS), "mode": "enabled"}
    cooling = {"type": "Processor", "max_state": "10", "cur_state": "0"}
    files: Files = {}
    for directory, content in (
        (CORETEMP, coretemp),
        (NVME, nvme),
        (ACPITZ, acpi),
        (_ZONE, zone),
        ("devices/virtual/thermal/cooling_device0", cooling),
    ):
        files |= {f"{directory}/{name}": value + "\n" for name, value in content.items()}
    links = {
        "class/hwmon/hwmon0": f"../../{ACPITZ}",
        "class/hwmon/hwmon1": f"../../{NVME}",
        "class/hwmon/hwmon2": f"../../{CORETEMP}",
        f"{ACPITZ}/device": "../../thermal_zone0",
        f"{NVME}/device": "../../nvme0",
        f"{CORETEMP}/device": "../../../coretemp.0",
        f"{_ZONE}/subsystem": "../../../../class/thermal",
        f"{_NVME_PCI}/nvme/nvme0/subsystem": "../../../../../../class/nvme",
        "devices/platform/coretemp.0/subsystem": "../../../bus/platform",
        "class/thermal/thermal_zone0": f"../../{_ZONE}",
        "class/thermal/cooling_device0": "../../devices/virtual/thermal/cooling_device0",
    }
    # The links above need their far ends.
    files |= {"bus/platform/uevent": ""}
    return files, links


def _cpus() -> Files:
    files: Files = {
        f"{_CPU}/online": f"0-{CORES - 1}\n",
        f"{_CPU}/offline": "\n",
        f"{_CPU}/isolated": "\n",
        f"{_CLOCK}/available_clocksource": "tsc hpet acpi_pm\n",
        f"{_CLOCK}/current_clocksource": "tsc\n",
    }
    for core in range(CORES):
        one = {
            "topology/physical_package_id": "0",
            "topology/core_id": str(core),
            "thermal_throttle/core_throttle_count": "0",
            "thermal_throttle/package_throttle_count": "0",
            "cpufreq/cpuinfo_min_freq": "800000",
            "cpufreq/cpuinfo_max_freq": "3500000",
            "cpufreq/cpuinfo_transition_latency": "0",
            "cpufreq/scaling_min_freq": "800000",
            "cpufreq/scaling_max_freq": "3500000",
            "cpufreq/scaling_available_governors": "performance powersave",
            "cpufreq/scaling_driver": "intel_pstate",
            "cpufreq/scaling_governor": "performance",
            "cpufreq/scaling_setspeed": "<unsupported>",
            "cpufreq/related_cpus": str(core),
        }
        files |= {f"{_CPU}/cpu{core}/{name}": value + "\n" for name, value in one.items()}
    return files


def _board(machine: Machine) -> Files:
    fields = {
        "bios_date": "03/07/2024",
        "bios_release": "1.96",
        "bios_vendor": "LENOVO",
        "bios_version": "M1UKT75A",
        "board_name": "3136",
        "board_vendor": "LENOVO",
        "chassis_vendor": "LENOVO",
        "product_family": "ThinkCentre M920q",
        "product_name": "10RS000000",
        "product_version": "ThinkCentre M920q",
        "sys_vendor": "LENOVO",
        "chassis_asset_tag": f"{machine.name} (lab)",
    }
    return {f"devices/virtual/dmi/id/{name}": value + "\n" for name, value in fields.items()}


def _disk(machine: Machine) -> Files:
    controller = {
        "firmware_rev": "3B2QEXM7",
        "model": "Samsung SSD 970 EVO Plus 1TB",
        "serial": f"LAB{machine.number:011d}",
        "state": "live",
        "cntlid": "4",
    }
    # Sectors of 512 bytes: 1 TB.
    block = {"size": "1953525168", "queue/rotational": "0", "queue/logical_block_size": "512", "dev": "259:0"}
    files = {f"{_NVME_PCI}/nvme/nvme0/{name}": value + "\n" for name, value in controller.items()}
    files |= {f"{_DISK}/{name}": value + "\n" for name, value in block.items()}
    for index, disk in enumerate(SATA_DISKS):
        block |= {"size": str(SATA_SECTORS), "dev": f"8:{16 * index}"}
        files |= {f"{_SATA}/{disk}/{name}": value + "\n" for name, value in block.items()}
    return files
