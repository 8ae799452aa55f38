"""What a site is: the models that a site file is validated into.

Units are in the names; speeds of links are written as people write them (`10G`) and kept in bits per second.
Every model refuses unknown keys, so that a typing error is an error. What depends on more than one model is
checked in `site.checks`.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from hune.site.alertmanager import Alertmanager
from hune.site.base import Model
from hune.site.calendar import Hours, TimeZone
from hune.site.escalation import Escalation, EscalationStep
from hune.site.heartbeats import Expected, Heartbeat
from hune.site.maintenance import Window
from hune.site.probes import Probe
from hune.site.processes import (
    DEFAULT_PORTS,
    Engine,
    Engines,
    NodeExporter,
    PostgreSQL,
    Program,
    Prometheus,
    ServicePort,
    Services,
    VictoriaMetrics,
)
from hune.site.proxmox import AppliedProxmoxThresholds, Collectors, Discover, Protection, ProxmoxThresholds, merge
from hune.site.receivers import Receiver
from hune.site.stores import Stores
from hune.site.thresholds import DEFAULT_THRESHOLDS, AppliedThresholds, CpuThreshold, Thresholds
from hune.site.values import (
    DEVICE_PATTERN,
    NAME_PATTERN,
    TOKEN_PATTERN,
    USER_PATTERN,
    AbsolutePath,
    Alive,
    Device,
    Fingerprint,
    Host,
    LabelName,
    ListenAddress,
    Name,
    Port,
    SecretRef,
    Speed,
    Url,
    format_speed,
    parse_speed,
)

__all__ = [
    "DEFAULT_PORTS",
    "DEFAULT_THRESHOLDS",
    "DEVICE_PATTERN",
    "NAME_PATTERN",
    "AppliedThresholds",
    "CpuThreshold",
    "Engine",
    "Engines",
    "EscalationStep",
    "Exporter",
    "Group",
    "Hours",
    "Link",
    "Model",
    "Node",
    "NodeExporter",
    "PostgreSQL",
    "Probe",
    "Program",
    "Prometheus",
    "ProxmoxCluster",
    "ProxmoxLogin",
    "ProxmoxThresholds",
    "ProxmoxToken",
    "Receiver",
    "Route",
    "ServicePort",
    "Services",
    "Site",
    "Thresholds",
    "VictoriaMetrics",
    "Window",
    "format_speed",
    "host_name",
    "join_address",
    "parse_speed",
]


class Link(Model):
    """A network port to watch; ports not listed never alert."""

    device: Device = Field(description="the port as the kernel names it: enp1s0f0")
    speed: Speed | None = Field(None, description="expected speed (10G); less alerts, unset never does")
    name: str | None = Field(None, min_length=1, max_length=40, description="what people call it: storage A")


class Exporter(Model):
    """Where a node's node_exporter listens."""

    port: Port = Field(9100, description="port of the node exporter")
    scheme: Literal["http", "https"] = Field("http", description="http or https")


class Node(Model):
    """A machine that is watched."""

    name: Name = Field(description="name of the machine, once in the site; label `node` of what it measures")
    address: Host = Field(description="management address: an IP address or a host name")
    kind: Literal["linux", "proxmox"] = Field("linux", description="proxmox for a Proxmox VE hypervisor, else linux")
    group: Name | None = Field(None, description="the group whose thresholds it takes")
    labels: dict[LabelName, str] = Field(
        default_factory=dict, description="labels of your own, put on everything measured here: rack: A3"
    )
    exporter: Exporter = Field(Exporter(), description="where its node exporter listens")
    alive: Alive = Field(
        "auto",
        description="what proves that the machine lives: icmp, tcp:PORT, or auto (icmp where permitted, else tcp:22)",
    )
    thresholds: Thresholds = Field(Thresholds(), description="limits of this machine alone")
    links: list[Link] = Field(default_factory=list, description="network ports to watch")
    this_host: bool | None = Field(
        None, description="whether this is the machine Hune runs on; found out from the address when unset"
    )
    lab: bool = Field(False, description="a simulated node; set by the lab's overlay")

    @property
    def is_remote(self) -> bool:
        """Whether the node is another machine than the one Hune runs on (lab nodes count as such)."""
        if self.lab:
            return True
        if self.this_host is not None:
            return not self.this_host
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

    thresholds: Thresholds = Field(Thresholds(), description="limits of the nodes of this group")


class ProxmoxToken(Model):
    """An API token: its id in the open, its secret by reference."""

    id: Annotated[str, Field(pattern=TOKEN_PATTERN)] = Field(description="id of the token: user@realm!name")
    secret: SecretRef = Field(description="its secret: env:NAME or file:/absolute/path")


class ProxmoxLogin(Model):
    """A user with a password, where no API token can be had."""

    user: Annotated[str, Field(pattern=USER_PATTERN)] = Field(description="who asks: user@realm")
    password: SecretRef = Field(description="its password: env:NAME or file:/absolute/path")


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


Fingerprints = Annotated[
    list[Fingerprint], BeforeValidator(_as_list, json_schema_input_type=Fingerprint | list[Fingerprint])
]


class ProxmoxCluster(Model):
    """A Proxmox VE cluster, asked through any of its nodes."""

    name: Name = Field(description="name of the cluster, once in the site")
    nodes: list[Name] = Field(min_length=1, description="names of nodes of this site")
    token: ProxmoxToken | None = Field(None, description="API token to ask with")
    login: ProxmoxLogin | None = Field(None, description="user and password to ask with, instead of a token")
    port: Port = Field(8006, description="port of its API")
    fingerprint: Fingerprints = Field(
        default_factory=list,
        description="SHA-256 fingerprint of its certificate, or of each node's, when no authority vouches for them",
    )
    ca_file: AbsolutePath | None = Field(None, description="file of the authority that signed its certificate")
    budget: Annotated[float, Field(ge=10, le=100_000)] | None = Field(
        None, description="calls a minute that its API gets at most; no limit by default"
    )
    thresholds: ProxmoxThresholds = Field(ProxmoxThresholds(), description="limits of this cluster alone")
    protection: Protection = Field(Protection(), description="what makes its guests protected")
    collectors: Collectors = Field(Collectors(), description="what is collected of it")
    discover: Discover = Field(Discover(), description="what of it becomes targets by itself")

    @model_validator(mode="after")
    def _one_identity(self) -> ProxmoxCluster:
        if self.token and self.login:
            raise ValueError("both token and login; give one of them, best the token")
        return self


def _as_items(value: object) -> object:
    return [value] if isinstance(value, dict) else value


def _as_lists(value: object) -> object:
    return {key: _as_list(one) for key, one in value.items()} if isinstance(value, dict) else value


_Texts = Annotated[list[str], Field(min_length=1)]
Match = Annotated[
    dict[LabelName, _Texts],
    BeforeValidator(_as_lists, json_schema_input_type=dict[LabelName, str | _Texts]),
]


class Route(Model):
    """Which alerts go to which receivers; every route that matches counts."""

    match: Match = Field(
        default_factory=dict,
        description="label: value, or a list of which one must be; all labels must be so, empty matches everything",
    )
    receivers: list[Name] = Field(min_length=1, description="names of receivers of this site")
    hours: Annotated[list[Hours], BeforeValidator(_as_items, json_schema_input_type=Hours | list[Hours])] = Field(
        default_factory=list, description="when these receivers are told; what comes at other times waits"
    )
    escalate: Escalation = Field(
        default_factory=list, description="who else is told while nobody looks after the alert, step by step"
    )


class Site(Model):
    """Everything Hune knows about a place."""

    name: Name = Field(
        default_factory=lambda: host_name(),
        description="name of the place, label `site` of everything measured here; default this host's name",
    )
    language: Literal["en", "fr"] = Field("en", description="language of pages and messages: en or fr")
    listen: ListenAddress = Field("127.0.0.1", description="IP address that Hune and its engines listen on")
    public_url: Url | None = Field(None, description="how people reach Nester; used in links of messages")
    this_host: bool = Field(
        True, description="also watch the machine Hune runs on, when no node of the list is this machine"
    )
    nodes: list[Node] = Field(default_factory=list, description="the machines to watch; default this host")
    groups: dict[Name, Group] = Field(default_factory=dict, description="nodes that share thresholds, by name")
    thresholds: Thresholds = Field(Thresholds(), description="limits of the whole site")
    probes: list[Probe] = Field(default_factory=list, description="what is tried from here, by the blackbox exporter")
    proxmox: list[ProxmoxCluster] = Field(default_factory=list, description="Proxmox VE clusters")
    proxmox_thresholds: ProxmoxThresholds = Field(ProxmoxThresholds(), description="limits of all clusters")
    receivers: list[Receiver] = Field(default_factory=list, description="where messages can go")
    routes: list[Route] = Field(default_factory=list, description="which alerts go to which receivers")
    heartbeat: Heartbeat | None = Field(None, description="who listens whether this site lives")
    timezone: TimeZone = Field("UTC", description="time zone of hours and maintenance: Europe/Paris")
    maintenance: list[Window] = Field(
        default_factory=list, max_length=200, description="when people are told nothing of what"
    )
    expects: list[Expected] = Field(default_factory=list, description="who must report to this site")
    alertmanager: Alertmanager = Field(
        Alertmanager(), description="what Alertmanager does besides, as its own configuration says it"
    )
    stores: Stores = Field(Stores(), description="where samples are kept besides: a PostgreSQL")
    engines: Engines = Field(Engines(), description="the engines: ports, versions, or where they already run")
    services: Services = Field(Services(), description="Hune's own services")

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

    def limits_of(self, cluster: ProxmoxCluster) -> AppliedProxmoxThresholds:
        """Return what applies to a cluster: its own, else the site's, else the default."""
        return merge(self.proxmox_thresholds, cluster.thresholds)

    @property
    def asked_clusters(self) -> list[ProxmoxCluster]:
        """The clusters that may be asked: those with a token or a login."""
        return [cluster for cluster in self.proxmox if cluster.token or cluster.login]

    def is_lab(self, cluster: ProxmoxCluster) -> bool:
        """Whether a cluster is simulated: all of its nodes are the lab's."""
        return all(node.lab for node in self.nodes if node.name in cluster.nodes)

    def part(self, name: str) -> Engine | PostgreSQL | ServicePort:
        """Return what the site says about an engine or a service (`node-exporter`, `hub`)."""
        key = name.replace("-", "_")
        part: Engine | PostgreSQL | ServicePort = getattr(self.engines, key, None) or getattr(self.services, key)
        return part

    def port(self, name: str) -> int:
        """Return the port wished for an engine or service (`node-exporter`), or its default."""
        return self.part(name).port or DEFAULT_PORTS[name]

    def wants(self, name: str) -> bool:
        """Whether an engine or service has anything to do here: the Proxmox exporter needs a cluster it may ask."""
        store = self.stores.timescale
        match name:
            case "pve-exporter":
                return bool(self.asked_clusters)
            case "timescale":
                return store is not None
            case "timescale-query":
                return store is not None and store.query
            case "postgresql":
                return store is not None and not store.url and not self.services.timescale.url
        return True

    def url(self, name: str) -> str:
        """Return the base URL at which an engine or service is reached from this machine, without a final slash."""
        if name == "postgresql":
            return f"postgresql://{self.database_address}"
        if url := self.part(name).url:
            return url.rstrip("/")
        return f"http://{join_address(self.local_address, self.port(name))}"

    @property
    def database_address(self) -> str:
        """Where a PostgreSQL of Hune's own listens: on loopback, whatever `listen` says."""
        return join_address("127.0.0.1", self.port("postgresql"))

    @property
    def local_address(self) -> str:
        """The address at which this machine reaches what listens on `listen`."""
        wildcard = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound
        return wildcard.get(self.listen, self.listen)


def join_address(host: str, port: int) -> str:
    """Return `host:port`, IPv6 addresses in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def host_name() -> str:
    """Return this host's short name, made a name that a site accepts."""
    name = re.sub(r"[^A-Za-z0-9_.-]", "-", socket.gethostname().split(".")[0])[:63].strip("-_.")
    return name or "here"
