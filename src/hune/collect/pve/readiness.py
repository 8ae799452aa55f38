"""Whether a cluster can be watched: is each endpoint reached and trusted, may the account read what collectors need."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from hune.collect.pve.collector import Collector
from hune.core.clock import Clock
from hune.pve import grants
from hune.pve.access import Access, Endpoint
from hune.pve.certificate import Certificate, look_at
from hune.pve.client import PveClient
from hune.pve.errors import PveError

# Proxmox renews its own certificates two weeks before their end: one that comes nearer is not renewed.
_SOON_DAYS = 14.0

State = Literal["ok", "note", "lacking", "unknown"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    state: State
    detail: str
    remedy: str = ""


@dataclass
class Readiness:
    """What was found out about a cluster.

    Run on any of its nodes, `commands` grant what its account lacks; `optional` what lets it see more, by privileges
    that PVEAuditor doesn't hold.
    """

    cluster: str
    account: str
    endpoints: list[Finding] = field(default_factory=list)
    collectors: list[Finding] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    optional: list[str] = field(default_factory=list)

    @property
    def is_ready(self) -> bool:
        return all(finding.state in ("ok", "note") for finding in (*self.endpoints, *self.collectors))

    def as_dict(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), "ready": self.is_ready}


Pages = Mapping[str, Sequence[Collector]]
"""The collectors of each page of the exporter (`/pve`, `/hune`)."""


async def examine(access: Access, pages: Pages, clock: Clock) -> Readiness:
    """Ask every endpoint for itself, then the cluster what its account may do."""
    found = Readiness(access.name, access.account)
    asked = await asyncio.gather(*(_examine_endpoint(access, endpoint, clock) for endpoint in access.endpoints))
    found.endpoints = [finding for finding, _ in asked]
    versions = [version for _, version in asked if version]
    if not versions:
        found.collectors = _unknown(pages, "no endpoint could be asked")
        return found
    try:
        async with PveClient(access, clock) as client:
            permissions = await client.get("/access/permissions")
    except PveError as error:
        found.collectors = _unknown(pages, error.message)
        return found
    if not isinstance(permissions, Mapping) or not all(isinstance(held, Mapping) for held in permissions.values()):
        found.collectors = _unknown(pages, "what the account may do is not told in a way that is understood")
        return found
    judge(found, pages, permissions, major=min(_major(version) for version in versions))
    return found


def judge(found: Readiness, pages: Pages, permissions: grants.Permissions, *, major: int) -> None:
    """Add what the collectors need and the account lacks."""
    lacking: set[tuple[str, str]] = set()
    for page, collectors in pages.items():
        for collector in collectors:
            needs = [(grants.as_of(need.privilege, major), need.acl_path) for need in collector.needs]
            missing = [need for need in needs if not grants.holds(permissions, *need)]
            lacking.update(missing)
            found.collectors.append(_judge_collector(f"{page} {collector.name}", needs, missing))
    found.commands = grants.commands(found.account, {need for need in lacking if grants.is_reading(need[0])})
    found.optional = grants.commands(found.account, {need for need in lacking if not grants.is_reading(need[0])})


def _judge_collector(what: str, needs: Sequence[tuple[str, str]], missing: Sequence[tuple[str, str]]) -> Finding:
    told = ", ".join(f"{privilege} on {path}" for privilege, path in missing or needs)
    if not missing:
        return Finding(what, "ok", f"has {told}" if needs else "needs no privilege")
    if any(grants.is_reading(privilege) for privilege, _ in missing):
        return Finding(what, "lacking", f"lacks {told}")
    # Most are for more than reading: whether that is worth it is for people to decide.
    return Finding(what, "note", f"sees less without {told}")


def _unknown(pages: Pages, why: str) -> list[Finding]:
    return [
        Finding(f"{page} {collector.name}", "unknown", why)
        for page, collectors in pages.items()
        for collector in collectors
    ]


async def _examine_endpoint(access: Access, endpoint: Endpoint, clock: Clock) -> tuple[Finding, str]:
    """Return what was found at an endpoint, and its version, empty if it could not be asked."""
    alone = dataclasses.replace(access, endpoints=(endpoint,), learn_nodes=False)
    what = f"{endpoint.node} ({endpoint})" if endpoint.node else str(endpoint)
    shown: Certificate | None = None
    try:
        shown = await look_at(endpoint, timeout_seconds=access.limits.connect_seconds)
        started = clock.monotonic()
        async with PveClient(alone, clock) as client:
            answer = await client.get("/version")
        seconds = clock.monotonic() - started
    except PveError as error:
        detail = error.message.removeprefix(f"{endpoint}: ")
        if shown and "certificate" in detail and shown.fingerprint not in detail:
            detail += f"; its fingerprint is {shown.fingerprint}"
        return Finding(what, "lacking", detail, error.remedy), ""
    version = str(answer.get("version", "")) if isinstance(answer, Mapping) else ""
    state, until = _judge_end(shown, clock.now())
    detail = (
        f"Proxmox VE {version or '?'}, answered in {seconds * 1000:.0f} ms, certificate {shown.fingerprint} {until}"
    )
    remedy = "renew it: pvenode acme cert renew, or pvecm updatecerts --force" if state != "ok" else ""
    return Finding(what, state, detail, remedy), version or "?"


def _judge_end(certificate: Certificate, now: float) -> tuple[State, str]:
    if certificate.ends_at is None:
        return "ok", "without an end that could be read"
    days = (certificate.ends_at - now) / 86400
    if days < 0:
        return "lacking", f"ended {-days:.0f} days ago"
    return ("note" if days < _SOON_DAYS else "ok"), f"valid for {days:.0f} days"


def _major(version: str) -> int:
    number = version.partition(".")[0]
    return int(number) if number.isdigit() else 9
