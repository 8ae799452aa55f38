"""Nodes and guests as targets: those that somebody permitted, at addresses that somebody permitted, and no others."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hune.collect.pve import discovery
from hune.collect.pve.discovery import Found, NotDiscovered, discover, parse_addresses
from hune.collect.pve.settings import Discover, DiscoverGuests, DiscoverNodes, Settings
from hune.core.errors import Unavailable
from hune.pve.errors import BadAnswer, Forbidden, TimedOut, Unreachable
from support.pve_answers import Answers
from support.pve_collecting import make_stand

GUESTS = DiscoverGuests(networks=("192.0.2.0/24", "2001:db8::/64"))


def guest(vmid: int, name: str, kind: str = "qemu", **more: Any) -> dict[str, Any]:
    row = {"type": kind, "id": f"{kind}/{vmid}", "vmid": vmid, "node": "pve-01", "name": name, "status": "running"}
    return {**row, "maxcpu": 1, "maxmem": 1, "maxdisk": 1, **more}


def agent(*addresses: str) -> dict[str, Any]:
    rows = [{"ip-address": address, "ip-address-type": "ipv4", "prefix": 24} for address in addresses]
    return {
        "result": [{"name": "lo", "ip-addresses": [{"ip-address": "127.0.0.1"}]}, {"name": "e", "ip-addresses": rows}]
    }


def cluster(**more: Any) -> Answers:
    answers: dict[str, Any] = {
        "/cluster/status": [
            {"type": "cluster", "name": "home", "quorate": 1, "version": 3, "nodes": 3},
            {"type": "node", "name": "pve-01", "ip": "192.0.2.11", "online": 1},
            {"type": "node", "name": "pve-02", "ip": "192.0.2.12", "online": 0},
            {"type": "node", "name": "pve-03", "ip": "127.0.0.1", "online": 1},
        ],
        "/cluster/resources": [
            guest(100, "web", tags="Web;prod", pool="shop"),
            guest(101, "db", "lxc"),
            guest(102, "off", status="stopped"),
            guest(103, "mute"),
            guest(104, "rogue"),
            guest(105, "image", template=1, status="stopped"),
        ],
        "/nodes/pve-01/qemu/100/config": {"agent": "1", "name": "web"},
        "/nodes/pve-01/qemu/103/config": {"name": "mute"},
        "/nodes/pve-01/qemu/104/config": {"agent": "enabled=1"},
        "/nodes/pve-01/qemu/100/agent/network-get-interfaces": agent("10.0.0.5", "192.0.2.100"),
        "/nodes/pve-01/lxc/101/interfaces": [
            {"name": "lo", "inet": "127.0.0.1/8"},
            {"name": "eth0", "inet": "192.0.2.101/24", "inet6": "fe80::1/64"},
        ],
        # It says it is this machine, its neighbour's metadata service, everybody, and a host of another network.
        "/nodes/pve-01/qemu/104/agent/network-get-interfaces": agent(
            "127.0.0.1", "169.254.169.254", "0.0.0.0", "::ffff:127.0.0.1", "198.51.100.1"
        ),
    }
    return {**answers, **more}


async def found(kind: str, wanted: Discover, answers: Answers | None = None) -> Found:
    return await discover(kind, make_stand(answers or cluster()).source, wanted, cluster="home")


def targets(result: Found) -> list[str]:
    return [target for group in result.targets for target in group["targets"]]


@pytest.mark.parametrize("kind", discovery.KINDS)
async def test_nothing_is_discovered_that_nobody_permitted(kind: str) -> None:
    other = Discover(nodes=DiscoverNodes()) if kind == "guests" else Discover(guests=GUESTS)
    for wanted in (Discover(), other):
        with pytest.raises(NotDiscovered, match=f"--discover.{kind}"):
            await found(kind, wanted)


async def test_every_member_of_the_cluster_is_a_target_unless_the_site_has_it() -> None:
    result = await found("nodes", Discover(nodes=DiscoverNodes(9200), known=frozenset({"pve-01"})))
    assert targets(result) == ["192.0.2.12:9200"]
    labels = result.targets[0]["labels"]
    assert (labels["__meta_pve_cluster"], labels["__meta_pve_id"]) == ("home", "node/pve-02")
    assert result.left_out == {"in-the-site": 1, "no-address": 1}


async def test_running_guests_are_targets_at_an_address_of_the_permitted_networks() -> None:
    result = await found("guests", Discover(guests=GUESTS))
    assert targets(result) == ["192.0.2.100:9100", "192.0.2.101:9100"]
    assert result.targets[0]["labels"] == {
        "__meta_pve_cluster": "home",
        "__meta_pve_id": "qemu/100",
        "__meta_pve_type": "qemu",
        "__meta_pve_name": "web",
        "__meta_pve_node": "pve-01",
        "__meta_pve_pool": "shop",
        "__meta_pve_tags": ",prod,web,",
        "__meta_pve_address": "192.0.2.100",
    }
    assert result.left_out["no-address"] == 2


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"tags": ("WEB", "none")}, ["192.0.2.100:9100"]),
        ({"pools": ("shop",)}, ["192.0.2.100:9100"]),
        ({"pools": ("other",)}, []),
        ({"networks": ("10.0.0.0/8",)}, ["10.0.0.5:9100"]),
        ({"networks": ("192.0.2.0/24", "10.0.0.0/8")}, ["192.0.2.100:9100", "192.0.2.101:9100"]),
        ({"networks": ("0.0.0.0/0",)}, ["10.0.0.5:9100", "192.0.2.101:9100", "198.51.100.1:9100"]),
        ({"most": 1}, ["192.0.2.100:9100"]),
    ],
)
async def test_guests_are_chosen_by_tag_pool_network_and_number(changes: dict[str, Any], expected: list[str]) -> None:
    assert targets(await found("guests", Discover(guests=replace(GUESTS, **changes)))) == expected


@pytest.mark.parametrize("known", ["192.0.2.100:9100", "web"])
async def test_a_guest_that_the_site_watches_is_not_scraped_twice(known: str) -> None:
    result = await found("guests", Discover(guests=GUESTS, known=frozenset({known})))
    assert targets(result) == ["192.0.2.101:9100"]
    assert result.left_out["in-the-site"] == 1


async def test_a_guest_on_a_node_that_fell_silent_stays_a_target() -> None:
    answers = cluster()
    stand = make_stand(answers)
    wanted = Discover(guests=GUESTS)
    before = targets(await discover("guests", stand.source, wanted, cluster="home"))
    for row in answers["/cluster/resources"]:
        row["status"] = "unknown" if row["status"] == "running" else row["status"]
    answers["/cluster/status"][1]["online"] = 0
    stand.clock.passed += 60
    assert targets(await discover("guests", stand.source, wanted, cluster="home")) == before


async def test_an_agent_that_hangs_or_fails_costs_its_own_target_only() -> None:
    path = "/nodes/pve-01/qemu/100/agent/network-get-interfaces"
    result = await found("guests", Discover(guests=GUESTS), cluster(**{path: TimedOut("slow", path=path)}))
    assert targets(result) == ["192.0.2.101:9100"]


async def test_a_privilege_that_lacks_is_told_and_never_an_empty_list() -> None:
    agents = [f"/nodes/pve-01/qemu/{vmid}/agent/network-get-interfaces" for vmid in (100, 104)]
    refused = {path: Forbidden("VM.GuestAgent.Audit", path=path) for path in agents}
    result = await found("guests", Discover(guests=GUESTS), cluster(**refused))
    assert (targets(result), result.left_out["forbidden"]) == (["192.0.2.101:9100"], 2)
    with pytest.raises(Forbidden):
        await found("guests", Discover(guests=replace(GUESTS, tags=("web",))), cluster(**refused))


async def test_what_was_known_of_a_guest_survives_a_failing_agent() -> None:
    answers = cluster()
    stand = make_stand(answers)
    wanted = Discover(guests=GUESTS)
    before = targets(await discover("guests", stand.source, wanted, cluster="home"))
    path = "/nodes/pve-01/qemu/100/agent/network-get-interfaces"
    answers[path] = TimedOut("slow", path=path)
    stand.clock.passed += 700
    assert targets(await discover("guests", stand.source, wanted, cluster="home")) == before


async def test_while_guests_were_not_asked_yet_the_answer_is_no_list() -> None:
    # More than one round asks: a list that lacks the rest would make Prometheus forget them.
    rows = [guest(vmid, f"ct{vmid}", "lxc") for vmid in range(1000, 1450)]
    paths = {f"/nodes/pve-01/lxc/{row['vmid']}/interfaces": [{"name": "e", "inet": "192.0.2.9/24"}] for row in rows}
    stand = make_stand(cluster(**{"/cluster/resources": rows}, **paths))
    wanted = Discover(guests=GUESTS)
    for left in (250, 50):
        with pytest.raises(Unavailable, match=f"{left} of 450 guests"):
            await discover("guests", stand.source, wanted, cluster="home")
    assert len((await discover("guests", stand.source, wanted, cluster="home")).targets) == 450


@pytest.mark.parametrize("kind", discovery.KINDS)
async def test_a_cluster_that_does_not_answer_is_an_error_and_no_empty_list(kind: str) -> None:
    silent: Answers = dict.fromkeys(("/cluster/status", "/cluster/resources"), Unreachable("silent"))
    with pytest.raises(Unreachable):
        await found(kind, Discover(nodes=DiscoverNodes(), guests=GUESTS), silent)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.just("192.0.2.1"),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["result", "ip-addresses", "ip-address", "inet", "name"]), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(kind=st.sampled_from(["qemu", "lxc"]), answer=JSON)
def test_any_answer_is_addresses_or_a_bad_answer(kind: str, answer: Any) -> None:
    try:
        found = parse_addresses(kind, answer, "here")
    except BadAnswer:
        return
    assert not any(address.is_loopback or address.is_link_local for address in found)


def test_settings_survive_their_journey_as_json() -> None:
    whole = Settings(
        wake_disks=True,
        without=frozenset({"updates"}),
        discover=Discover(DiscoverNodes(1), replace(GUESTS, tags=("a",), pools=("b",)), frozenset({"c"})),
    )
    for settings in (Settings(), whole):
        assert Settings.from_raw(json.loads(json.dumps(settings.to_raw()))) == settings
