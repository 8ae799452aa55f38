"""The rules on the real Prometheus and Alertmanager: what is told, and what must not be.

One stand serves all tests; each has a node of its own.
"""

from collections.abc import Iterator

import pytest

from hune.alerting.catalogue import clear, gone
from support.ports import free_port
from support.promtool import make_site
from support.rule_stand import Stand

NODES = [{"name": f"pve-0{i}", "address": f"192.0.2.1{i}"} for i in (1, 2, 3, 4)]


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    receivers = [{"name": "people", "discord": {"webhook": "env:NOWHERE"}}]
    site = make_site(nodes=NODES, receivers=receivers, services={"hub": {"port": free_port()}})
    with Stand(tmp_path_factory.mktemp("stand"), site) as stand:
        yield stand


def hot(node: str) -> dict[str, str]:
    return {"alertname": "CpuHot", "node": node, "chip": "platform_coretemp_0"}


def down(node: str) -> dict[str, str]:
    return {"alertname": "NodeDown", "node": node}


def told_of(stand: Stand, node: str) -> set[tuple[str, str]]:
    return {(told.name, told.status) for told in stand.told if told.node == node}


def wait_until_settled(stand: Stand) -> None:
    stand.wait_for("last_over_time(hune:settled[2s]) and on () hune:site_node offset 15s")


def test_node_that_dies_hot_is_told_dead_and_never_cool(stand: Stand) -> None:
    node, machine = "pve-01", stand.machines["pve-01"]
    wait_until_settled(stand)
    machine.celsius = 95
    crossed = stand.wait_until_told("firing", "CpuHot", node)
    assert stand.told[crossed].annotations["value"] == "95.0"
    assert not stand.query(clear(hot(node)))

    machine.lives = False
    died = stand.wait_until_told("firing", "NodeDown", node, after=crossed)
    stand.wait_for(f'time() - hune:cpu_seen_seconds{{node="{node}"}} > 8')
    assert stand.query(f'ALERTS{{alertname="CpuHot",alertstate="firing",node="{node}"}}')
    assert not stand.query(clear(hot(node)))
    assert not stand.query(clear(down(node)))
    assert not stand.query(gone(down(node)))

    machine.celsius = 68
    machine.lives = True
    back = stand.wait_until_told("resolved", "NodeDown", node, after=died)
    stand.wait_for(clear(down(node)))
    assert not stand.query(clear(hot(node)))
    assert ("CpuHot", "resolved") not in told_of(stand, node)

    machine.celsius = 60
    stand.wait_until_told("resolved", "CpuHot", node, after=back)
    stand.wait_for(clear(hot(node)))
    assert {told.receiver for told in stand.told if told.node == node} == {"console", "people"}


def test_killed_prometheus_remembers_what_was_hot_and_calls_nobody_dead(stand: Stand) -> None:
    node, machine = "pve-02", stand.machines["pve-02"]
    machine.celsius = 95
    crossed = stand.wait_until_told("firing", "CpuHot", node)

    stand.kill_prometheus()
    # It dies while nobody looks: nothing marks its last samples as stale.
    machine.lives = False
    stand.start_prometheus()
    stand.wait_for(f'absent(last_over_time(hune:cpu_celsius:max{{node="{node}"}}[3s]))')
    stand.wait_for(f'last_over_time(ALERTS{{alertname="CpuHot",alertstate="firing",node="{node}"}}[2s])')
    assert not stand.query(clear(hot(node)))
    stand.wait_until_told("firing", "NodeDown", node, after=crossed)
    assert told_of(stand, node) == {("CpuHot", "firing"), ("NodeDown", "firing")}
    assert not [told for told in stand.told[crossed:] if told.node != node and told.name != "Watchdog"]


def test_node_removed_from_the_site_is_not_dead(stand: Stand) -> None:
    node = "pve-03"
    wait_until_settled(stand)
    stand.machines[node].celsius = 95
    stand.wait_until_told("firing", "CpuHot", node)

    site = stand.site
    stand.write(site.model_copy(update={"nodes": [one for one in site.nodes if one.name != node]}))
    stand.reload_prometheus()
    stand.wait_for(gone(hot(node)))
    stand.wait_until_told("resolved", "CpuHot", node)
    assert not stand.query(clear(hot(node)))
    assert not stand.query(gone(hot("pve-04")))
    assert told_of(stand, node) == {("CpuHot", "firing"), ("CpuHot", "resolved")}
    assert not stand.query(f'max_over_time(ALERTS{{alertname="NodeDown",node="{node}"}}[5m])')
