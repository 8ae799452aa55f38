"""What a disk tells of itself, from `/nodes/{node}/disks/smart`: attributes of ATA disks, text of NVMe and SAS ones."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from hune.collect.pve.answers import Record


@dataclass
class Smart:
    """SMART values; None is what a disk doesn't tell."""

    healthy: bool | None = None
    wear_ratio: float | None = None
    spare_ratio: float | None = None
    temperature_celsius: float | None = None
    powered_on_seconds: float | None = None
    errors: dict[str, int] = field(default_factory=dict)
    failing: list[str] = field(default_factory=list)


# Raw values that count faults. Only those that mean the same on every make: rates (1, 7) and 188 are packed by some.
_ATA_ERRORS = {
    5: "reallocated_sectors",
    187: "reported_uncorrectable",
    197: "pending_sectors",
    198: "uncorrectable_sectors",
    199: "crc_errors",
}
# Attributes whose normalised value is the life left, 100 to 0, by the names that smartctl's database gives them.
_ATA_LIFE_LEFT = frozenset(
    (
        *("Media_Wearout_Indicator", "SSD_Life_Left", "SSD_Life_Left_Perc", "Wear_Leveling_Count"),
        *("Percent_Lifetime_Remain", "Percent_Life_Remaining", "Remaining_Lifetime_Perc", "Drive_Life_Remaining%"),
    )
)
_LINE = re.compile(r"^\s*([A-Za-z][A-Za-z0-9 /%()-]*?)\s*[:=]\s+(.*?)\s*$", re.MULTILINE)
_COUNT = re.compile(r"(0[xX][0-9a-fA-F]{1,16}|\d[\d,.'\u202f\xa0 ]*)", re.ASCII)
_SAS_HOURS = re.compile(r"power on time, hours:minutes\s+(\d{1,12}):", re.ASCII)
_TEXT_ERRORS = {
    "Media and Data Integrity Errors": "media_errors",
    "Critical Warning": "critical_warning",
    "Elements in grown defect list": "grown_defects",
}
_PERCENT_USED = ("Percentage Used", "Percentage used endurance indicator")
_TEMPERATURES = ("Temperature", "Current Drive Temperature")


def parse_smart(answer: Record) -> Smart:
    """Read an answer. Raises BadAnswer."""
    smart = Smart()
    health = answer.text("health", "").upper()
    if health in ("PASSED", "OK"):
        smart.healthy = True
    elif health and health != "UNKNOWN":
        smart.healthy = False
    for attribute in answer.records("attributes"):
        _read_attribute(attribute, smart)
    if "text" in answer:
        _read_text(answer.page("text"), smart)
    return smart


def _read_attribute(attribute: Record, smart: Smart) -> None:
    number, name = attribute.whole("id"), attribute.text("name", "")
    raw = _count(attribute.text("raw", ""))
    if raw is not None:
        if number in _ATA_ERRORS:
            smart.errors[_ATA_ERRORS[number]] = raw
        elif number == 9 and "Hours" in name:
            smart.powered_on_seconds = raw * 3600.0
        elif number == 194 or (number == 190 and smart.temperature_celsius is None):
            # The raw value may pack lowest and highest behind it: "31 (Min/Max 18/49)".
            smart.temperature_celsius = _temperature(raw)
    if name in _ATA_LIFE_LEFT and "value" in attribute:
        smart.wear_ratio = max(0.0, round(1 - attribute.amount("value") / 100, 4))
    if attribute.text("fail", "-") == "FAILING_NOW":
        smart.failing.append(name or str(number))


def _read_text(text: str, smart: Smart) -> None:
    values: dict[str, str] = dict(reversed(_LINE.findall(text)))
    for line, kind in _TEXT_ERRORS.items():
        if (count := _count(values.get(line, ""))) is not None:
            smart.errors[kind] = count
    for line in _PERCENT_USED:
        if (count := _count(values.get(line, ""))) is not None:
            smart.wear_ratio = count / 100
    if (count := _count(values.get("Available Spare", ""))) is not None:
        smart.spare_ratio = count / 100
    for line in _TEMPERATURES:
        if (count := _count(values.get(line, ""))) is not None:
            smart.temperature_celsius = _temperature(count)
    if (count := _count(values.get("Power On Hours", ""))) is not None:
        smart.powered_on_seconds = count * 3600.0
    elif found := _SAS_HOURS.search(text):
        smart.powered_on_seconds = int(found[1]) * 3600.0


def _temperature(raw: int) -> float | None:
    return float(raw) if 0 < raw < 150 else None


def _count(text: str) -> int | None:
    """Return the whole number that a text begins with, thousands separators of any country left out."""
    found = _COUNT.match(text)
    if found is None:
        return None
    if found[1][:2].lower() == "0x":
        return int(found[1], 16)
    digits = (
        re.sub(r"[^0-9]", "", found[1]) if not re.match(r"\d+\.\d{1,2}(\D|$)", found[1]) else found[1].split(".")[0]
    )
    return int(digits) if len(digits) < 19 else None
