"""What a site tries from here: probes and their targets."""

from __future__ import annotations

import re
import urllib.parse
from typing import Annotated, Literal

from pydantic import Field, model_validator

from hune.site.base import Model
from hune.site.values import Name, Seconds, check_host


class Probe(Model):
    """Something reachable that is tried from here, every 15 s unless said otherwise."""

    name: Name = Field(description="name of the probe, once in the site")
    type: Literal["icmp", "tcp", "http", "dns", "tls"] = Field(description="how it is tried")
    target: Annotated[str, Field(min_length=1, max_length=2048)] = Field(
        description="icmp: host; tcp and tls: host:port; http: URL; dns: server or server:port"
    )
    interval_seconds: Seconds = Field(15.0, description="seconds from one try to the next")
    timeout_seconds: Seconds = Field(5.0, description="seconds after which a try has failed")
    status: list[Annotated[int, Field(ge=100, le=599)]] = Field(
        default_factory=list, description="http: accepted status codes; default any 2xx"
    )
    query: str | None = Field(None, min_length=1, max_length=253, description="dns: the name to ask for")
    severity: Literal["critical", "warning"] = Field("critical", description="severity of the alert when it fails")
    certificate_days: Annotated[float, Field(ge=0, le=365)] = Field(
        14.0, description="http and tls: days that its certificate is still valid below which it warns"
    )
    certificate_critical_days: Annotated[float, Field(ge=0, le=365)] = Field(
        3.0, description="http and tls: days that its certificate is still valid below which it is critical"
    )

    @property
    def has_certificate(self) -> bool:
        """Whether it may be shown a certificate: by redirection, plain HTTP may be too."""
        return self.type in ("http", "tls")

    @model_validator(mode="after")
    def _fits(self) -> Probe:
        if self.type == "dns" and not self.query:
            raise ValueError("a dns probe lacks query; give the name to ask for")
        if self.query and self.type != "dns":
            raise ValueError(f"query belongs to dns probes and this one is {self.type}; remove it")
        if self.status and self.type != "http":
            raise ValueError(f"status belongs to http probes and this one is {self.type}; remove it")
        if self.certificate_critical_days > self.certificate_days:
            raise ValueError("certificate_critical_days lies above certificate_days; make it lower")
        _check_target(self.type, self.target)
        if self.timeout_seconds > self.interval_seconds:
            raise ValueError("timeout_seconds is longer than interval_seconds; make it shorter")
        return self


def _check_target(kind: str, target: str) -> None:
    """Raise ValueError with what is wrong and the remedy if a probe of this type can't try the target."""
    if kind == "http":
        _check_url(target)
    elif kind == "icmp":
        check_host(target)
    else:
        host, port = _split(target)
        if port is None and kind != "dns":
            raise ValueError("target lacks a port; write host:port")
        if port is not None and not 0 < int(port) < 65536:
            raise ValueError("target has no valid port; write one from 1 to 65535")
        check_host(host)


def _split(target: str) -> tuple[str, str | None]:
    """Return host and port of `host`, `host:port`, `[::1]:port` or `::1`."""
    match = re.fullmatch(r"(?:\[(?P<six>[^\]]*)\]|(?P<host>[^:]*))(?::(?P<port>[0-9]{1,5}))?", target)
    if match is None:
        return target, None
    return match["six"] or match["host"] or "", match["port"]


def _check_url(target: str) -> None:
    try:
        url = urllib.parse.urlsplit(target)
        valid = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        valid = False
    if not valid or not re.fullmatch(r"https?://\S+", target):
        raise ValueError("target is not a URL; write http://host/ or https://host/")
    if "@" in url.netloc:
        raise ValueError("target carries a user or password; leave it out: targets are shown")
