"""The single values of a site file: names, ports, speeds, durations, addresses, references to secrets.

Each type refuses what it isn't with one sentence that says what to write instead.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

NAME_PATTERN = r"^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$"
DEVICE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.:@-]{0,63}$"
LABEL_PATTERN = r"^[a-zA-Z_][a-zA-Z0-9_]{0,62}$"
DURATION_PATTERN = r"^[0-9]{1,6}(s|m|h|d|w|y)$"
URL_PATTERN = r"^https?://[^/\s@?#]+(/\S*)?$"
PATH_PATTERN = r"^/[^\x00]*$"
VERSION_PATTERN = r"^[0-9][A-Za-z0-9.+~:-]{0,62}$"
TOKEN_PATTERN = r"^[^\s!@=]+@[^\s!@=]+![A-Za-z0-9._-]+$"  # noqa: S105 - the shape of an id
TAG_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9_+.-]{0,63}$"
USER_PATTERN = r"^[^\s!@=]+@[^\s!@=]+$"
EMAIL_PATTERN = r"^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@[A-Za-z0-9](\.?[A-Za-z0-9-])*$"
SLACK_CHANNEL_PATTERN = r"^[CGD][A-Z0-9]{2,30}$"
DAY_TIME_PATTERN = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
DAYS_PATTERN = r"^([1-9][0-9]{0,3}d|[1-9][0-9]{0,2}w|[1-9][0-9]?y)$"
KEY_PATTERN = r"^[A-Za-z0-9._~-]{16,200}$"
FINGERPRINT_PATTERN = r"^([0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}$"

# What to write, for each pattern: the remedy of a value that does not match.
HINTS = {
    NAME_PATTERN: "use letters, digits, '-', '_' and '.', at most 63, a letter or digit first and last",
    DEVICE_PATTERN: "write it as the kernel does: enp1s0f0",
    LABEL_PATTERN: "use letters, digits and '_', no digit first",
    DURATION_PATTERN: "write a number and s, m, h, d, w or y: 15d",
    URL_PATTERN: "write a URL without user and password: http://host:port",
    PATH_PATTERN: "write an absolute path: /usr/bin/prometheus",
    VERSION_PATTERN: "write a version, in quotes: '2.53.1'",
    TOKEN_PATTERN: "write user@realm!name, without the secret: hune@pve!metrics",
    TAG_PATTERN: "write a tag as Proxmox has it: letters, digits, '_', '-', '+' and '.'",
    USER_PATTERN: "write user@realm: hune@pve",
    EMAIL_PATTERN: "write an address alone, without a name: hune@example.com",
    SLACK_CHANNEL_PATTERN: "write its id, as the channel's details show it: C0123456789",
    DAY_TIME_PATTERN: "write hours and minutes, in quotes: '07:30'",
    DAYS_PATTERN: "write whole days, weeks or years: 90d",
    FINGERPRINT_PATTERN: "write the SHA-256 fingerprint: 32 pairs of hexadecimal digits joined by ':'",
}

Name = Annotated[str, Field(pattern=NAME_PATTERN)]
LabelName = Annotated[str, Field(pattern=LABEL_PATTERN)]
Port = Annotated[int, Field(ge=1, le=65535)]
Ratio = Annotated[float, Field(gt=0, le=1)]
Seconds = Annotated[float, Field(gt=0, le=86400)]
Celsius = Annotated[float, Field(ge=0, le=150)]
Device = Annotated[str, Field(pattern=DEVICE_PATTERN)]
Duration = Annotated[str, Field(pattern=DURATION_PATTERN)]
Days = Annotated[str, Field(pattern=DAYS_PATTERN)]
Url = Annotated[str, Field(pattern=URL_PATTERN, max_length=2048)]
EmailAddress = Annotated[str, Field(pattern=EMAIL_PATTERN, max_length=254)]
MailUser = Annotated[str, Field(min_length=1, max_length=254)]
DayTime = Annotated[str, Field(pattern=DAY_TIME_PATTERN)]
Fingerprint = Annotated[str, Field(pattern=FINGERPRINT_PATTERN)]
AbsolutePath = Annotated[str, Field(pattern=PATH_PATTERN, max_length=4096)]

_DAYS = {"d": 1, "w": 7, "y": 365}
_SECONDS = {"s": 1, "m": 60, "h": 3600, **{unit: days * 86_400 for unit, days in _DAYS.items()}}


def days_of(duration: str) -> int:
    """Return the days of `90d`, `2w` or `1y`."""
    return int(duration[:-1]) * _DAYS[duration[-1]]


def seconds_of(duration: str) -> int:
    """Return the seconds of `30s`, `5m`, `15d` or `3y`."""
    return int(duration[:-1]) * _SECONDS[duration[-1]]


_SPEED = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,6})?) *([MG])(?:bit/s|bps)?")
_SPEED_UNITS = {"M": 10**6, "G": 10**9}
_NOT_A_SPEED = "not a speed; write it like 10G, 2.5G or 100M"


def parse_speed(value: object) -> int:
    """Return bits per second of `10G`, `2.5G`, `100M`, or of a number of bits per second."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(_NOT_A_SPEED)
    if isinstance(value, str):
        match = _SPEED.fullmatch(value.strip())
        if not match:
            raise ValueError(_NOT_A_SPEED)
        value = round(float(match[1]) * _SPEED_UNITS[match[2]])
    if not 10**6 <= value <= 10**13:
        raise ValueError("not a speed in bits per second; write it like 10G, 2.5G or 100M")
    return value


def format_speed(bits_per_second: float) -> str:
    """Return a speed as people write it: `10G`, `2.5G`, `100M`."""
    for unit, size in (("G", 10**9), ("M", 10**6)):
        if bits_per_second >= size:
            return f"{bits_per_second / size:g}{unit}"
    return f"{bits_per_second:g}"


def _write_speed(bits_per_second: int) -> str | int:
    # `{:g}` keeps six digits: a speed that needs more is written as the number it is.
    text = format_speed(bits_per_second)
    return text if parse_speed(text) == bits_per_second else bits_per_second


Speed = Annotated[
    int,
    BeforeValidator(parse_speed, json_schema_input_type=str | int),
    PlainSerializer(_write_speed, return_type=str | int, when_used="json"),
]


_HOST_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")


def is_ip_address(value: str) -> bool:
    """Whether `value` is an IPv4 or IPv6 address (a zone such as `%eth0` included)."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def is_loopback(value: str) -> bool:
    """Whether an address leads to this machine by itself: 127.0.0.1, ::1, localhost."""
    return value == "localhost" or (is_ip_address(value) and ipaddress.ip_address(value).is_loopback)


def is_host_name(value: str) -> bool:
    """Whether `value` can be the name of a host: letters, digits, '-', '_' and dots, and not all of it numbers."""
    labels = value.removesuffix(".").split(".")
    return len(value) <= 253 and all(_HOST_LABEL.fullmatch(label) for label in labels) and not labels[-1].isdigit()


def check_host(value: str) -> str:
    """Return `value` if it is an IP address or a host name; raises ValueError that says what it is instead."""
    if is_ip_address(value):
        if ipaddress.ip_address(value).is_unspecified or ipaddress.ip_address(value).is_multicast:
            raise ValueError("not the address of one machine; write it like 192.168.1.11 or pve-01.lan")
        return value
    if is_host_name(value):
        return value
    host, _, port = value.rpartition(":")
    if "://" in value:
        raise ValueError("a URL; give only the IP address or host name in it")
    if port.isdigit() and (is_ip_address(host.strip("[]")) or is_host_name(host)):
        raise ValueError("carries a port; give the address alone (an exporter's port goes to exporter: {port: …})")
    raise ValueError("neither an IP address nor a host name; write it like 192.168.1.11 or pve-01.lan")


def _network(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value))
    except ValueError:
        raise ValueError("not a network; write it like 192.168.1.0/24 or fd00::/64") from None


def split_port(value: str) -> tuple[str, int]:
    """Return host and port of `host:port` or `[::1]:port`; raises ValueError that says what to write instead."""
    match = re.fullmatch(r"(?:\[([^\]]*)\]|([^:]*)):([0-9]{1,5})", value)
    if match is None or not 0 < int(match[3]) < 65536:
        raise ValueError("not an address with a port; write it like 192.168.1.11:9096 or [fd00::11]:9096")
    return match[1] or match[2] or "", int(match[3])


def _host_port(value: str) -> str:
    check_host(split_port(value)[0])
    return value


def _listen_port(value: str) -> str:
    _listen(split_port(value)[0])
    return value


def _listen(value: str) -> str:
    if value == "localhost" or (is_ip_address(value) and "%" not in value):
        return value
    raise ValueError("not an IP address of this machine; write 127.0.0.1 (only from here) or 0.0.0.0 (from everywhere)")


Host = Annotated[str, Field(min_length=1, max_length=253), AfterValidator(check_host)]
Network = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_network)]
HostPort = Annotated[str, Field(min_length=3, max_length=261), AfterValidator(_host_port)]
ListenPort = Annotated[str, Field(min_length=3, max_length=53), AfterValidator(_listen_port)]
ListenAddress = Annotated[str, Field(max_length=45), AfterValidator(_listen)]


def _alive(value: object) -> object:
    if value in ("auto", "icmp"):
        return value
    if isinstance(value, str) and (match := re.fullmatch(r"tcp:([0-9]{1,5})", value)) and 0 < int(match[1]) < 65536:
        return value
    raise ValueError("not a way to tell life; write auto, icmp, or tcp:PORT")


# What a value looks like in the JSON schema, where a function checks it.
_AliveText = Annotated[str, Field(pattern=r"^(auto|icmp|tcp:[0-9]{1,5})$")]

Alive = Annotated[str, BeforeValidator(_alive, json_schema_input_type=_AliveText)]


@dataclass(frozen=True)
class Secret:
    """Marks a field as a reference to a secret; `holds` is what the secret must look like."""

    holds: Literal["text", "url", "database", "key"] = "text"


_SECRET = re.compile(r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:/[^\x00]{1,4095})$")


def _secret(value: object) -> object:
    # The value itself is never repeated: it may be the secret, pasted by mistake.
    if not isinstance(value, str) or not _SECRET.fullmatch(value):
        raise ValueError("a secret is given by reference; write env:NAME or file:/absolute/path")
    return value


_SecretText = Annotated[str, Field(pattern=_SECRET.pattern, max_length=4096)]

SecretRef = Annotated[str, Secret(), BeforeValidator(_secret, json_schema_input_type=_SecretText)]
SecretUrlRef = Annotated[str, Secret(holds="url"), BeforeValidator(_secret, json_schema_input_type=_SecretText)]
SecretKeyRef = Annotated[str, Secret(holds="key"), BeforeValidator(_secret, json_schema_input_type=_SecretText)]
SecretDatabaseRef = Annotated[
    str, Secret(holds="database"), BeforeValidator(_secret, json_schema_input_type=_SecretText)
]
