"""Credentials go to whom they are meant for, and to nobody else."""

from __future__ import annotations

import pytest

from hune.collect.pve.assignment import Assignment
from hune.collect.pve.modules import Module, from_environment
from hune.collect.pve.site_targets import SiteTargets
from hune.collect.pve.targets import NotAllowed, OpenTargets, UnknownModule
from hune.core.errors import Unavailable
from hune.pve.access import Token
from hune.site.models import Site

MODULES: dict[str, Module] = from_environment({"PVE_USER": "a@pve", "PVE_PASSWORD": "b"})


def site(**more: object) -> Site:
    return Site.model_validate(
        {
            "nodes": [
                {"name": "pve-01", "address": "192.0.2.11"},
                {"name": "pve-02", "address": "192.0.2.12"},
                {"name": "far", "address": "192.0.2.99"},
            ],
            "proxmox": [
                {
                    "name": "home",
                    "nodes": ["pve-01", "pve-02"],
                    "token": {"id": "hune@pve!m", "secret": "env:HOME_SECRET"},
                },
                {"name": "away", "nodes": ["far"], "token": {"id": "hune@pve!m", "secret": "env:AWAY_SECRET"}},
                {"name": "silent", "nodes": ["far"]},
            ],
            **more,
        }
    )


@pytest.mark.parametrize(
    "target", ["192.0.2.7", "192.0.2.7:18006", "PVE.example", "localhost", None, "[2001:db8::7]:1"]
)
def test_who_is_allowed_may_be_asked(target: str | None) -> None:
    targets = OpenTargets(MODULES, ["192.0.2.0/24", "pve.example", "2001:db8::7"], everyone=False)
    assert targets.find("default", target).access.name


@pytest.mark.parametrize("target", ["192.0.3.7", "example", "evil.pve.example", "127.0.0.1", "2001:db8::8"])
def test_anybody_else_may_not(target: str) -> None:
    targets = OpenTargets(MODULES, ["192.0.2.0/24", "pve.example", "2001:db8::7"], everyone=False)
    with pytest.raises(NotAllowed, match="--allow-target"):
        targets.find("default", target)


def test_on_loopback_or_by_a_star_everybody_may() -> None:
    assert OpenTargets(MODULES, [], everyone=True).find("default", "example")
    assert OpenTargets(MODULES, ["*"], everyone=False).find("default", "example")


def test_an_unknown_module_is_told() -> None:
    with pytest.raises(UnknownModule):
        OpenTargets(MODULES, [], everyone=True).find("other", "example")


@pytest.mark.parametrize(
    ("target", "cluster", "node"),
    [
        ("home", "home", ""),
        ("HOME", "home", ""),
        ("pve-02", "home", "pve-02"),
        ("192.0.2.12", "home", "pve-02"),
        ("far", "away", "far"),
    ],
)
def test_a_site_knows_clusters_nodes_and_their_addresses(target: str, cluster: str, node: str) -> None:
    secrets = {"HOME_SECRET": "x", "AWAY_SECRET": "y"}
    found = SiteTargets(Assignment.of(site()).clusters, secrets).find("default", target)
    assert (found.access.name, found.node) == (cluster, node)
    assert isinstance(found.access.credentials, Token)


@pytest.mark.parametrize("target", [None, "localhost", "192.0.2.200", "silent", ""])
def test_a_site_knows_nobody_else(target: str | None) -> None:
    with pytest.raises(NotAllowed, match="there are: home, away"):
        SiteTargets(Assignment.of(site()).clusters, {"HOME_SECRET": "x", "AWAY_SECRET": "y"}).find("default", target)


def test_a_secret_that_is_missing_fails_its_own_cluster_only() -> None:
    targets = SiteTargets(Assignment.of(site()).clusters, {"AWAY_SECRET": "y"})
    assert targets.find("default", "away")
    with pytest.raises(Unavailable, match="HOME_SECRET"):
        targets.find("default", "pve-01")


def test_the_only_cluster_is_what_a_site_means_without_a_target() -> None:
    lone = site(proxmox=[{"name": "home", "nodes": ["pve-01"], "token": {"id": "h@pve!m", "secret": "env:S"}}])
    assert SiteTargets(Assignment.of(lone).clusters, {"S": "x"}).find("default", None).access.name == "home"
