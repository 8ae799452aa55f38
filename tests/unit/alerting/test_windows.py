"""What a maintenance window holds, and whom hours keep from being told."""

import sqlite3
from datetime import UTC, datetime
from typing import Any

import pytest

from hune.alerting.addressing import receivers_of
from hune.alerting.holds import windows
from hune.alerting.holds.calendar import Period
from hune.alerting.holds.duty import Duty
from hune.alerting.holds.windows import Places, Scope
from hune.site.models import Site

SITE = Site.model_validate(
    {
        "name": "home",
        "timezone": "Europe/Paris",
        "groups": {"storage": {}},
        "nodes": [
            {"name": "pve-01", "address": "10.0.0.1", "kind": "proxmox"},
            {"name": "pve-02", "address": "10.0.0.2", "kind": "proxmox"},
            {"name": "nas", "address": "10.0.0.3", "group": "storage"},
            {"name": "far-01", "address": "10.1.0.1", "kind": "proxmox"},
        ],
        "proxmox": [{"name": "near", "nodes": ["pve-01", "pve-02"]}, {"name": "far", "nodes": ["far-01"]}],
        "probes": [{"name": "web", "type": "icmp", "target": "10.0.0.9"}],
        "receivers": [{"name": name, "discord": {"webhook": "env:X"}} for name in ("day", "night", "always")],
        "routes": [
            {"receivers": ["day"], "hours": {"days": "mon-fri", "from": "08:00", "to": "18:00"}},
            {
                "receivers": ["night"],
                "hours": [{"from": "18:00", "to": "08:00"}, {"days": "sat", "from": "12:00", "to": "14:00"}],
            },
            {"receivers": ["day", "always"], "match": {"severity": ["critical"]}},
        ],
        "maintenance": [{"every": "sunday 02:00", "for": "2h", "clusters": ["near"], "reason": "updates"}],
    }
)
PLACES = Places(SITE)
SUNDAY = datetime(2026, 11, 22, 2, 0, tzinfo=UTC).timestamp() - 3600


def at(text: str) -> float:
    """Return a moment of Paris in winter."""
    return datetime.fromisoformat(f"{text}+01:00").timestamp()


@pytest.mark.parametrize(
    ("scope", "labels", "held"),
    [
        ({}, {"alertname": "CutOff"}, True),
        ({"nodes": ["pve-01"]}, {"node": "pve-01"}, True),
        ({"nodes": ["pve-01"]}, {"node": "pve-02"}, False),
        ({"nodes": ["pve-01"]}, {"alertname": "CutOff"}, False),
        ({"nodes": ["pve-01"]}, {"node": "pve-01", "cluster": "near"}, True),
        ({"nodes": ["pve-01"]}, {"node": "pve-01", "cluster": "far"}, False),
        ({"nodes": ["nas"]}, {"node": "nas", "cluster": "near"}, True),
        ({"groups": ["storage"]}, {"node": "nas"}, True),
        ({"groups": ["storage"]}, {"node": "pve-01"}, False),
        ({"clusters": ["near"]}, {"cluster": "near", "id": "qemu/100"}, True),
        ({"clusters": ["near"]}, {"node": "pve-02"}, True),
        ({"clusters": ["near"]}, {"node": "far-01"}, False),
        ({"clusters": ["near"]}, {"cluster": "far", "node": "pve-01"}, False),
        ({"clusters": ["near"]}, {"alertname": "CutOff"}, False),
        ({"probes": ["web"]}, {"probe": "web"}, True),
        ({"probes": ["web"]}, {"node": "web"}, False),
        ({"probes": ["web"], "nodes": ["nas"]}, {"node": "nas"}, True),
    ],
)
def test_scope_holds_what_is_about_it(scope: dict[str, list[str]], labels: dict[str, str], held: bool) -> None:
    assert PLACES.covers(Scope.from_dict(scope), labels) is held


def test_window_of_the_site_holds_while_it_lasts() -> None:
    found = windows.of_site(SITE)
    labels = {"cluster": "near"}
    assert list(windows.in_force(found, now=SUNDAY - 1)) == []
    in_force = list(windows.in_force(found, now=SUNDAY))
    [hold] = windows.holds_of(in_force, PLACES, labels)
    assert (hold.id, hold.until, hold.reason) == ("site-1", SUNDAY + 7200, "updates")
    assert windows.holds_of(in_force, PLACES, {"cluster": "far"}) == ()


def test_declared_window_is_kept_and_ended(connection: sqlite3.Connection) -> None:
    number = windows.declare(connection, Scope(nodes=("nas",)), Period(100.0, 200.0), by="Ada", reason="disks")
    [kept] = windows.declared(connection, now=50.0)
    assert (kept.id, kept.scope, kept.by, kept.reason) == (str(number), Scope(nodes=("nas",)), "Ada", "disks")
    [hold] = windows.holds_of(windows.in_force([kept], now=150.0), PLACES, {"node": "nas"})
    assert (hold.until, hold.by) == (200.0, "Ada")
    assert windows.end(connection, number, now=150.0)
    assert not windows.end(connection, number, now=150.0)
    assert windows.declared(connection, now=150.0) == []


@pytest.mark.parametrize(
    ("moment", "labels", "due"),
    [
        ("2026-11-23 09:00", {"severity": "warning"}, {"day": None, "night": "2026-11-23 18:00", "always": None}),
        ("2026-11-23 17:59", {"severity": "warning"}, {"day": None, "night": "2026-11-23 18:00"}),
        ("2026-11-23 18:00", {"severity": "warning"}, {"day": "2026-11-24 08:00", "night": None}),
        ("2026-11-27 20:00", {"severity": "warning"}, {"day": "2026-11-30 08:00", "night": None}),
        ("2026-11-28 11:00", {"severity": "warning"}, {"night": "2026-11-28 12:00"}),
        ("2026-11-28 03:00", {"severity": "critical"}, {"day": None, "night": None, "always": None}),
        ("2026-11-28 03:00", {}, {"day": None, "always": None}),
    ],
)
def test_receiver_is_due_when_its_hours_begin(moment: str, labels: dict[str, str], due: dict[str, str | None]) -> None:
    duty = Duty(SITE)
    told = {receiver: duty.due(labels, receiver, now=at(moment)) for receiver in due}
    assert told == {receiver: at(begin) if begin else 0.0 for receiver, begin in due.items()}


def test_duty_changes_when_the_first_of_all_hours_does() -> None:
    assert Duty(SITE).next_change(at("2026-11-23 09:00")) == at("2026-11-23 18:00")
    assert Duty(SITE).next_change(at("2026-11-28 09:00")) == at("2026-11-28 12:00")


def test_route_matches_any_of_a_list() -> None:
    routes: list[dict[str, Any]] = [{"match": {"severity": ["info", "warning"]}, "receivers": ["day"]}]
    site = Site.model_validate({**SITE.model_dump(), "routes": routes})
    assert receivers_of(site, {"severity": "warning"}) == ["console", "day"]
    assert receivers_of(site, {"severity": "critical"}) == ["console"]
