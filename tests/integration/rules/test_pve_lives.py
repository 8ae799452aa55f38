"""The life of each alert about Proxmox, as promtool sees it: it begins, is held, and ends when measured."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hune.alerting.catalogue.proxmox import ONE_BY_ONE, PROBLEMS
from support.promtool import Facts, firing, run
from support.pve_world import believed_over, make_pve_site, pve_world

GUEST = 'id="qemu/100"'
ON = 'node="pve-02"'
JOB = f'replication_job="100-0",{GUEST},{ON},target="pve-01"'
TANK = f'id="storage/pve-02/tank",{ON},storage="tank"'
DISK = f'{ON},device="sda"'
OF_DISK = {"cluster": "home", "node": "pve-02", "device": "sda"}
OF_GUEST = {"cluster": "home", "id": "qemu/100"}
OF_TANK = {"cluster": "home", "node": "pve-02", "storage": "tank"}
OF_POOL = {"cluster": "home", "node": "pve-02", "pool": "rpool"}
OF_JOB = {"cluster": "home", "node": "pve-02", "id": "qemu/100", "target": "pve-01"}


@dataclass(frozen=True)
class Case:
    """What a healthy and a broken thing expose, and by which collectors; `wait`: how long until it is told."""

    labels: Mapping[str, str]
    good: Facts
    bad: Facts
    collectors: tuple[str, ...]
    wait: int = 0
    severity: str = field(default="warning")

    @property
    def deleted(self) -> Facts:
        return {**dict.fromkeys(self.good), **dict.fromkeys(self.bad)}


def case(labels: Mapping[str, str], good: Facts, bad: Facts, *collectors: str, wait: int = 0) -> Case:
    # What is there only while it is bad is absent while it is good, and the other way round.
    return Case(labels, {**dict.fromkeys(bad), **good}, {**dict.fromkeys(good), **bad}, collectors, wait)


def judged(verdict: str, covered: str, fresh: str) -> Facts:
    said = 'hune_guest_protection{id="qemu/100",aspect='
    return {
        f'hune_guest_protected{{{GUEST},{ON},name="web"}}': int(verdict == "protected"),
        f'{said}"verdict",state="{verdict}"}}': 1,
        f'{said}"covered",state="{covered}"}}': 1,
        f'{said}"fresh",state="{fresh}"}}': 1,
    }


def guest(up: int) -> Facts:
    return {
        f"pve_up{{{GUEST}}}": up,
        f"pve_uptime_seconds{{{GUEST}}}": 500 * up,
        f'pve_guest_info{{{GUEST},{ON},name="web",type="qemu",template="0",tags=""}}': 1,
        f'hune_pve_guest_config_info{{{GUEST},{ON},ostype="l26",agent="1",onboot="1",protection="0"}}': 1,
    }


def storage(used: float) -> Facts:
    return {
        f"hune_pve_storage_used_bytes{{{TANK}}}": used,
        f"hune_pve_storage_size_bytes{{{TANK}}}": 100,
        f"hune_pve_storage_shared{{{TANK}}}": 0,
        f"hune_pve_storage_active{{{TANK}}}": 1,
    }


def replication(failures: int, last_sync: float) -> Facts:
    return {
        f"hune_pve_replication_enabled{{{JOB}}}": 1,
        f"hune_pve_replication_failures{{{JOB}}}": failures,
        f"hune_pve_replication_last_sync_timestamp_seconds{{{JOB}}}": last_sync,
    }


def service(state: str) -> Facts:
    return {f'hune_pve_ha_service_state{{{GUEST},{ON},state="{state}",requested="started"}}': 1}


CLUSTER = {"cluster": "home"}
CASES = {
    "PveQuorumLost": case(CLUSTER, {'pve_up{id="cluster/home"}': 1}, {'pve_up{id="cluster/home"}': 0}),
    "PveQdeviceDown": case(
        CLUSTER,
        {'hune_pve_quorum_qdevice_connected{model="net",algorithm="ffsplit"}': 1},
        {'hune_pve_quorum_qdevice_connected{model="net",algorithm="ffsplit"}': 0},
        "quorum",
        wait=60,
    ),
    "PveNodeOffline": case(
        {"cluster": "home", "node": "pve-02"},
        {f"hune_pve_node_online{{{ON}}}": 1},
        {f"hune_pve_node_online{{{ON}}}": 0},
        "quorum",
        wait=30,
    ),
    "PveServiceDown": case(
        {"cluster": "home", "node": "pve-02", "service": "pvestatd"},
        {
            f'hune_pve_service_running{{{ON},service="pvestatd"}}': 1,
            f'hune_pve_service_enabled{{{ON},service="pvestatd"}}': 1,
        },
        {
            f'hune_pve_service_running{{{ON},service="pvestatd"}}': 0,
            f'hune_pve_service_enabled{{{ON},service="pvestatd"}}': 1,
        },
        "services",
        wait=120,
    ),
    "PveNodeFenced": case(
        {"cluster": "home", "node": "pve-02"},
        {f"hune_pve_ha_fencing{{{ON}}}": 0},
        {f"hune_pve_ha_fencing{{{ON}}}": 1},
        "ha",
    ),
    "HaServiceFailed": case(OF_GUEST, service("started"), service("error"), "ha"),
    "HaServiceRecovering": case(OF_GUEST, service("started"), service("recovery"), "ha"),
    "GuestDown": case(OF_GUEST, guest(1), guest(0), "guest-config", wait=60),
    "GuestUnprotected": case(
        OF_GUEST, judged("protected", "ok", "ok"), judged("unprotected", "none", "none"), "protection", wait=60
    ),
    "BackupLate": case(
        OF_GUEST, judged("protected", "ok", "ok"), judged("unprotected", "ok", "late"), "protection", wait=60
    ),
    "BackupFailed": case({"cluster": "home", "node": "pve-02"}, {}, {f"hune_pve_backups_failing{{{ON}}}": 2}, "tasks"),
    "ReplicationFailing": case(OF_JOB, replication(0, 0), replication(3, 0), "replication-jobs"),
    "ReplicationLate": case(OF_JOB, replication(0, 0), replication(0, -30 * 3600), "replication-jobs"),
    "StorageFilling": case(OF_TANK, storage(50), storage(90), "storage"),
    "StorageFull": case(OF_TANK, storage(50), storage(97), "storage"),
    "StorageOffline": case(
        OF_TANK,
        {f"hune_pve_storage_active{{{TANK}}}": 1},
        {f"hune_pve_storage_active{{{TANK}}}": 0},
        "storage",
        wait=60,
    ),
    "ZfsPoolDegraded": case(
        OF_POOL,
        {f'hune_pve_zfs_pool_healthy{{{ON},pool="rpool"}}': 1},
        {f'hune_pve_zfs_pool_healthy{{{ON},pool="rpool"}}': 0},
        "zfs",
    ),
    "ZfsPoolErrors": case(
        OF_POOL,
        {f'hune_pve_zfs_pool_errors{{{ON},pool="rpool",kind="read"}}': 0},
        {f'hune_pve_zfs_pool_errors{{{ON},pool="rpool",kind="read"}}': 4},
        "zfs",
    ),
    "DiskFailing": case(
        OF_DISK, {f"hune_pve_disk_healthy{{{DISK}}}": 1}, {f"hune_pve_disk_healthy{{{DISK}}}": 0}, "disks"
    ),
    "DiskWorn": case(
        OF_DISK, {f"hune_pve_disk_wear_ratio{{{DISK}}}": 0.5}, {f"hune_pve_disk_wear_ratio{{{DISK}}}": 0.93}, "disks"
    ),
    "CephFailing": case(CLUSTER, {"hune_pve_ceph_health_status": 0}, {"hune_pve_ceph_health_status": 2}, "ceph"),
    "CephWarning": case(
        CLUSTER, {"hune_pve_ceph_health_status": 0}, {"hune_pve_ceph_health_status": 1}, "ceph", wait=60
    ),
    "CephOsdDown": case(
        {"cluster": "home", "node": "pve-02", "osd": "3"},
        {f'hune_pve_ceph_osd_up{{osd="3",{ON},class="nvme"}}': 1},
        {f'hune_pve_ceph_osd_up{{osd="3",{ON},class="nvme"}}': 0},
        "ceph",
        wait=60,
    ),
    "CephFilling": case(
        {"cluster": "home", "pool": "vm"},
        {'hune_pve_ceph_pool_used_ratio{pool="vm"}': 0.5},
        {'hune_pve_ceph_pool_used_ratio{pool="vm"}': 0.8},
        "ceph",
        wait=60,
    ),
    "CertificateExpiring": case(
        {"cluster": "home", "node": "pve-02", "file": "pve-ssl.pem"},
        {f'hune_pve_certificate_expiry_timestamp_seconds{{{ON},file="pve-ssl.pem",subject="CN=a"}}': 90 * 86400},
        {f'hune_pve_certificate_expiry_timestamp_seconds{{{ON},file="pve-ssl.pem",subject="CN=a"}}': 3 * 86400},
        "certificates",
    ),
    "PveCollectorFailing": case(
        {"cluster": "home", "collector": "zfs"},
        {'pve_collector_success{collector="zfs"}': 1},
        {'pve_collector_success{collector="zfs"}': 0},
        wait=1800,
    ),
}
TOLD_OTHERWISE = {"PveApiSilent", "PveApiBusy"}
SILENT: Facts = {"answers": 0}
BACK: Facts = {"answers": 1}


def labels_of(name: str) -> dict[str, str]:
    return {**CASES[name].labels, "severity": PROBLEMS[name].severity}


def test_every_alert_has_its_case() -> None:
    assert set(CASES) | TOLD_OTHERWISE == set(PROBLEMS) - {problem.many for problem in PROBLEMS.values()}


@pytest.mark.parametrize("name", CASES)
def test_alert_begins_is_held_while_nothing_is_known_and_ends_when_measured(tmp_path: Path, name: str) -> None:
    this = CASES[name]
    told = 40 + this.wait
    silent, back, healed = told + 40, told + 280, told + 340
    told_at = {0: this.good, 30: this.bad, silent: SILENT, back: BACK, healed: this.good}
    labels = labels_of(name)
    run(
        tmp_path,
        make_pve_site(),
        pve_world(healed + 120, told_at),
        firing(25, name),
        *([firing(told - 15, name)] if this.wait else []),
        firing(told, name, labels),
        firing(silent + 10, name, labels),
        firing(back - 5, name, labels),
        believed_over(back - 5, name, labels, over=False),
        firing(back + 20, name, labels),
        believed_over(back + 20, name, labels, over=False),
        firing(healed + 10, name),
        believed_over(healed + 50, name, labels, over=True),
        every_seconds=10,
    )


@pytest.mark.parametrize("name", [name for name in CASES if CASES[name].collectors])
def test_what_a_failing_collector_leaves_out_is_held_and_what_is_deleted_is_over(tmp_path: Path, name: str) -> None:
    this = CASES[name]
    told = 40 + this.wait
    lost, found, deleted = told + 20, told + 140, told + 160
    # The status of guests comes as a whole: one that isn't in it is deleted.
    left_out = {series: None for series in this.deleted if not series.startswith("pve_")}
    success = {f'pve_collector_success{{collector="{collector}"}}': 0 for collector in this.collectors}
    read = dict.fromkeys(success, 1)
    labels = labels_of(name)
    run(
        tmp_path,
        make_pve_site(),
        pve_world(
            deleted + 120,
            {0: this.good, 30: this.bad, lost: {**left_out, **success}, found: {**this.bad, **read}}
            | {deleted: this.deleted},
        ),
        firing(lost + 100, name, labels),
        believed_over(lost + 100, name, labels, over=False),
        firing(found + 10, name, labels),
        firing(deleted + 10, name),
        believed_over(deleted + 50, name, labels, over=True),
        every_seconds=10,
    )


@pytest.mark.parametrize("name", [name for name in CASES if PROBLEMS[name].on_node])
def test_what_is_on_a_node_that_is_offline_is_not_over(tmp_path: Path, name: str) -> None:
    this, labels = CASES[name], labels_of(name)
    offline: Facts = {**this.deleted, f"hune_pve_node_online{{{ON}}}": 0}
    removed: Facts = {f"hune_pve_node_online{{{ON}}}": None}
    told = 40 + this.wait
    run(
        tmp_path,
        make_pve_site(),
        pve_world(told + 300, {0: this.good, 30: this.bad, told + 20: offline, told + 200: removed}),
        firing(told + 180, name, labels),
        believed_over(told + 180, name, labels, over=False),
        firing(told + 215, name),
        believed_over(told + 260, name, labels, over=True),
        every_seconds=10,
    )


@pytest.mark.parametrize("name", [problem.many for problem in PROBLEMS.values() if problem.many])
def test_what_many_have_in_common_is_told_once(tmp_path: Path, name: str) -> None:
    [one] = [problem for problem in PROBLEMS.values() if problem.many == name]
    this = CASES[one.name]
    told = 45 + this.wait

    def of_all(facts: Facts) -> Facts:
        return {
            series.replace("qemu/100", f"qemu/{guest}").replace('"100-0"', f'"{guest}-0"'): value
            for guest in range(100, 100 + ONE_BY_ONE + 1)
            for series, value in facts.items()
        }

    run(
        tmp_path,
        make_pve_site(),
        pve_world(told + 60, {0: of_all(this.good), 30: of_all(this.bad)}),
        firing(25, name),
        firing(told, name, {"cluster": "home", "severity": PROBLEMS[name].severity}),
        firing(told, one.name),
        every_seconds=5,
    )


def test_cluster_taken_out_of_the_site_is_not_known_any_more(tmp_path: Path) -> None:
    labels = labels_of("PveNodeFenced")
    run(
        tmp_path,
        make_pve_site(proxmox=[]),
        pve_world(60, {0: CASES["PveNodeFenced"].bad}),
        firing(50, "PveNodeFenced"),
        believed_over(50, "PveNodeFenced", labels, over=True),
        every_seconds=10,
    )
