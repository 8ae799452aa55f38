"""What a site is: the models that a site file is validated into.

Units are in the names; speeds of links are written as people write them (`10G`) and kept in bits per second.
Every model refuses unknown keys, so that a typing error is an error.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

NAME_PATTERN = r"^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$"
Name = Annotated[str, Field(pattern=NAME_PATTERN, description="letters, digits, '-', '_', '.'; at most 63")]
Port = Annotated[int, Field(ge=1, le=65535)]
Ratio = Annotated[float, Field(gt=0, le=1)]
Seconds = Annotated[float, Field(gt=0, le=86400)]
Celsius = Annotated[float, Field(ge=0, le=150, allow_inf_nan=False)]
Device = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:@-]{0,63}$")]

_DURATION = re.compile(r"^(\d+)(s|m|h|d|w|y)$")
Duration = Annotated[str, Field(pattern=_DURATION.pattern, description="a number and s, m, h, d, w or y: 15d")]

_SPEED = re.compile(r"^(\d+(?:\.\d+)?)\s*([MG])(?:bit/s|bps)?$")
_SPEED_UNITS = {"M": 10**6, "G": 10**9}


def parse_speed(value: object) -> int:
    """Return bits per second of `10G`, `2.5G`, `100M`, or of a number of bits per second."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("not a speed; write it like 10G, 2.5G or 100M")
    if isinstance(value, int):
        if not 10**6 <= value <= 10**13:
            raise ValueError("not a speed in bits per second; write it like 10G, 2.5G or 100M")
        return value
    match = _SPEED.match(value.strip())
    if not match:
        raise ValueError("not a speed; write it like 10G, 2.5G or 100M")
    return round(float(match[1]) * _SPEED_UNITS[match[2]])


def format_speed(bits_per_second: float) -> str:
    """Return a speed as people write it: `10G`, `2.5G`, `100M`."""
    for unit, size in (("G", 10**9), ("M", 10**6)):
        if bits_per_second >= size:
            return f"{bits_per_second / size:g}{unit}"
    return f"{bits_per_second:g}"


Speed = Annotated[
    int,
    BeforeValidator(parse_speed, json_schema_input_type=str),
    PlainSerializer(format_speed, return_type=str, when_used="json"),
]

_SECRET = re.compile(r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:/[^\x00]+)$")


def _secret(value: object) -> object:
    # The value itself is never repeated: it may be the secret, pasted by mistake.
    if not isinstance(value, str) or not _SECRET.match(value):
        raise ValueError("a secret is given by reference: env:NAME or file:/absolute/path")
    return value


SecretRef = Annotated[
    str, BeforeValidator(_secret), Field(pattern=_SECRET.pattern, description="env:NAME or file:/absolute/path")
]


class Model(BaseModel):
    """Base of all models: frozen, no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CpuThreshold(Model):
    """A temperature limit and the value below which it clears; a bare number is the limit."""

    limit: Celsius = Field(70.0, description="°C above which an alert fires")
    clear: Celsius = Field(description="°C below which it resolves; 3 below the limit by default")

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, value: Any) -> Any:
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = {"limit": value}
        if isinstance(value, dict) and "clear" not in value:
            limit = value.get("limit", 70.0)
            if isinstance(limit, int | float) and not isinstance(limit, bool):
                value = {**value, "clear": max(0.0, limit - 3.0)}
        return value

    @model_validator(mode="after")
    def _ordered(self) -> CpuThreshold:
        if self.clear > self.limit:
            raise ValueError(f"clear ({self.clear:g}) lies above limit ({self.limit:g}); give it a lower value")
        return self


class Thresholds(Model):
    """Limits; each unset one is inherited: node ← group ← site ← Hune's default."""

    cpu_celsius: CpuThreshold | None = Field(None, description="CPU package and cores; default 70")
    chips: dict[str, CpuThreshold] = Field(
        default_factory=dict, description="by chip as node_exporter names it: platform_coretemp_0"
    )
    exporter_silence_seconds: Seconds | None = Field(None, description="default 30")
    link_flaps: Annotated[int, Field(ge=1, le=1000)] | None = Field(None, description="flaps in 15 min; default 3")
    link_errors_ratio: Ratio | None = Field(None, description="errors per packet; default 0.01")
    link_errors_min_packets: Annotated[float, Field(ge=0)] | None = Field(
        None, description="packets per second below which errors are not judged; default 10"
    )


class AppliedThresholds(Model):
    """Thresholds of one node after inheritance: nothing is unset."""

    cpu_celsius: CpuThreshold
    chips: dict[str, CpuThreshold]
    exporter_silence_seconds: float
    link_flaps: int
    link_errors_ratio: float
    link_errors_min_packets: float


DEFAULT_THRESHOLDS = AppliedThresholds(
    cpu_celsius=CpuThreshold.model_validate(70),
    chips={},
    exporter_silence_seconds=30.0,
    link_flaps=3,
    link_errors_ratio=0.01,
    link_errors_min_packets=10.0,
)


class Link(Model):
    """A network port to watch; ports not listed never alert."""

    device: Device = Field(description="as the kernel names it: enp1s0f0")
    speed: Speed | None = Field(None, description="expected speed (10G); less alerts, unset never does")
    name: str | None = Field(None, max_length=40, description="what people call it")


class Exporter(Model):
    """Where a node's node_exporter listens."""

    port: Port = 9100
    scheme: Literal["http", "https"] = "http"


def _alive(value: object) -> object:
    if value in ("auto", "icmp"):
        return value
    if isinstance(value, str) and (match := re.fullmatch(r"tcp:(\d{1,5})", value)) and 0 < int(match[1]) < 65536:
        return value
    raise ValueError("give auto, icmp, or tcp:PORT")


class Node(Model):
    """A machine that is watched."""

    name: Name
    address: Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._:%-]{0,252}[A-Za-z0-9])?$|^::1?$")] = Field(
        description="management address: an IP address or a host name"
    )
    kind: Literal["linux", "proxmox"] = "linux"
    group: Name | None = None
    labels: dict[Name, str] = Field(default_factory=dict)
    exporter: Exporter = Exporter()
    alive: Annotated[str, BeforeValidator(_alive)] = Field(
        "auto", description="what proves that the machine lives: icmp, tcp:PORT, or auto (icmp where permitted, else tcp:22)"
    )
    thresholds: Thresholds = Thresholds()
    links: list[Link] = Field(default_factory=list)
    lab: bool = Field(False, description="a simulated node; set by the lab's overlay")

    @property
    def is_remote(self) -> bool:
        """Whether the node is another machine than the one Hune runs on (lab nodes count as such)."""
        if self.lab:
            return True
        try:
            return not ipaddress.ip_address(self.address).is_loopback
        except ValueError:
            return self.address not in ("localhost", socket.gethostname())

    @property
    def exporter_address(self) -> str:
        """`host:port` of the node exporter, IPv6 in brackets."""
        return join_address(self.address, self.exporter.port)


class Group(Model):
    """Nodes that share thresholds."""

    thresholds: Thresholds = Thresholds()


class Probe(Model):
    """Something reachable that is tried from here, every 15 s unless said otherwise."""

    name: Name
    type: Literal["icmp", "tcp", "http", "dns", "tls"]
    target: Annotated[str, Field(min_length=1, max_length=2048)] = Field(
        description="icmp: host; tcp and tls: host:port; http: URL; dns: server or server:port"
    )
    interval_seconds: Seconds = 15.0
    timeout_seconds: Seconds = 5.0
    status: list[Annotated[int, Field(ge=100, le=599)]] = Field(
        default_factory=list, description="http: accepted status codes; default any 2xx"
    )
    query: str | None = Field(None, description="dns: the name to ask for")
    severity: Literal["critical", "warning"] = "critical"

    @model_validator(mode="after")
    def _fits(self) -> Probe:
        if self.type == "dns" and not self.query:
            raise ValueError("a dns probe needs query: the name to ask for")
        if self.query and self.type != "dns":
            raise ValueError(f"query belongs to dns probes, this one is {self.type}")
        if self.status and self.type != "http":
            raise ValueError(f"status belongs to http probes, this one is {self.type}")
        if self.type in ("tcp", "tls") and not re.search(r":\d{1,5}$", self.target):
            raise ValueError("target needs a port: host:port")
        if self.type == "http" and not re.match(r"^https?://[^/\s]+", self.target):
            raise ValueError("target must be a URL: http://host/ or https://host/")
        if self.timeout_seconds > self.interval_seconds:
            raise ValueError("timeout_seconds is longer than interval_seconds")
        return self


class ProxmoxToken(Model):
    """An API token: its id in the open, its secret by reference."""

    id: Annotated[str, Field(pattern=r"^[^\s!@]+@[^\s!@]+![A-Za-z0-9._-]+$")] = Field(description="user@realm!name")
    secret: SecretRef


class ProxmoxCluster(Model):
    """A Proxmox VE cluster, asked through any of its nodes."""

    name: Name
    nodes: list[Name] = Field(min_length=1, description="names of nodes of this site")
    token: ProxmoxToken | None = None
    port: Port = 8006
    fingerprint: Annotated[str, Field(pattern=r"^([0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}$")] | None = None
    ca_file: str | None = None


class Discord(Model):
    """A Discord channel's webhook."""

    webhook: SecretRef


class Receiver(Model):
    """Where messages go; exactly one channel each."""

    name: Name
    discord: Discord | None = None
    console: bool = Field(False, description="print on Hune's own log")
    lab: bool = Field(False, description="also take messages of the lab")

    @model_validator(mode="after")
    def _one_channel(self) -> Receiver:
        if bool(self.discord) + self.console != 1:
            raise ValueError("give exactly one channel: discord or console")
        return self


class Route(Model):
    """Which alerts go to which receivers; every route that matches counts."""

    match: dict[Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")], str] = Field(
        default_factory=dict, description="label: value, all must be equal; empty matches everything"
    )
    receivers: list[Name] = Field(min_length=1)


class Engine(Model):
    """Where an engine comes from: managed here by default, or already running at a URL."""

    port: Port | None = None
    path: str | None = Field(None, description="the binary to use")
    url: Annotated[str, Field(pattern=r"^https?://[^/\s]+(/\S*)?$")] | None = Field(
        None, description="an engine that runs elsewhere; Hune uses it and doesn't manage it"
    )
    version: str | None = Field(None, description="the version wanted; default: what is found, else Debian's")

    @model_validator(mode="after")
    def _one_place(self) -> Engine:
        if self.url and (self.path or self.port):
            raise ValueError("url names an engine that runs elsewhere; leave path and port out")
        return self


class Prometheus(Engine):
    retention: Duration = "15d"


class VictoriaMetrics(Engine):
    retention: Duration = "3y"


class NodeExporter(Engine):
    ignored_devices: str | None = Field(None, description="regular expression of network devices it leaves out")


class Engines(Model):
    prometheus: Prometheus = Prometheus()
    victoriametrics: VictoriaMetrics = VictoriaMetrics()
    alertmanager: Engine = Engine()
    node_exporter: NodeExporter = NodeExporter()
    blackbox_exporter: Engine = Engine()


class ServicePort(Model):
    port: Port | None = None


class Services(Model):
    hub: ServicePort = ServicePort()
    nester: ServicePort = ServicePort()


DEFAULT_PORTS: dict[str, int] = {
    "prometheus": 9090,
    "victoriametrics": 8428,
    "alertmanager": 9093,
    "node-exporter": 9100,
    "blackbox-exporter": 9115,
    "hub": 9094,
    "nester": 8080,
}


class Site(Model):
    """Everything Hune knows about a place."""

    name: Name = Field(default_factory=lambda: _host_name(), description="label `site` of everything measured here")
    language: Literal["en", "fr"] = "en"
    listen: str = Field("127.0.0.1", description="address that Hune and its engines listen on")
    public_url: Annotated[str, Field(pattern=r"^https?://[^/\s]+(/\S*)?$")] | None = Field(
        None, description="how people reach Nester; used in links of messages"
    )
    nodes: list[Node] = Field(default_factory=list)
    groups: dict[Name, Group] = Field(default_factory=dict)
    thresholds: Thresholds = Thresholds()
    probes: list[Probe] = Field(default_factory=list)
    proxmox: list[ProxmoxCluster] = Field(default_factory=list)
    receivers: list[Receiver] = Field(default_factory=list)
    routes: list[Route] = Field(default_factory=list)
    engines: Engines = Engines()
    services: Services = Services()

    def thresholds_of(self, node: Node) -> AppliedThresholds:
        """Return what applies to a node: its own, else its group's, else the site's, else the default."""
        merged: dict[str, Any] = dict(DEFAULT_THRESHOLDS)
        group = self.groups.get(node.group) if node.group else None
        for level in (self.thresholds, group.thresholds if group else None, node.thresholds):
            if level is None:
                continue
            for key in type(level).model_fields:
                value = getattr(level, key)
                if key == "chips":
                    merged["chips"] = {**merged["chips"], **value}
                elif value is not None:
                    merged[key] = value
        return AppliedThresholds(**merged)

    def port(self, name: str) -> int:
        """Return the port wished for an engine or service (`node-exporter`), or its default."""
        key = name.replace("-", "_")
        part = getattr(self.engines, key, None) or getattr(self.services, key)
        return part.port or DEFAULT_PORTS[name]

    def url(self, name: str) -> str:
        """Return the base URL at which an engine or service is reached from this machine, without a final slash."""
        engine = getattr(self.engines, name.replace("-", "_"), None)
        if engine is not None and engine.url:
            return str(engine.url).rstrip("/")
        wildcard = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound
        return f"http://{join_address(wildcard.get(self.listen, self.listen), self.port(name))}"


def join_address(host: str, port: int) -> str:
    """Return `host:port`, IPv6 addresses in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _host_name() -> str:
    name = re.sub(r"[^A-Za-z0-9_.-]", "-", socket.gethostname().split(".")[0])[:63].strip("-_.")
    return name or "here"
