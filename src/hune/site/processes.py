"""The engines and services of a site: where each comes from and where it listens."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from hune.site.base import Model
from hune.site.values import VERSION_PATTERN, AbsolutePath, Duration, HostPort, ListenPort, Port, Url


class Program(Model):
    """Where the program of an engine comes from, and where it listens."""

    port: Port | None = Field(None, description="port it listens on; default the engine's usual one")
    path: AbsolutePath | None = Field(None, description="the binary to use; default: the PATH's, else a fetched one")
    version: Annotated[str, Field(pattern=VERSION_PATTERN)] | None = Field(
        None, description="the version wanted; default: what is found, else Debian's"
    )


class Engine(Program):
    """Where an engine comes from: managed here by default, or already running at a URL."""

    url: Url | None = Field(None, description="an engine that runs elsewhere; Hune uses it and doesn't manage it")

    @model_validator(mode="after")
    def _one_place(self) -> Engine:
        if self.url and (self.path or self.port):
            raise ValueError("url names an engine that runs elsewhere; leave path and port out")
        return self


class Prometheus(Engine):
    """Prometheus: scrapes, evaluates rules, answers for now."""

    retention: Duration = Field("15d", description="how long it keeps samples")


class VictoriaMetrics(Engine):
    """VictoriaMetrics: the store that keeps years."""

    retention: Duration = Field("3y", description="how long it keeps samples")


class Gossip(Model):
    """How an Alertmanager talks to the others of its cluster: over TCP and UDP, neither encrypted nor signed."""

    listen: ListenPort = Field(description="address and port that it listens on for them: 192.168.1.11:9096")
    advertise: HostPort | None = Field(None, description="where they reach it, if not there (behind NAT)")
    peers: list[HostPort] = Field(min_length=1, description="where the others listen: [192.168.1.12:9096]")


class OtherAlertmanager(Model):
    """Another Alertmanager of the cluster, on a machine of its own."""

    url: Url = Field(description="where it is reached: http://192.168.1.12:9093")
    key_file: AbsolutePath | None = Field(None, description="file of its key, where it asks for one")


class Alertmanager(Engine):
    """Alertmanager: groups, silences and routes alerts."""

    cluster: Gossip | None = Field(None, description="the others that it shares silences and what was told with")
    others: list[OtherAlertmanager] = Field(
        default_factory=list, description="the others of its cluster, which Prometheus tells everything too"
    )


class NodeExporter(Engine):
    """The node exporter of this host."""

    ignored_devices: Annotated[str, Field(max_length=1000)] | None = Field(
        None, description="regular expression of network devices it leaves out"
    )


class PostgreSQL(Program):
    """A PostgreSQL of Hune's own; one that runs elsewhere is named by `stores.timescale.url`, with its password."""

    @property
    def url(self) -> None:
        """Where it runs elsewhere: nowhere."""


class Engines(Model):
    """The programs that Hune configures, starts and watches."""

    prometheus: Prometheus = Field(Prometheus(), description="scrapes, evaluates rules")
    victoriametrics: VictoriaMetrics = Field(VictoriaMetrics(), description="keeps the history")
    alertmanager: Alertmanager = Field(Alertmanager(), description="groups, silences and routes alerts")
    node_exporter: NodeExporter = Field(NodeExporter(), description="measures this host")
    blackbox_exporter: Engine = Field(Engine(), description="runs the probes")
    postgresql: PostgreSQL = Field(
        PostgreSQL(), description="keeps samples for SQL; runs only where stores.timescale names no other; port 5433"
    )


class ServicePort(Model):
    """Where one of Hune's own services listens, and how the others reach it when it runs elsewhere."""

    port: Port | None = Field(None, description="port it listens on; default the service's usual one")
    url: Url | None = Field(
        None, description="where it is reached when it runs alone elsewhere (`hune run`); Hune doesn't start it then"
    )


class Services(Model):
    """Hune's own services."""

    hub: ServicePort = Field(ServicePort(), description="takes alerts and delivers messages; port 9094")
    nester: ServicePort = Field(ServicePort(), description="serves the pages; port 8080")
    pve_exporter: ServicePort = Field(
        ServicePort(), description="measures Proxmox VE clusters; runs only where there are any; port 9221"
    )
    timescale: ServicePort = Field(
        ServicePort(), description="writes to PostgreSQL; runs only where there is stores.timescale; port 9201"
    )
    timescale_query: ServicePort = Field(
        ServicePort(), description="answers PromQL from PostgreSQL, where stores.timescale.query asks for it; port 9202"
    )


DEFAULT_PORTS: dict[str, int] = {
    "prometheus": 9090,
    "victoriametrics": 8428,
    "alertmanager": 9093,
    "node-exporter": 9100,
    "blackbox-exporter": 9115,
    "hub": 9094,
    "nester": 8080,
    "pve-exporter": 9221,
    "timescale": 9201,
    "timescale-query": 9202,
    # Beside the one that Debian may run.
    "postgresql": 5433,
}
