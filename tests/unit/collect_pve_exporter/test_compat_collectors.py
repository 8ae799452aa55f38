"""Upstream's quirks, one by one; the whole is compared with upstream itself in the integration tests."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from hune.collect.pve import compat
from hune.collect.pve.collector import Collection
from hune.collect.pve.source import Source
from hune.pve.errors import BadAnswer, Forbidden, NotThere, PveError, TimedOut
from support.pve_collecting import FakeApi, SetClock, samples

NODE = {"type": "node", "id": "node/pve", "name": "pve", "nodeid": 0, "level": "", "online": 1, "local": 1}
CLUSTER = {"type": "cluster", "id": "cluster", "name": "home", "nodes": 1, "quorate": 1, "version": 3}
GUEST = {"type": "qemu", "id": "qemu/100", "node": "pve", "name": "web", "status": "running", "template": 0}
STORAGE = {
    "type": "storage",
    "id": "storage/pve/local",
    "node": "pve",
    "storage": "local",
    "status": "available",
    "plugintype": "dir",
    "content": "vztmpl,backup,iso",
}

ANSWERS: dict[str, Any] = {
    "/cluster/status": [CLUSTER, NODE],
    "/cluster/resources": [GUEST, STORAGE],
    "/version": {"version": "9.0.3", "release": "9.0", "repoid": "abc", "console": "html5"},
    "/cluster/backup-info/not-backed-up": [{"type": "qemu", "vmid": 100}],
    "/cluster/config/qdevice": {},
    "/nodes/pve/subscription": {"status": "notfound"},
    "/nodes/pve/replication": [],
    "/nodes/pve/qemu/100/config": {"onboot": 1},
}


async def run(name: str, answers: dict[str, Any], *, trim: compat.Trim = compat.NO_TRIM) -> Collection:
    [collector] = compat.collectors(frozenset({name}), trim)
    collection = Collection(Source(FakeApi(answers), SetClock()))
    await collector.collect(collection)
    return collection


async def found(name: str, answers: dict[str, Any] | None = None, **more: Any) -> dict[str, float]:
    return samples((await run(name, {**ANSWERS, **(answers or {})}, **more)).out)


async def test_a_lone_node_gives_its_name_to_what_is_not_backed_up() -> None:
    assert (await found("backup-info", {"/cluster/status": [NODE]}))['pve_not_backed_up_total{id="cluster/pve"}'] == 1


async def test_whatever_proxmox_tells_of_a_cluster_is_a_label() -> None:
    cluster = {**CLUSTER, "extra": "new"}
    series = await found("cluster", {"/cluster/status": [cluster, NODE]})
    assert list(series) == ['pve_cluster_info{id="cluster/home",nodes="1",quorate="1",version="3",extra="new"}']


async def test_a_lone_node_is_no_cluster_and_has_no_quorum_device() -> None:
    lone = {"/cluster/status": [NODE]}
    assert await found("cluster", lone) == {}
    assert await found("qdevice", {**lone, "/cluster/config/qdevice": {"State": "Connected"}}) == {}


async def test_only_three_fields_of_the_version_are_labels() -> None:
    assert list(await found("version")) == ['pve_version_info{release="9.0",repoid="abc",version="9.0.3"}']
    assert list(await found("version", {"/version": {"version": "9.0.3"}})) == ['pve_version_info{version="9.0.3"}']


async def test_contents_of_a_storage_are_sorted_and_what_lacks_is_empty() -> None:
    series = await found("resources", {"/cluster/resources": [STORAGE, {**GUEST, "name": None, "tags": "b;a"}]})
    assert (
        'pve_storage_info{id="storage/pve/local",node="pve",storage="local",plugintype="dir",content="backup,iso,vztmpl"}'
        in series
    )
    assert 'pve_guest_info{id="qemu/100",node="pve",name="None",type="qemu",template="0",tags="b;a"}' in series
    assert (await found("resources", {"/cluster/resources": [{"type": "lxc", "id": "lxc/1"}]}))[
        'pve_guest_info{id="lxc/1",node="",name="",type="lxc",template="",tags=""}'
    ] == 1


async def test_every_state_has_a_series_and_one_of_them_is_true() -> None:
    series = await found(
        "resources", {"/cluster/resources": [{**GUEST, "hastate": "started", "lock": "snapshot-delete"}]}
    )
    states = {name: value for name, value in series.items() if "_state{" in name}
    assert len(states) == 20
    assert [name for name, value in states.items() if value] == [
        'pve_ha_state{id="qemu/100",state="started"}',
        'pve_lock_state{id="qemu/100",state="snapshot-delete"}',
    ]


async def test_trimmed_only_the_present_state_and_no_deprecated_name_is_left() -> None:
    busy = {**GUEST, "hastate": "started", "netin": 7, "netout": 8, "diskread": 9, "diskwrite": 10}
    trim = compat.Trim(inactive_states=True, deprecated_names=True)
    series = await found("resources", {"/cluster/resources": [busy, {**GUEST, "id": "qemu/101"}]}, trim=trim)
    assert {name for name in series if "_state{" in name} == {'pve_ha_state{id="qemu/100",state="started"}'}
    assert {name.partition("{")[0] for name in series if "network" in name or "disk" in name} == {
        "pve_network_receive_bytes_total",
        "pve_network_transmit_bytes_total",
        "pve_disk_read_bytes_total",
        "pve_disk_written_bytes_total",
    }


@pytest.mark.parametrize(("given", "value"), [("12", 12.0), (True, 1.0), (1.5, 1.5), (2**70, 2.0**70), ("1e3", 1000.0)])
async def test_numbers_may_come_in_any_form(given: Any, value: float) -> None:
    series = await found("resources", {"/cluster/resources": [{**GUEST, "mem": given}]})
    assert series['pve_memory_usage_bytes{id="qemu/100"}'] == value


@pytest.mark.parametrize("given", ["many", [], {}, "1\npve_up 1"])
async def test_what_is_no_number_is_told(given: Any) -> None:
    with pytest.raises(BadAnswer, match="where a number should be"):
        await run("resources", {**ANSWERS, "/cluster/resources": [{**GUEST, "mem": given}]})


@pytest.mark.parametrize("refusal", [NotThere("no"), Forbidden("no")])
async def test_a_quorum_device_that_may_not_be_seen_is_none(refusal: PveError) -> None:
    assert await found("qdevice", {"/cluster/config/qdevice": refusal}) == {}


async def test_a_quorum_device_that_was_not_asked_is_a_failure() -> None:
    with pytest.raises(TimedOut):
        await found("qdevice", {"/cluster/config/qdevice": TimedOut("late")})


async def test_a_guest_whose_configuration_says_nothing_has_no_series() -> None:
    assert await found("config") == {'pve_onboot_status{id="qemu/100",node="pve",type="qemu"}': 1}
    assert await found("config", {"/nodes/pve/qemu/100/config": {"name": "web"}}) == {}


async def test_a_guest_that_is_gone_meanwhile_is_no_failure_and_a_forbidden_one_is() -> None:
    gone = await run("config", {**ANSWERS, "/nodes/pve/qemu/100/config": NotThere("gone")})
    assert gone.problems == []
    hidden = await run("config", {**ANSWERS, "/nodes/pve/qemu/100/config": Forbidden("no")})
    assert [type(problem) for problem in hidden.problems] == [Forbidden]


async def test_two_nodes_of_one_cluster_do_not_forget_each_others_guests() -> None:
    other = {**GUEST, "id": "lxc/200", "type": "lxc", "node": "pve2"}
    api = FakeApi({**ANSWERS, "/cluster/resources": [GUEST, other], "/nodes/pve2/lxc/200/config": {"onboot": 0}})
    [collector] = compat.collectors(frozenset({"config"}))
    source = Source(api, SetClock())
    for node in ("pve", "pve2", "pve", "pve2"):
        await collector.collect(Collection(source, node))
    assert api.asked["/nodes/pve/qemu/100/config"] == 1
    assert api.asked["/nodes/pve2/lxc/200/config"] == 1


async def test_a_list_of_jobs_without_their_state_makes_it_ask_for_each() -> None:
    job = {"id": "100-0", "type": "local", "source": "pve", "target": "b", "guest": 100, "vmtype": "qemu"}
    state = {"duration": 1.5, "last_sync": 10, "fail_count": 0}
    whole = await found("replication", {"/nodes/pve/replication": [{**job, **state}]})
    asked = await found(
        "replication", {"/nodes/pve/replication": [job], "/nodes/pve/replication/100-0/status": {**job, **state}}
    )
    assert whole == asked
    assert whole['pve_replication_duration_seconds{id="100-0"}'] == 1.5


async def test_a_subscription_of_unknown_level_is_told_as_such() -> None:
    series = await found("subscription")
    assert series['pve_subscription_info{id="node/pve",level="unknown"}'] == 1
    assert series['pve_subscription_status{id="node/pve",status="notfound"}'] == 1
    assert len(series) == 7


@pytest.mark.parametrize("name", compat.NAMES)
async def test_no_answer_of_another_shape_is_more_than_a_failure(name: str) -> None:
    shapes: list[Any] = [None, "text", 7, [7], [{}], {"a": []}, [{"type": []}]]
    for nonsense in shapes:
        with contextlib.suppress(BadAnswer):
            await run(name, dict.fromkeys(ANSWERS, nonsense))


def test_the_order_is_upstreams() -> None:
    assert [collector.name for collector in compat.collectors()] == list(compat.NAMES)
    names = [family.name for collector in compat.collectors() for family in collector.families]
    assert len(names) == len(set(names))


async def test_a_resource_of_no_known_type_is_passed_over() -> None:
    kinds: list[Any] = [[], {}, None, 7, "sdn"]
    odd = [{"type": kind, "id": "odd/1", "status": "x"} for kind in kinds]
    for name in ("status", "resources"):
        assert "odd/1" not in str((await found(name, {"/cluster/resources": odd})).keys())
