"""What a node that is gone explains is not told beside it, as promtool evaluates the rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.promtool import Facts, firing, run
from support.pve_world import make_pve_site, pve_world

ONLINE = 'hune_pve_node_online{node="pve-02"}'
JOB = '{replication_job="100-0",id="qemu/100",node="pve-01",target="pve-02"}'
RECOVERS = 'hune_pve_ha_service_state{id="qemu/100",node="pve-02",state="recovery",requested="started"}'


@pytest.mark.parametrize(
    ("alertname", "explained", "by"),
    [
        ("CephWarning", {"hune_pve_ceph_health_status": 1}, {ONLINE: 0}),
        (
            "ReplicationFailing",
            {f"hune_pve_replication_enabled{JOB}": 1, f"hune_pve_replication_failures{JOB}": 2},
            {ONLINE: 0},
        ),
        ("HaServiceRecovering", {RECOVERS: 1}, {'hune_pve_ha_fencing{node="pve-02"}': 1}),
    ],
)
def test_what_a_lost_node_explains_is_not_told(tmp_path: Path, alertname: str, explained: Facts, by: Facts) -> None:
    for folder, facts, told in (("alone", explained, True), ("explained", {**explained, **by}, False)):
        (tmp_path / folder).mkdir()
        world = pve_world(180, {0: {}, 30: facts})
        labels = [
            {"cluster": "home", "severity": "warning"}
            | ({"id": "qemu/100"} if alertname != "CephWarning" else {})
            | ({"node": "pve-01", "target": "pve-02"} if alertname == "ReplicationFailing" else {})
        ]
        expected = firing(175, alertname, *(labels if told else []))
        run(tmp_path / folder, make_pve_site(), world, expected, every_seconds=5)


def test_a_machine_that_is_down_explains_nothing_of_its_namesake_in_another_cluster(tmp_path: Path) -> None:
    token = {"id": "hune@pve!metrics", "secret": "env:TOKEN"}
    members = {"home": ["pve-01", "pve-02"], "far": ["here"]}
    site = make_pve_site(proxmox=[{"name": name, "nodes": nodes, "token": token} for name, nodes in members.items()])
    guest = 'id="qemu/100"'
    runs = {
        f"pve_up{{{guest}}}": 1,
        f"pve_uptime_seconds{{{guest}}}": 100,
        f'pve_guest_info{{{guest},name="web",node="pve-02",template="0",type="qemu"}}': 1,
        f'hune_pve_guest_config_info{{{guest},node="pve-02",onboot="1"}}': 1,
    }
    lost = {ONLINE: 0, f"pve_up{{{guest}}}": 0, f"pve_uptime_seconds{{{guest}}}": 0}
    down = {**lost, ONLINE: 1}
    for folder, facts, alertname, labels in (
        ("offline", lost, "PveNodeOffline", {"node": "pve-02"}),
        ("guest", down, "GuestDown", {"id": "qemu/100"}),
    ):
        (tmp_path / folder).mkdir()
        world = pve_world(180, {0: runs, 40: facts})
        world.series |= pve_world(180, {0: runs, 40: facts}, "far").series
        world.put('ALERTS{alertname="NodeDown",alertstate="firing",node="pve-02"}', {0: None, 30: 1})
        expected = firing(175, alertname, {"cluster": "far", "severity": "critical", **labels})
        run(tmp_path / folder, site, world, expected, every_seconds=5)
