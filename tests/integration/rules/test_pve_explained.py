"""What a node that is gone explains is not told beside it, as promtool evaluates the rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.promtool import Facts, firing, run
from support.pve_world import WITHOUT, make_pve_site, pve_world

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
        run(tmp_path / folder, make_pve_site(), world, expected, without=WITHOUT, every_seconds=5)
